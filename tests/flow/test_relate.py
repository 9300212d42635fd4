"""Which alerts join an open incident, by which rule, and how one gets an incident of its own."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from copilot import investigations
from copilot.guard.tenancy import tenant_scope
from copilot.knowledge import incident_reader
from copilot.models import AuditEntry, EventRecord, Incident, RelatedAlert, Run, Service, ServiceDependency
from copilot.stages.ingest import _envelope
from integrations.base import Action, Event, ServiceReference
from tests.flow.test_correlate import START, apply
from tests.flow.test_correlate import event as same_service_event

if TYPE_CHECKING:
    from copilot.models import Tenant

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def shop(tenant: Tenant) -> None:
    """checkout needs payments; the others need nobody."""
    with tenant_scope(tenant.id):
        made = {name: Service.objects.create(name=name) for name in ("checkout", "payments", "mail", "search")}
        ServiceDependency.objects.create(caller=made["checkout"], callee=made["payments"])


def alert(name: str, service: str, *, minute: float = 0, action: Action = Action.TRIGGERED, **more: Any) -> Event:
    """An alert of Alertmanager's, in which each alert is told alone."""
    from dataclasses import replace

    made = same_service_event(
        action, key=name, source="alertmanager", minute=minute, started_minute=more.pop("began", minute), symptom=name,
        title=f"{name} fires", **more,
    )  # fmt: skip
    return replace(made, service=ServiceReference(name=service))


def happen(tenant: Tenant, *events: Event) -> None:
    """Store and correlate events as ingestion does, their envelopes with them."""
    with tenant_scope(tenant.id):
        for one in events:
            apply(one)
            EventRecord.objects.filter(source=one.source, dedupe_key=one.dedupe_key, action=one.action).update(
                envelope=_envelope(one)
            )


def told(tenant: Tenant) -> dict[int, list[tuple[str, str, bool]]]:
    """Each incident's number, with its related alerts: title, rule, whether it fires."""
    with tenant_scope(tenant.id):
        return {
            one.number: [(a.title, a.rule, a.is_firing) for a in one.related_alerts.filter(split_into=None)]
            for one in Incident.objects.order_by("number")
        }


def test_another_symptom_of_the_same_service_joins_and_starts_no_look_of_its_own(tenant: Tenant) -> None:
    happen(tenant, alert("latency", "checkout"), alert("errors", "checkout", minute=4))
    assert told(tenant) == {1: [("errors fires", "same service, 4 min after its page", True)]}
    with tenant_scope(tenant.id):
        assert Run.objects.count() == 1


@pytest.mark.parametrize(("first", "second"), [("checkout", "payments"), ("payments", "checkout")])
def test_an_alert_of_what_it_needs_or_of_who_needs_it_joins(tenant: Tenant, first: str, second: str) -> None:
    happen(tenant, alert("one", first), alert("two", second, minute=2))
    assert told(tenant) == {1: [("two fires", "checkout needs payments, 2 min after its page", True)]}


def test_what_has_nothing_to_do_with_it_is_an_incident_of_its_own(tenant: Tenant) -> None:
    happen(tenant, alert("latency", "checkout"), alert("queue", "mail"), alert("late", "checkout", minute=16))
    assert told(tenant) == {1: [], 2: [], 3: []}


def test_a_resolved_incident_is_joined_by_nobody(tenant: Tenant) -> None:
    happen(
        tenant,
        alert("latency", "checkout"),
        alert("latency", "checkout", minute=2, began=0, action=Action.RESOLVED),
        alert("errors", "checkout", minute=3),
    )
    assert told(tenant) == {1: [], 2: []}


def test_relating_can_be_switched_off(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    from copilot.config import config
    from copilot.stages import relate

    monkeypatch.setattr(relate, "config", lambda: config().model_copy(update={"related_minutes": 0}))
    happen(tenant, alert("latency", "checkout"), alert("errors", "checkout", minute=1))
    assert told(tenant) == {1: [], 2: []}


def test_a_storm_of_two_hundred_alerts_becomes_six_incidents(tenant: Tenant) -> None:
    happen(tenant, *(alert(f"alert-{n}", f"service-{n}", minute=n * 0.005) for n in range(200)))
    found = told(tenant)
    assert {number: len(related) for number, related in found.items()} == {1: 194, 2: 0, 3: 0, 4: 0, 5: 0, 6: 0}
    assert found[1][0] == ("alert-6 fires", "storm: 7 alerts within 2 min", True)
    with tenant_scope(tenant.id):
        assert Run.objects.count() == 6


def test_a_storm_that_goes_on_stays_with_the_incident_that_it_began_with(tenant: Tenant) -> None:
    happen(tenant, *(alert(f"alert-{n}", f"service-{n}", minute=n * 0.05) for n in range(200)))
    assert {number: len(related) for number, related in told(tenant).items() if related} == {1: 194}


def test_the_incident_ends_with_the_last_of_its_alerts_and_a_related_one_moves_nothing_else(tenant: Tenant) -> None:
    happen(
        tenant,
        alert("latency", "checkout", assignees=("Ada",)),
        alert("pool", "payments", minute=1, assignees=("Bo",), severity="critical"),
        alert("pool", "payments", minute=2, began=1, action=Action.ACKNOWLEDGED, actor="Bo"),
        alert("latency", "checkout", minute=5, began=0, action=Action.RESOLVED),
    )
    with tenant_scope(tenant.id):
        incident = Incident.objects.get()
    assert (incident.status, incident.assignees, incident.acknowledged_by) == ("triggered", ["Ada"], "")
    assert incident.severity == "critical"
    happen(tenant, alert("pool", "payments", minute=9, began=1, action=Action.RESOLVED, actor="Bo"))
    with tenant_scope(tenant.id):
        incident = Incident.objects.get()
    assert (incident.status, incident.resolved_at) == ("resolved", START + timedelta(minutes=9))
    assert told(tenant)[1][0][2] is False


def test_not_related_gives_the_alert_an_incident_and_a_look_of_its_own_once(tenant: Tenant, committed_db: str) -> None:
    happen(
        tenant,
        alert("latency", "checkout"),
        alert("pool", "payments", minute=1),
        alert("pool", "payments", minute=3, began=1, action=Action.ACKNOWLEDGED, actor="Bo"),
    )
    with tenant_scope(tenant.id):
        row = RelatedAlert.objects.get()
    made = investigations.not_related(tenant.id, row.id, by="ada")
    assert investigations.not_related(tenant.id, row.id, by="ada") == made
    with tenant_scope(tenant.id):
        own = Incident.objects.get(id=made)
        assert (own.number, own.title, own.display_service) == (2, "pool fires", "payments")
        assert (own.status, own.acknowledged_by) == ("acknowledged", "Bo")
        assert own.runs.count() == 1
        assert AuditEntry.objects.get(action="not related").target == "INC-2"
    (line,) = incident_reader.read(tenant.id, row.incident_id).related
    assert (line.split_into, line.split_by) == (2, "ada")

    happen(tenant, alert("pool", "payments", minute=9, began=1, action=Action.RESOLVED))
    with tenant_scope(tenant.id):
        assert dict(Incident.objects.values_list("number", "status")) == {1: "triggered", 2: "resolved"}


def test_nobody_splits_another_tenants_alert(tenant: Tenant, other_tenant: Tenant, committed_db: str) -> None:
    happen(tenant, alert("latency", "checkout"), alert("errors", "checkout", minute=1))
    with tenant_scope(tenant.id):
        row = RelatedAlert.objects.get()
    with pytest.raises(LookupError, match="no such related alert"):
        investigations.not_related(other_tenant.id, row.id, by="eve")
