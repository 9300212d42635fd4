"""Of 60 questions, how many find their runbook of the starter set among the first three."""

from __future__ import annotations

import pytest

from copilot.benchmarks import retrieval
from copilot.guard.tenancy import tenant_scope
from copilot.models import RunbookChunk, RunbookVector, Tenant
from copilot.runbooks import starter


@pytest.mark.django_db
def test_questions_find_their_runbook_among_the_first_three(tenant: Tenant) -> None:
    starter.load(tenant.id, by="evals")
    found = retrieval.recall(tenant.id)

    assert found["all"].questions == 60
    assert found["other words"].questions == found["own words"].questions == 30
    assert found["held out"].questions == 20
    assert found["all"].at_3 >= 0.85, found
    assert found["held out"].at_3 >= 0.85, found


@pytest.mark.django_db
def test_vectors_may_join_in_where_retrieval_is_measured(tenant: Tenant) -> None:
    found = retrieval.figures(20, 1, 64)

    assert (found["sections"], found["latency"]["searches"]) == (20, 60)
    assert found["recall"]["all"]["at_3"] >= retrieval.ENOUGH, found
    with tenant_scope(Tenant.objects.get(slug="much").id):
        assert RunbookVector.objects.count() == RunbookChunk.objects.count() > 0
