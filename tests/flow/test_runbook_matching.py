"""An incident's runbooks: for its service or a suspected kind of cause, those that fit its words first, and never another service's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from copilot.knowledge.runbook_matching import for_incident
from copilot.runbooks import library, starter
from copilot.runbooks.origins import Found, Origin

if TYPE_CHECKING:
    from copilot.models import Tenant

pytestmark = pytest.mark.django_db

OWN = """---
services: [checkout]
causes: [database connections]
date: 2026-03-04
---
# Checkout loses its database

## What to do

1. Restart PgBouncer: `kubectl -n shop rollout restart deployment/pgbouncer`.
"""


def add(tenant: Tenant, **texts: str) -> None:
    found = tuple(Found(f"{name}.md", text) for name, text in texts.items())
    library.bring_up_to_date(tenant.id, Origin("ops", found, whole=True), by="test")


def test_the_services_own_runbook_comes_before_the_general_one(tenant: Tenant) -> None:
    starter.load(tenant.id, by="test")
    add(tenant, own=OWN)
    found = for_incident(
        tenant.id,
        service="Checkout",
        words="checkout: database connection pool exhausted, too many connections",
        suspected=[("checkout", "database connections")],
    )

    assert [one.path for one in found[:2]] == ["own.md", "connection-pool.md"]
    assert found[0].steps == ("Restart PgBouncer: `kubectl -n shop rollout restart deployment/pgbouncer`.",)
    assert found[0].why == "it is for checkout; it is about database connections; it fits the incident's words"
    assert found[0].origin == "ops, own.md, written 2026-03-04"
    assert found[1].origin == "the starter set, connection-pool.md, reviewed 2026-11-21"


def test_a_runbook_for_other_services_is_not_shown(tenant: Tenant) -> None:
    add(tenant, own=OWN)

    assert (
        for_incident(
            tenant.id, service="cart", words="loses its database", suspected=[("cart", "database connections")]
        )
        == ()
    )


@pytest.mark.parametrize(
    ("words", "kind", "path"),
    [
        ("checkout was OOMKilled 3 times", "memory saturation", "oom-killed.md"),
        ("pods of checkout cannot pull image shop/checkout:v9", "image or registry", "image-pull.md"),
        ("error ratio of checkout 34 %, after rollout of v2", "bad deploy", "errors-after-deploy.md"),
        ("checkout: certificate of payments expired", "certificate or credentials", "certificate-expired.md"),
    ],
)
def test_the_kind_of_cause_and_the_words_choose_among_the_starter_set(
    tenant: Tenant, words: str, kind: str, path: str
) -> None:
    starter.load(tenant.id, by="test")
    found = for_incident(tenant.id, service="checkout", words=words, suspected=[("checkout", kind)])

    assert found[0].path == path
    assert all(f"it is about {kind}" in one.why for one in found)


def test_without_a_suspect_and_without_runbooks_nothing_is_shown(tenant: Tenant) -> None:
    assert for_incident(tenant.id, service="checkout", words="OOMKilled", suspected=[("checkout", "crash loop")]) == ()
    starter.load(tenant.id, by="test")
    assert for_incident(tenant.id, service="checkout", words="OOMKilled", suspected=[]) == ()


def test_what_the_incident_says_goes_before_the_kind_that_is_suspected(tenant: Tenant) -> None:
    starter.load(tenant.id, by="test")
    words = "High p95 latency. payments 2.14.0 deployed. connection pool in use 100 %. HikariPool: connection is not available"
    found = for_incident(tenant.id, service="checkout", words=words, suspected=[("payments", "bad deploy")])
    assert found[0].path == "connection-pool.md"
    assert found[0].why == "it fits the incident's words"
    assert all("it is about bad deploy" in one.why for one in found[1:])


def test_a_kind_that_the_words_do_not_bear_out_brings_no_runbook_for_another_fault(tenant: Tenant) -> None:
    starter.load(tenant.id, by="test")
    found = for_incident(
        tenant.id, service="ledger", words="Disk or volume is full on db1", suspected=[("checkout", "bad deploy")]
    )
    assert [one.path for one in found][:1] == ["volume-full.md"]
    assert "no-endpoints.md" not in [one.path for one in found]


def test_where_nothing_is_suspected_only_the_services_own_runbooks_are_shown(tenant: Tenant) -> None:
    starter.load(tenant.id, by="test")
    add(tenant, own=OWN)
    found = for_incident(tenant.id, service="checkout", words="checkout: disk is full, database", suspected=[])
    assert [one.path for one in found] == ["own.md"]
