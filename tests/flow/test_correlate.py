"""Which events are one incident, and how later ones move it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from copilot.guard.tenancy import tenant_scope
from copilot.models import Incident, Run
from copilot.stages.correlate import Moved, correlate
from copilot.stages.ingest import _envelope
from integrations.base import Action, Event, EventKind, ServiceReference

if TYPE_CHECKING:
    from copilot.models import Service, Tenant

START = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)


def event(
    action: Action = Action.TRIGGERED,
    *,
    key: str = "P1",
    source: str = "pagerduty",
    minute: float = 0,
    started_minute: float = 0,
    status: str | None = None,
    symptom: str = "high p95 latency",
    service: str = "PCHECKOUT",
    **others: Any,
) -> Event:
    defaults = {Action.ACKNOWLEDGED: "acknowledged", Action.RESOLVED: "resolved", Action.ANNOTATED: ""}
    return Event(
        source=source,
        kind=EventKind.INCIDENT,
        event_type=f"incident.{action.value}",
        dedupe_key=key,
        occurred_at=(START + timedelta(minutes=minute)).timestamp(),
        started_at=(START + timedelta(minutes=started_minute)).timestamp(),
        action=action,
        status=(defaults.get(action, "triggered") if status is None else status) or None,
        title=others.pop("title", "High p95 latency"),
        symptom=symptom,
        service=ServiceReference(vendor_id=service, name="Checkout"),
        **others,
    )


def happen(tenant: Tenant, *events: Event) -> list[Moved]:
    """Store and correlate events as ingestion does."""
    with tenant_scope(tenant.id):
        return [apply(one) for one in events]


def apply(one: Event) -> Moved:
    from copilot.models import EventRecord

    record, is_new = EventRecord.objects.get_or_create(
        source=one.source,
        dedupe_key=one.dedupe_key,
        event_type=one.event_type,
        started_at=datetime.fromtimestamp(one.started_at, tz=UTC),
        occurred_at=datetime.fromtimestamp(one.occurred_at, tz=UTC),
        defaults={
            "kind": one.kind.value,
            "action": one.action.value if one.action else "",
            "actor": one.actor,
            "envelope": _envelope(one),
        },
    )
    if not is_new:
        return Moved()
    moved = correlate(one)
    EventRecord.objects.filter(id=record.id).update(incident_id=moved.incident_id)
    return moved


@pytest.fixture
def incidents(tenant: Tenant) -> Any:
    def read() -> list[Incident]:
        with tenant_scope(tenant.id):
            return list(Incident.objects.order_by("number"))

    return read


def test_a_page_begins_an_incident_and_its_first_run(tenant: Tenant, checkout: Service, incidents: Any) -> None:
    (moved,) = happen(tenant, event(assignees=("Alice",), urgency="high", priority="P1"))

    (incident,) = incidents()
    assert (incident.number, incident.service_id, incident.status) == (1, checkout.id, "triggered")
    assert (incident.assignees, incident.urgency, incident.priority) == (["Alice"], "high", "P1")
    assert incident.publish_wanted_at is not None
    with tenant_scope(tenant.id):
        run = Run.objects.get()
    assert (run.id, run.stage, run.sequence) == (moved.run_id, "open", 1)
    assert run.plan["stages"] == ["open", "gather", "propose", "rank", "post"]


def test_numbers_count_within_a_tenant(tenant: Tenant, other_tenant: Tenant, incidents: Any) -> None:
    happen(tenant, event(key="P1"), event(key="P2", symptom="disk full", minute=20, started_minute=20))
    happen(other_tenant, event(key="P1"))

    assert [one.number for one in incidents()] == [1, 2]
    with tenant_scope(other_tenant.id):
        assert Incident.objects.get().number == 1


def test_another_alert_of_the_same_service_and_symptom_joins(tenant: Tenant, checkout: Service, incidents: Any) -> None:
    first, second = happen(tenant, event(key="P1"), event(key="P2", minute=10))

    assert second.incident_id == first.incident_id
    assert second.run_id is None
    assert len(incidents()) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"symptom": "error ratio", "minute": 20, "started_minute": 20},
        {"service": "PPAYMENTS"},
        {"minute": 31, "started_minute": 31},
    ],
    ids=["another symptom, later", "another service", "outside of the window"],
)
def test_what_differs_is_another_incident(
    tenant: Tenant, checkout: Service, incidents: Any, other: dict[str, Any]
) -> None:
    with tenant_scope(tenant.id):
        type(checkout).objects.create(name="payments", pagerduty_id="PPAYMENTS")
    happen(tenant, event(key="P1"), event(key="P2", **other))

    assert len(incidents()) == 2


def test_the_same_event_twice_moves_nothing(tenant: Tenant, incidents: Any) -> None:
    happen(tenant, event(), event())

    assert len(incidents()) == 1


def test_acknowledge_reassign_priority_and_resolve_move_the_same_incident(
    tenant: Tenant, checkout: Service, incidents: Any
) -> None:
    happen(
        tenant,
        event(),
        event(Action.ACKNOWLEDGED, minute=2, actor="Alice"),
        event(Action.REASSIGNED, minute=3, assignees=("Bob",), status="acknowledged"),
        event(Action.PRIORITY_CHANGED, minute=4, priority="P2", status="acknowledged"),
    )
    (incident,) = incidents()
    assert (incident.status, incident.acknowledged_by, incident.assignees, incident.priority) == (
        "acknowledged",
        "Alice",
        ["Bob"],
        "P2",
    )

    happen(tenant, event(Action.RESOLVED, minute=9, actor="Bob"))
    (incident,) = incidents()
    assert (incident.status, incident.resolved_at, incident.resolved_by) == (
        "resolved",
        START + timedelta(minutes=9),
        "Bob",
    )


def test_reopening_starts_another_look(tenant: Tenant, incidents: Any) -> None:
    happen(tenant, event(), event(Action.RESOLVED, minute=9))
    (moved,) = happen(tenant, event(Action.REOPENED, minute=12))

    (incident,) = incidents()
    assert (incident.status, incident.resolved_at) == ("triggered", None)
    assert moved.run_id is not None
    with tenant_scope(tenant.id):
        assert Run.objects.get(id=moved.run_id).sequence == 2


def test_a_late_event_does_not_turn_back_what_came_after_it(tenant: Tenant, incidents: Any) -> None:
    happen(
        tenant,
        event(),
        event(Action.RESOLVED, minute=9),
        event(Action.ACKNOWLEDGED, minute=2, actor="Alice"),
    )

    (incident,) = incidents()
    assert (incident.status, incident.acknowledged_by) == ("resolved", "Alice")


def test_an_acknowledgement_that_overtakes_its_page_begins_the_incident(tenant: Tenant, incidents: Any) -> None:
    happen(tenant, event(Action.ACKNOWLEDGED, minute=1, actor="Alice"), event(minute=0))

    (incident,) = incidents()
    assert (incident.status, incident.acknowledged_by) == ("acknowledged", "Alice")


@pytest.mark.parametrize("resolved_minute", [9, 0], ids=["later", "at the same instant"])
def test_a_resolution_that_overtakes_its_page_still_ends_the_incident(
    tenant: Tenant, incidents: Any, resolved_minute: int
) -> None:
    happen(tenant, event(Action.RESOLVED, minute=resolved_minute, actor="Bob"), event(Action.ANNOTATED, minute=9))
    happen(tenant, event(minute=0))

    (incident,) = incidents()
    assert (incident.status, incident.resolved_by) == ("resolved", "Bob")
    assert incident.resolved_at == START + timedelta(minutes=resolved_minute)
    with tenant_scope(tenant.id):
        assert incident.events.count() == 3


def test_a_resolution_of_the_time_before_does_not_end_what_begins_later(tenant: Tenant, incidents: Any) -> None:
    happen(tenant, event(Action.RESOLVED, minute=5), event(minute=20, started_minute=20))

    assert [one.status for one in incidents()] == ["triggered"]


def test_a_resolution_that_overtakes_a_related_page_ends_it_there(tenant: Tenant, checkout: Service) -> None:
    happen(
        tenant,
        event(),
        event(Action.RESOLVED, key="P2", symptom="errors", minute=3),
        event(key="P2", symptom="errors", minute=1),
    )
    with tenant_scope(tenant.id):
        incident = Incident.objects.get()
        assert (incident.status, incident.related_alerts.get().is_firing) == ("triggered", False)

    happen(tenant, event(Action.RESOLVED, minute=6))
    with tenant_scope(tenant.id):
        assert Incident.objects.get().status == "resolved"


@pytest.mark.parametrize(
    ("actions", "status"),
    [
        ((Action.ACKNOWLEDGED, Action.TRIGGERED), "acknowledged"),
        ((Action.TRIGGERED, Action.RESOLVED, Action.ACKNOWLEDGED), "resolved"),
        ((Action.TRIGGERED, Action.RESOLVED, Action.PRIORITY_CHANGED), "resolved"),
        ((Action.TRIGGERED, Action.RESOLVED, Action.REOPENED), "triggered"),
        ((Action.TRIGGERED, Action.ACKNOWLEDGED, Action.UNACKNOWLEDGED), "triggered"),
    ],
)
def test_events_of_one_instant_are_put_in_the_order_in_which_they_can_have_happened(
    tenant: Tenant, incidents: Any, actions: tuple[Action, ...], status: str
) -> None:
    happen(tenant, *(event(one) for one in actions))

    assert [one.status for one in incidents()] == [status]


@pytest.mark.parametrize("action", [Action.RESOLVED, Action.ANNOTATED, Action.UPDATED])
def test_news_of_an_unknown_incident_begins_none(tenant: Tenant, incidents: Any, action: Action) -> None:
    happen(tenant, event(action))

    assert incidents() == []


def test_an_incident_of_two_alerts_ends_with_the_last_of_them(
    tenant: Tenant, checkout: Service, incidents: Any
) -> None:
    happen(tenant, event(key="P1"), event(key="P2", minute=1), event(Action.RESOLVED, key="P1", minute=5))
    assert incidents()[0].status == "triggered"

    happen(tenant, event(Action.RESOLVED, key="P2", minute=6))
    assert incidents()[0].status == "resolved"


@pytest.mark.parametrize(
    "told", [{"action": Action.ANNOTATED, "status": ""}, {"action": Action.PRIORITY_CHANGED, "status": "resolved"}]
)
def test_what_is_told_of_an_alert_after_its_end_keeps_nothing_open(
    tenant: Tenant, checkout: Service, incidents: Any, told: dict[str, Any]
) -> None:
    happen(tenant, event(key="P1"), event(key="P2", minute=1), event(Action.RESOLVED, key="P2", minute=5))
    happen(tenant, event(key="P2", minute=6, **told), event(Action.RESOLVED, key="P1", minute=7, actor="Bob"))
    happen(tenant, event(Action.PRIORITY_CHANGED, key="P1", minute=8, status="resolved", actor="Eve"))

    (incident,) = incidents()
    assert (incident.status, incident.resolved_by) == ("resolved", "Bob")
    assert incident.resolved_at == START + timedelta(minutes=7)


def test_a_key_that_fires_anew_after_its_end_is_a_new_incident(
    tenant: Tenant, checkout: Service, incidents: Any
) -> None:
    happen(
        tenant,
        event(source="alertmanager", key="fp"),
        event(Action.RESOLVED, source="alertmanager", key="fp", minute=5),
        event(source="alertmanager", key="fp", minute=20, started_minute=20),
    )

    assert [one.status for one in incidents()] == ["resolved", "triggered"]


def test_a_service_that_nobody_set_up_keeps_the_alerts_name(tenant: Tenant, incidents: Any) -> None:
    happen(tenant, event(service="PUNKNOWN"))

    (incident,) = incidents()
    assert (incident.service, incident.display_service) == (None, "Checkout")


def test_severity_only_grows(tenant: Tenant, incidents: Any) -> None:
    happen(
        tenant,
        event(severity="warning"),
        event(Action.UPDATED, minute=1, severity="critical"),
        event(Action.UPDATED, minute=2, severity="info"),
    )

    assert incidents()[0].severity == "critical"
