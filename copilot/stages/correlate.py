"""Event to incident: same service, same symptom, same window is the same incident."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.db.models import Q
from django.db.models.fields.json import KT
from django.utils import timezone

from copilot.config import config
from copilot.guard.tenancy import ScopeError, current_tenant
from copilot.models import EventRecord, Incident, IncidentCounter, IncidentStatus, RelatedAlert, Run
from copilot.stages.economy import count_run
from copilot.stages.plan import new_plan
from copilot.stages.relate import Relation, related_to
from copilot.stages.services import match_service, reference_name
from integrations.base import Action, Event, EventKind, ServiceReference

if TYPE_CHECKING:
    from uuid import UUID

    from copilot.models import Service

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
            relation = related_to(event, service)
            moved = _join(relation, event, service) if relation else begin(event, service)
            return _catch_up(moved, event)
    return _follow(incident, event)


def _follow(incident: Incident, event: Event) -> Moved:
    """Apply an event to the incident that has its key, or to the alert that joined it with that key."""
    alert = incident.related_alerts.filter(source=event.source, dedupe_key=event.dedupe_key[:300]).first()
    return _move_related(incident, alert, event) if alert else move(incident, event)


def _catch_up(moved: Moved, event: Event) -> Moved:
    """Apply what overtook the event that began its incident: a resolution that came first must still end it."""
    if moved.incident_id is None:
        return moved
    began = {"occurred_at": _time(event.occurred_at), "started_at": _time(event.started_at)}
    earlier_episode = Q(action=Action.RESOLVED.value, occurred_at=began["occurred_at"]) & ~Q(
        started_at=began["started_at"]
    )
    overtook = (
        EventRecord.objects.filter(
            source=event.source,
            dedupe_key=event.dedupe_key[:300],
            kind=EventKind.INCIDENT.value,
            incident__isnull=True,
            occurred_at__gte=began["occurred_at"],
        )
        .exclude(event_type=event.event_type[:80], **began)
        .exclude(earlier_episode)
        .order_by("occurred_at", "id")
    )
    for record in list(overtook):
        later = _follow(Incident.objects.get(id=moved.incident_id), event_of(record.envelope))
        EventRecord.objects.filter(id=record.id).update(incident_id=moved.incident_id)
        moved = Moved(moved.incident_id, later.run_id or moved.run_id)
    return moved


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


def begin(event: Event, service: Service | None) -> Moved:
    """Insert the incident of an event, and its first run; runs inside the tenant's scope and lock."""
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


def _join(relation: Relation, event: Event, service: Service | None) -> Moved:
    """Let an alert join an open incident; it is shown there in a line, and starts no look of its own."""
    incident = relation.incident
    RelatedAlert.objects.create(
        incident=incident,
        source=event.source,
        dedupe_key=event.dedupe_key[:300],
        service_name=(service.name if service else reference_name(event.service))[:200],
        title=(event.title or event.symptom or "Untitled alert")[:500],
        severity=event.severity[:20],
        url=event.url[:1000],
        rule=relation.rule[:300],
        started_at=_time(event.started_at),
    )
    changes: dict[str, Any] = {"publish_wanted_at": timezone.now(), "publish_not_before": timezone.now()}
    if event.severity in SEVERITIES and SEVERITIES.index(event.severity) > _severity(incident.severity):
        changes["severity"] = event.severity
    Incident.objects.filter(id=incident.id).update(**changes)
    return Moved(incident.id)


def _move_related(incident: Incident, alert: RelatedAlert, event: Event) -> Moved:
    """Apply a later event of an alert that joined: it may end or fire again; who works on it is the incident's own affair."""
    changes: dict[str, Any] = {"publish_wanted_at": timezone.now(), "publish_not_before": timezone.now()}
    is_firing = event.status != IncidentStatus.RESOLVED
    run: Run | None = None
    if event.status and is_firing != alert.is_firing and _is_last(alert, event):
        RelatedAlert.objects.filter(id=alert.id).update(is_firing=is_firing)
        if not is_firing and incident.status != IncidentStatus.RESOLVED:
            changes |= _resolution(incident, event, _time(event.occurred_at))
        elif is_firing and incident.status == IncidentStatus.RESOLVED:
            changes |= {"status": IncidentStatus.TRIGGERED, "resolved_at": None, "resolved_by": ""}
            run = start_run(incident, asked_by=f"{event.source}: {alert.title}"[:200])
    Incident.objects.filter(id=incident.id).update(**changes)
    return Moved(incident.id, run.id if run else None)


def _is_last(alert: RelatedAlert, event: Event) -> bool:
    """Return whether nothing later is known of the alert: a late event must not turn back what came after it."""
    at = _time(event.occurred_at)
    later = Q(occurred_at__gt=at)
    if event.status != IncidentStatus.RESOLVED and event.action is not Action.REOPENED:
        later |= Q(occurred_at=at, action=Action.RESOLVED.value, started_at__gte=_time(event.started_at))
    return not EventRecord.objects.filter(later, source=alert.source, dedupe_key=alert.dedupe_key).exists()


def split(alert_id: UUID, *, by: str) -> Moved:
    """Give an alert that joined an incident of its own, with all that was heard of it since; again does nothing.

    Runs inside the tenant's scope and lock.

    :raises LookupError: where there is no such alert.
    """
    alert = RelatedAlert.objects.select_related("incident").filter(id=alert_id).first()
    if alert is None:
        raise LookupError("there is no such related alert")
    if alert.split_into_id is not None:
        return Moved(alert.split_into_id)
    records = list(
        EventRecord.objects.filter(incident=alert.incident, source=alert.source, dedupe_key=alert.dedupe_key).order_by(
            "occurred_at", "id"
        )
    )
    if not records:
        raise LookupError("what was heard of this alert is not kept any more, so it cannot begin an incident")
    first, *later = [event_of(one.envelope) for one in records]
    # The alert's first event is told whole; where the storm began is no place to look for its service.
    moved = begin(first, match_service(first.service))
    if moved.incident_id is None:
        raise LookupError("this alert cannot begin an incident")
    EventRecord.objects.filter(id__in=[one.id for one in records]).update(incident_id=moved.incident_id)
    RelatedAlert.objects.filter(id=alert.id).update(split_into=moved.incident_id, split_by=by[:200])
    for event in later:
        move(Incident.objects.get(id=moved.incident_id), event)
    Incident.objects.filter(id=alert.incident_id).update(
        publish_wanted_at=timezone.now(), publish_not_before=timezone.now()
    )
    return moved


def start_run(incident: Incident, *, asked_by: str, until: datetime | None = None) -> Run:
    """Insert the incident's next run, which looks at nothing after `until`; the caller hints the workers after commit."""
    last = incident.runs.order_by("-sequence").values_list("sequence", flat=True).first() or 0
    plan = new_plan(until=until, limited=count_run(incident.tenant_id))
    return Run.objects.create(incident=incident, sequence=last + 1, asked_by=asked_by, plan=plan)


def move(incident: Incident, event: Event) -> Moved:
    """Apply a later event: what it says wins where it is the newest, and lists only ever grow more certain."""
    at = _time(event.occurred_at)
    changes: dict[str, Any] = {}
    run: Run | None = None
    is_newest = _is_newest(incident, event)
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
            # What is told of it afterwards, such as another priority, does not end it again.
            changes |= {} if incident.status == IncidentStatus.RESOLVED else _resolution(incident, event, at)
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


def _is_newest(incident: Incident, event: Event) -> bool:
    """Return whether an event tells how the incident is now; of events of one instant, a page is before all that befalls it.

    Vendors' clocks are coarse, and webhooks overtake each other: at the instant of its end only a reopening, or a page of another
    episode, opens an incident again.
    """
    at = _time(event.occurred_at)
    if at != incident.last_event_at:
        return at > incident.last_event_at
    if event.action is Action.TRIGGERED:
        return _time(event.started_at) > incident.started_at
    is_resolved = incident.status == IncidentStatus.RESOLVED
    return not is_resolved or event.status == IncidentStatus.RESOLVED or event.action is Action.REOPENED


def _resolution(incident: Incident, event: Event, at: datetime) -> dict[str, Any]:
    """Return what a resolution changes: an incident of several alerts ends with the last of them.

    Only events that say a status count: a note on an alert that has ended does not make it fire again.
    """
    others = (
        EventRecord.objects.filter(incident=incident)
        .exclude(source=event.source, dedupe_key=event.dedupe_key[:300])
        .alias(said=KT("envelope__status"))
        .filter(said__isnull=False)
        .order_by("source", "dedupe_key", "-occurred_at", "-id")
        .distinct("source", "dedupe_key")
    )
    if any(other.envelope["status"] != IncidentStatus.RESOLVED for other in others):
        return {}
    return {"status": IncidentStatus.RESOLVED, "resolved_at": at, "resolved_by": event.actor[:200]}


def event_of(envelope: dict[str, Any]) -> Event:
    """Return the event of a stored envelope; of a change event, without the change."""
    known = {one.name for one in fields(Event)}
    plain = {name: value for name, value in envelope.items() if name in known}
    assignees = plain.get("assignees")
    return Event(
        **{
            **plain,
            "kind": EventKind(plain["kind"]),
            "action": Action(plain["action"]) if plain.get("action") else None,
            "service": ServiceReference(**(plain.get("service") or {})),
            "assignees": tuple(assignees) if assignees is not None else None,
            "change": None,
        }
    )


def _severity(word: str) -> int:
    return SEVERITIES.index(word) if word in SEVERITIES else 0


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)


__all__ = ["BEGINS", "Moved", "begin", "correlate", "lock_tenant", "move", "next_number", "split", "start_run"]
