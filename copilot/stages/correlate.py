"""Event to incident: same service, same symptom, same window is the same incident."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.utils import timezone

from copilot.config import config
from copilot.guard.tenancy import ScopeError, current_tenant
from copilot.models import EventRecord, Incident, IncidentCounter, IncidentStatus, Run
from copilot.stages.plan import new_plan
from copilot.stages.services import match_service, reference_name
from integrations.base import Action

if TYPE_CHECKING:
    from uuid import UUID

    from copilot.models import Service
    from integrations.base import Event

# What may begin an incident that we have not heard of: each of these carries the incident whole. A resolution, a note or
# another update of an unknown incident is about something that began before the tenant connected.
BEGINS = {
    Action.TRIGGERED,
    Action.ACKNOWLEDGED,
    Action.UNACKNOWLEDGED,
    Action.REASSIGNED,
    Action.ESCALATED,
    Action.DELEGATED,
    Action.PRIORITY_CHANGED,
    Action.REOPENED,
}
SEVERITIES = ("", "info", "warning", "error", "critical")


@dataclass(frozen=True, slots=True)
class Moved:
    """Hold the incident that an event moved, and the run that it started."""

    incident_id: UUID | None = None
    run_id: UUID | None = None


def lock_tenant(tenant_id: UUID) -> None:
    """Wait until no other transaction correlates for this tenant; released at the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"correlate/{tenant_id}"])


def correlate(event: Event) -> Moved:
    """Find or begin the incident of an event, and move it. Runs inside the tenant's scope and lock."""
    if event.action is None:
        return Moved()
    incident = _known(event)
    if incident is None:
        if event.action not in BEGINS or event.status == IncidentStatus.RESOLVED:
            return Moved()
        service = match_service(event.service)
        incident = _alike(event, service)
        if incident is None:
            return _begin(event, service)
    return _move(incident, event)


def _known(event: Event) -> Incident | None:
    """Return the incident that this key moved last, unless the key began anew after that one was resolved."""
    record = (
        EventRecord.objects.filter(source=event.source, dedupe_key=event.dedupe_key[:300], incident__isnull=False)
        .select_related("incident", "incident__service")
        .order_by("-occurred_at", "-id")
        .first()
    )
    if record is None or record.incident is None:
        return None
    incident: Incident = record.incident
    began_anew = (
        event.action is Action.TRIGGERED
        and incident.resolved_at is not None
        and _time(event.started_at) > incident.resolved_at
    )
    return None if began_anew else incident


def _alike(event: Event, service: Service | None) -> Incident | None:
    """Return an open incident of the same service and symptom that was moved within the window."""
    name = reference_name(event.service)[:200]
    if not event.symptom or (service is None and not name):
        return None
    since = _time(event.occurred_at) - timedelta(minutes=config().correlation_minutes)
    same = Incident.objects.exclude(status=IncidentStatus.RESOLVED).filter(
        symptom=event.symptom[:300], last_event_at__gte=since
    )
    same = same.filter(service=service) if service else same.filter(service__isnull=True, service_name=name)
    return same.select_related("service").order_by("-last_event_at").first()


def next_number() -> int:
    """Return the tenant's next incident number."""
    tenant_id = current_tenant()
    if tenant_id is None:
        raise ScopeError("an incident is numbered outside of any tenant's scope")
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {IncidentCounter._meta.db_table} (tenant_id, value) VALUES (%s, 1)"  # noqa: S608, SLF001 - the table's own name
            " ON CONFLICT (tenant_id) DO UPDATE SET value = copilot_incidentcounter.value + 1 RETURNING value",
            [tenant_id],
        )
        (value,) = cursor.fetchone()
    return int(value)


def _begin(event: Event, service: Service | None) -> Moved:
    status = event.status or IncidentStatus.TRIGGERED
    incident = Incident.objects.create(
        number=next_number(),
        service=service,
        service_name=reference_name(event.service)[:200],
        title=(event.title or event.symptom or "Untitled alert")[:500],
        symptom=event.symptom[:300],
        status=status,
        severity=event.severity,
        priority=(event.priority or "")[:60],
        urgency=(event.urgency or "")[:20],
        assignees=list(event.assignees or ()),
        source=event.source,
        dedupe_key=event.dedupe_key[:300],
        url=event.url[:1000],
        labels=dict(event.labels),
        started_at=_time(event.started_at),
        alert_at=_time(event.started_at),
        acknowledged_at=_time(event.occurred_at) if status == IncidentStatus.ACKNOWLEDGED else None,
        acknowledged_by=event.actor[:200] if status == IncidentStatus.ACKNOWLEDGED else "",
        last_event_at=_time(event.occurred_at),
        publish_wanted_at=timezone.now(),
    )
    run = start_run(incident, asked_by="")
    return Moved(incident.id, run.id)


def start_run(incident: Incident, *, asked_by: str) -> Run:
    """Insert the incident's next run; the caller hints the workers after commit."""
    last = incident.runs.order_by("-sequence").values_list("sequence", flat=True).first() or 0
    return Run.objects.create(incident=incident, sequence=last + 1, asked_by=asked_by, plan=new_plan())


def _move(incident: Incident, event: Event) -> Moved:
    """Apply a later event: what it says wins where it is the newest, and lists only ever grow more certain."""
    at = _time(event.occurred_at)
    changes: dict[str, Any] = {}
    run: Run | None = None
    is_newest = at >= incident.last_event_at
    if is_newest:
        changes["last_event_at"] = at
        if event.assignees is not None and event.source == incident.source:
            changes["assignees"] = list(event.assignees)
        if event.priority is not None:
            changes["priority"] = event.priority[:60]
        if event.urgency is not None:
            changes["urgency"] = event.urgency[:20]
    if event.severity in SEVERITIES and SEVERITIES.index(event.severity) > _severity(incident.severity):
        changes["severity"] = event.severity
    if event.action is Action.ACKNOWLEDGED and incident.acknowledged_at is None:
        changes["acknowledged_at"] = at
        changes["acknowledged_by"] = event.actor[:200]
    if is_newest and event.status:
        if event.status == IncidentStatus.RESOLVED:
            changes |= _resolution(incident, event, at)
        elif incident.status == IncidentStatus.RESOLVED:
            changes |= {"status": event.status, "resolved_at": None, "resolved_by": ""}
            run = start_run(incident, asked_by=f"{event.source}: {(event.action or Action.REOPENED).value}")
        else:
            changes["status"] = event.status
            if event.action is Action.UNACKNOWLEDGED:
                changes |= {"acknowledged_at": None, "acknowledged_by": ""}
    changes["publish_wanted_at"] = timezone.now()
    changes["publish_not_before"] = timezone.now()
    Incident.objects.filter(id=incident.id).update(**changes)
    return Moved(incident.id, run.id if run else None)


def _resolution(incident: Incident, event: Event, at: datetime) -> dict[str, Any]:
    """Return what a resolution changes: an incident of several alerts ends with the last of them."""
    others = (
        EventRecord.objects.filter(incident=incident)
        .exclude(source=event.source, dedupe_key=event.dedupe_key[:300])
        .order_by("source", "dedupe_key", "-occurred_at", "-id")
        .distinct("source", "dedupe_key")
    )
    if any(other.action != Action.RESOLVED.value for other in others):
        return {}
    return {"status": IncidentStatus.RESOLVED, "resolved_at": at, "resolved_by": event.actor[:200]}


def _severity(word: str) -> int:
    return SEVERITIES.index(word) if word in SEVERITIES else 0


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)


__all__ = ["BEGINS", "Moved", "correlate", "lock_tenant", "next_number", "start_run"]
