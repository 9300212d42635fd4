"""The services around an incident: whom the paged one needs, who needs it, and who lives beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from copilot.models import Service, ServiceDependency
from scoring.observations import Dependency, Entity, EntityKind

if TYPE_CHECKING:
    from copilot.models import Incident

# Enough for what one service can suffer from, few enough to ask about within seconds.
MOST_NEIGHBOURS = 20
# Callees of callees are asked about, too: the deepest slow one is often the cause.
DEPTH = 3


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """Hold the incident's subject, its service where known, the neighbours in order of nearness, and who needs whom."""

    subject: Entity
    service: Service | None
    neighbours: tuple[Service, ...]
    dependencies: tuple[Dependency, ...]

    @property
    def services(self) -> tuple[Service, ...]:
        """Return the paged service, where known, and its neighbours."""
        return (*((self.service,) if self.service else ()), *self.neighbours)


def neighbourhood(incident: Incident) -> Neighbourhood:
    """Return the services around an incident; runs inside the tenant's scope."""
    services = {service.id: service for service in Service.objects.all()}
    arrows = list(ServiceDependency.objects.values_list("caller_id", "callee_id", "source"))
    subject = (
        incident.service.entity
        if incident.service
        else Entity(EntityKind.SERVICE, incident.display_service, "", incident.display_service)
    )
    nearest: list[int] = []
    if incident.service_id is not None:
        frontier = [incident.service_id]
        for _ in range(DEPTH):
            frontier = sorted(
                {callee for caller, callee, _ in arrows if caller in frontier} - {*nearest, incident.service_id}
            )
            nearest.extend(frontier)
        nearest.extend(
            sorted(
                {caller for caller, callee, _ in arrows if callee == incident.service_id}
                - {*nearest, incident.service_id}
            )
        )
    # Without declared dependencies the others may still be connected: Kubernetes and traces will tell.
    namespace = incident.service.namespace if incident.service else ""
    others = sorted(
        (one for one in services.values() if one.id not in nearest and one.id != incident.service_id),
        key=lambda one: (one.namespace != namespace, one.name),
    )
    chosen = [*(services[key] for key in nearest), *others][:MOST_NEIGHBOURS]
    known = {one.id for one in chosen} | {incident.service_id}
    return Neighbourhood(
        subject=subject,
        service=incident.service,
        neighbours=tuple(chosen),
        dependencies=tuple(
            Dependency(services[caller].entity, services[callee].entity, source)
            for caller, callee, source in sorted(arrows)
            if caller in known and callee in known
        ),
    )
