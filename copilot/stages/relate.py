"""Which open incident a new alert belongs to, by rules that are told; and how people undo it.

The rules, the first that holds counts; all look at open incidents that were paged less than `related_minutes` before:
same service; a direct dependency between the two services, in either direction; a storm, that is more than `storm_alerts`
new alerts within two minutes, which join the incident with which the storm began.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from django.db.models import Q
from django.utils import timezone

from copilot.config import config
from copilot.models import Incident, IncidentStatus, RelatedAlert, ServiceDependency
from copilot.stages.services import reference_name
from copilot.topology.graph import ALLOWED
from copilot.topology.reading import asked_at, sighting

if TYPE_CHECKING:
    from copilot.models import Service
    from integrations.base import Event

STORM_TIME = timedelta(minutes=2)
STORM = "storm"
# A clock that is a little off, or a webhook that overtook another, must not part what began together.
EARLY = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Relation:
    """Hold the incident that an alert belongs to, and why, in words."""

    incident: Incident
    rule: str


def related_to(event: Event, service: Service | None) -> Relation | None:
    """Return the open incident that a new alert belongs to; runs inside the tenant's scope and lock."""
    window = timedelta(minutes=config().related_minutes)
    if not window:
        return None
    at = datetime.fromtimestamp(event.started_at, tz=UTC)
    near = list(
        Incident.objects.exclude(status=IncidentStatus.RESOLVED)
        .filter(alert_at__gte=at - window, alert_at__lte=at + EARLY)
        .select_related("service")
        .order_by("alert_at", "number")
    )
    if not near:
        return None
    return _same_service(event, service, near, at) or _dependency(service, near, at) or _storm(near, at)


def _same_service(event: Event, service: Service | None, near: list[Incident], at: datetime) -> Relation | None:
    name = reference_name(event.service)[:200]
    for incident in near:
        same = (
            incident.service_id == service.id
            if service
            else bool(name) and incident.service_id is None and incident.service_name == name
        )
        if same:
            return Relation(incident, f"same service, {_after(incident, at)}")
    return None


def _dependency(service: Service | None, near: list[Incident], at: datetime) -> Relation | None:
    known = {one.service_id: one for one in reversed(near) if one.service_id is not None}
    if service is None or not known:
        return None
    arrows = (
        ServiceDependency.objects.filter(Q(caller=service, callee__in=known) | Q(callee=service, caller__in=known))
        .exclude(caller=service, callee=service)
        .select_related("caller", "callee")
    )
    asked, now = asked_at(), timezone.now()
    found = [
        (known[one.callee_id if one.caller_id == service.id else one.caller_id], one)
        for one in arrows
        if one.source != ALLOWED and not sighting(one, asked, now).is_stale
    ]
    if not found:
        return None
    incident, arrow = min(found, key=lambda pair: (pair[0].alert_at, pair[0].number, pair[1].id))
    return Relation(incident, f"{arrow.caller.name} needs {arrow.callee.name}, {_after(incident, at)}")


def _storm(near: list[Incident], at: datetime) -> Relation | None:
    """Return the incident with which a storm began, where there is one: more alerts of late than a person can read."""
    since = at - STORM_TIME
    begun = [one for one in near if one.alert_at >= since]
    joined = RelatedAlert.objects.filter(started_at__gte=since, started_at__lte=at + EARLY, split_into=None)
    count = len(begun) + joined.count() + 1
    if count <= config().storm_alerts:
        return None
    # A storm that goes on for longer stays with the incident that it began with.
    last = joined.filter(incident__in=near, rule__startswith=STORM).order_by("-joined_at").first()
    first = next((one for one in near if last and one.id == last.incident_id), begun[0] if begun else None)
    return Relation(first, f"{STORM}: {count} alerts within 2 min") if first else None


def _after(incident: Incident, at: datetime) -> str:
    minutes = round((at - incident.alert_at).total_seconds() / 60)
    return "at the same time" if minutes <= 0 else f"{minutes} min after its page"


__all__ = ["Relation", "related_to"]
