"""What an incident's sources see of who needs whom goes into the tenant's graph, and never holds the incident up."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import DatabaseError, close_old_connections, connection
from django.test.utils import CaptureQueriesContext

from copilot import connections, flow
from copilot.guard.tenancy import tenant_scope
from copilot.models import Run, Service, ServiceDependency, Stage
from copilot.topology import reading, records, sightings
from integrations.base import Action
from integrations.registry import integrations
from integrations.survey import Call, Survey, Thing
from scoring.observations import Dependency, Entity, EntityKind, State
from tests.flow.test_correlate import event, happen
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from copilot.models import Tenant

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CHECKOUT = Entity(EntityKind.WORKLOAD, "checkout-v2", "shop", "checkout")
PAYMENTS = Entity(EntityKind.SERVICE, "payments", "shop", "payments")
ORDERS_DB = Entity(EntityKind.DATABASE, "orders-db")
NODE = Entity(EntityKind.NODE, "node-1")
SEEN = (
    Dependency(CHECKOUT, PAYMENTS, "kubernetes environment"),
    Dependency(CHECKOUT, ORDERS_DB, "kubernetes environment"),
    # Who waits for a node, and what is told beside states, are no calls.
    Dependency(CHECKOUT, NODE, "kubernetes environment"),
    Dependency(CHECKOUT, PAYMENTS, "kubernetes"),
    Dependency(PAYMENTS, PAYMENTS, "kubernetes environment"),
)


def known(tenant: Tenant) -> list[Service]:
    with tenant_scope(tenant.id):
        return list(Service.objects.all())


def keep(tenant: Tenant, *told: Dependency, slug: str = "kubernetes", at: datetime = NOW) -> int:
    return sightings.record(tenant.id, sightings.calls(slug, told), known(tenant), detail="seen at INC-7", at=at)


def arrows(tenant: Tenant) -> list[tuple[str, str, str, str, datetime]]:
    with tenant_scope(tenant.id):
        rows = ServiceDependency.objects.order_by("caller__name", "callee__name", "source")
        return [
            (one.caller.name, one.callee.name, one.source, one.detail, one.last_seen_at)
            for one in rows.select_related("caller", "callee")
        ]


@pytest.mark.django_db
def test_calls_are_kept_with_who_saw_them_where_and_when_and_match_what_is_set_up(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        Service.objects.create(name="Checkout service", namespace="shop", workload="checkout-v2", channel="#shop")

    assert keep(tenant, *SEEN) == 2
    assert keep(tenant, Dependency(PAYMENTS, ORDERS_DB, "client spans"), slug="tempo") == 1

    assert arrows(tenant) == [
        ("Checkout service", "orders-db", "kubernetes environment", "seen at INC-7", NOW),
        ("Checkout service", "payments", "kubernetes environment", "seen at INC-7", NOW),
        ("payments", "orders-db", "tempo client spans", "seen at INC-7", NOW),
    ]
    nodes = reading.read(tenant.id, now=NOW).nodes
    assert {name: (one.kind, one.origin) for name, one in nodes.items()} == {
        "Checkout service": ("service", ""),
        "orders-db": ("database", "kubernetes environment"),
        "payments": ("service", "kubernetes environment"),
    }


@pytest.mark.django_db
def test_what_a_survey_saw_is_seen_again_keeps_its_detail_and_is_not_written_in_every_storm(tenant: Tenant) -> None:
    call = Call(
        Thing("checkout", namespace="shop"),
        Thing("payments", namespace="shop"),
        "kubernetes environment",
        "PAYMENTS_URL",
    )
    records.record(tenant.id, Survey(calls=(call,)), kind="kubernetes", at=NOW)
    told = Dependency(CHECKOUT, PAYMENTS, "kubernetes environment")

    soon, later = NOW + timedelta(minutes=9), NOW + timedelta(days=6)
    assert [keep(tenant, told, at=at) for at in (soon, later, later)] == [0, 1, 0]
    assert arrows(tenant) == [("checkout", "payments", "kubernetes environment", "PAYMENTS_URL", later)]
    edge = reading.read(tenant.id, now=NOW + timedelta(days=8)).edge("checkout", "payments")
    assert edge is not None
    assert (edge.is_used, edge.sightings[0].first_seen_at) == (True, NOW)


@pytest.mark.django_db
def test_what_is_known_takes_one_statement_however_much_was_seen(tenant: Tenant) -> None:
    many = [Dependency(CHECKOUT, Entity(EntityKind.SERVICE, f"s{n}", "shop", f"s{n}"), "jaeger") for n in range(40)]
    keep(tenant, *many, slug="jaeger")
    rows = known(tenant)

    with CaptureQueriesContext(
        connection,
    ) as asked:
        sightings.record(tenant.id, sightings.calls("jaeger", many), rows, detail="", at=NOW + timedelta(days=1))

    written = [one["sql"] for one in asked.captured_queries if "copilot_service" in one["sql"]]
    assert [one.split()[:3] for one in written] == [["INSERT", "INTO", "copilot_servicedependency"]]
    assert len(arrows(tenant)) == 40


@pytest.mark.django_db
def test_no_look_adds_more_services_than_its_share_and_another_tenant_sees_none(
    tenant: Tenant, other_tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sightings, "MOST_NEW", 3)
    keep(
        tenant, *(Dependency(CHECKOUT, Entity(EntityKind.SERVICE, f"s{n}"), "jaeger") for n in range(9)), slug="jaeger"
    )

    assert [one[1] for one in arrows(tenant)] == ["s0", "s1"]
    assert known(other_tenant) == []


# --- within a run ----------------------------------------------------------------------------------------------------


@pytest.fixture
def paged(tenant: Tenant, committed_db: str, hints: list[Any], monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run whose Kubernetes sees calls and whose Loki, of which no survey is made, says it does, too."""
    for kind, values, told in (
        ("kubernetes", {"url": "https://kube.example.org", "token": "t"}, SEEN),
        ("loki", {"url": "http://loki.example.org"}, (Dependency(PAYMENTS, ORDERS_DB, "loki"),)),
    ):

        def gather(*_: Any, told: tuple[Dependency, ...] = told) -> Iterator[State | Dependency]:
            yield from told

        monkeypatch.setattr(integrations()[kind], "gather", gather, raising=False)
        connections.connect(tenant.id, kind, values, actor="test")
    happen(tenant, event(Action.TRIGGERED, symptom="Slow", title="Slow"))
    with tenant_scope(tenant.id):
        return Run.objects.get()


def finished(run: Run) -> bool:
    flow.advance(run.tenant_id, run.id)
    with tenant_scope(run.tenant_id):
        return Run.objects.filter(id=run.id, stage=Stage.DONE).exists()


def test_a_run_teaches_the_graph_what_its_sources_saw(paged: Run, tenant: Tenant) -> None:
    assert finished(paged)

    assert {(one[0], one[1], one[2], one[3]) for one in arrows(tenant)} == {
        ("checkout", "orders-db", "kubernetes environment", "seen at INC-1"),
        ("checkout", "payments", "kubernetes environment", "seen at INC-1"),
    }


def test_a_run_does_not_wait_for_whoever_writes_the_graph(paged: Run, tenant: Tenant) -> None:
    holding, done = threading.Event(), threading.Event()

    def survey() -> None:
        try:
            with tenant_scope(tenant.id):
                records.take_turns(tenant.id)
                holding.set()
                assert done.wait(PATIENCE)
        finally:
            close_old_connections()

    writer = threading.Thread(target=survey)
    writer.start()
    assert holding.wait(PATIENCE)
    try:
        assert finished(paged)
        assert arrows(tenant) == []
    finally:
        done.set()
        writer.join(PATIENCE)


def test_a_run_goes_on_where_its_sightings_cannot_be_kept(
    paged: Run, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> int:
        raise DatabaseError("disk full")

    monkeypatch.setattr(sightings, "record", broken)

    assert finished(paged)
    assert arrows(tenant) == []
