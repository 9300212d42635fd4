"""The services around an incident: whom the paged one needs, who needs it, and who lives beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from copilot.models import Service, ServiceKind
from copilot.topology.graph import walk
from copilot.topology.reading import read
from scoring.observations import Dependency, Entity, EntityKind

if TYPE_CHECKING:
    from copilot.models import Incident

# Enough for what one service can suffer from, few enough to ask about within seconds.
MOST_NEIGHBOURS = 20
# Callees of callees are asked about, too: the deepest slow one is often the cause.
DEPTH = 3


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """Hold the incident's subject, its service where known, the neighbours in order of nearness, and who needs whom.

    `known` are all services of the tenant.
    """

    subject: Entity
    service: Service | None
    neighbours: tuple[Service, ...]
    dependencies: tuple[Dependency, ...]
    known: tuple[Service, ...] = ()

    @property
    def services(self) -> tuple[Service, ...]:
        """Return the paged service, where known, and its neighbours."""
        return (*((self.service,) if self.service else ()), *self.neighbours)


def neighbourhood(incident: Incident) -> Neighbourhood:
    """Return the services around an incident, by the topology as it is known now; runs inside the tenant's scope.

    Arrows that no source has seen of late, or that are merely allowed, are left out. Outside parties are
    nobody's to ask about: they are in the dependencies alone.
    """
    services = {service.name: service for service in Service.objects.all()}
    topology = read(incident.tenant_id)
    own = incident.service.name if incident.service else ""
    subject = (
        incident.service.entity
        if incident.service
        else Entity(EntityKind.SERVICE, incident.display_service, "", incident.display_service)
    )
    nearest = [*walk(topology.needs, own, hops=DEPTH), *topology.needed_by(own)] if own else []
    # Without declared dependencies the others may still be connected: Kubernetes and traces will tell.
    namespace = incident.service.namespace if incident.service else ""
    others = sorted(
        (one for one in services.values() if one.name not in nearest and one.name != own),
        key=lambda one: (bool(one.origin), one.namespace != namespace, one.name),
    )
    chosen = [*(services[name] for name in dict.fromkeys(nearest) if name != own), *others]
    asked = [one for one in chosen if one.kind != ServiceKind.EXTERNAL][:MOST_NEIGHBOURS]
    known = {one.name for one in asked} | {own}
    outside = {one.name for one in chosen if one.kind == ServiceKind.EXTERNAL}
    return Neighbourhood(
        subject=subject,
        service=incident.service,
        neighbours=tuple(asked),
        dependencies=tuple(
            Dependency(services[edge.caller].entity, services[edge.callee].entity, source)
            for edge in topology.edges
            if edge.is_used and edge.caller in known and edge.callee in known | outside
            for source in edge.sources
        ),
        known=tuple(services.values()),
    )
