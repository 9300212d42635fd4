"""Within which bounds tools look: an incident's services and time, or those of a whole tenant as it is now."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from copilot.guard.tenancy import tenant_scope
from copilot.knowledge import incident_reader
from copilot.models import Incident, Service
from copilot.stages.neighbourhood import neighbourhood
from copilot.tools.tool import Reach
from integrations.base import OutOfScope, Scope
from scoring.observations import Window

if TYPE_CHECKING:
    from uuid import UUID

    from copilot.guard.http.deadline import Deadline
    from copilot.knowledge.briefing import Briefing

AFTER_RESOLVED = 600.0
LOOK_BACK = 3600.0
# More services than this are seldom set up, and few sources could tell them all apart in one question.
MOST_SERVICES = 300


def of_incident(tenant_id: UUID, incident_id: UUID, deadline: Deadline, *, briefing: Briefing | None = None) -> Reach:
    """Return the bounds of an incident: the services around it, until now or until well after it was resolved.

    :raises LookupError: where there is no such incident.
    """
    briefing = briefing or incident_reader.read(tenant_id, incident_id)
    with tenant_scope(tenant_id):
        incident = Incident.objects.select_related("service").get(id=incident_id)
        around = neighbourhood(incident)
    end = timezone.now().timestamp()
    if incident.resolved_at is not None:
        end = min(end, incident.resolved_at.timestamp() + AFTER_RESOLVED)
    return Reach(
        tenant_id=tenant_id,
        bounds=Scope(
            service=incident.service.scope if incident.service else None,
            neighbours=tuple(service.scope for service in around.neighbours),
            alert_title=incident.title,
            alert_labels={str(name): str(value) for name, value in incident.labels.items()},
            external_url=incident.url,
            dedupe_key=incident.dedupe_key,
        ),
        window=Window(start=end - LOOK_BACK, end=end, alert_at=min(incident.alert_at.timestamp(), end)),
        services=tuple(around.services),
        deadline=deadline,
        incident=incident,
        briefing=briefing,
    )


def of_tenant(tenant_id: UUID, deadline: Deadline) -> Reach:
    """Return the bounds of a tenant: all its services, as they are now."""
    with tenant_scope(tenant_id):
        services = tuple(Service.objects.order_by("name")[:MOST_SERVICES])
    end = timezone.now().timestamp()
    return Reach(
        tenant_id=tenant_id,
        bounds=Scope(service=None, neighbours=tuple(service.scope for service in services)),
        window=Window(start=end - LOOK_BACK, end=end, alert_at=end),
        services=services,
        deadline=deadline,
    )


def outside(reach: Reach, name: str) -> OutOfScope:
    """Return the refusal of a service that is not within the bounds; it says which are."""
    names = ", ".join(service.name for service in reach.services[:30]) or "none"
    bounds = "this incident" if reach.incident else "what is set up"
    return OutOfScope(f"service {name[:60]!r} is outside {bounds}; known are: {names}")


def narrowed(reach: Reach, arguments: Any) -> Reach:
    """Return the bounds with the service or the namespace that is asked about first: sources ask about the first few alone."""
    if reach.incident is not None:
        return reach
    name, namespace = getattr(arguments, "service", ""), getattr(arguments, "namespace", "")
    neighbours = reach.bounds.neighbours
    if namespace:
        neighbours = tuple(one for one in neighbours if one.namespace == namespace)
    elif name:
        neighbours = tuple(sorted(neighbours, key=lambda one: one.name != name))
    return replace(reach, bounds=replace(reach.bounds, neighbours=neighbours))
