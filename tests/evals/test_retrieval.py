"""Of 60 questions, how many find their runbook of the starter set among the first three."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from copilot.benchmarks import retrieval
from copilot.runbooks import starter

if TYPE_CHECKING:
    from copilot.models import Tenant


@pytest.mark.django_db
def test_questions_find_their_runbook_among_the_first_three(tenant: Tenant) -> None:
    starter.load(tenant.id, by="evals")
    found = retrieval.recall(tenant.id)

    assert found["all"].questions == 60
    assert found["other words"].questions == found["own words"].questions == 30
    assert found["held out"].questions == 20
    assert found["all"].at_3 >= 0.85, found
    assert found["held out"].at_3 >= 0.85, found
