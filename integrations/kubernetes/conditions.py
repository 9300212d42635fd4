"""What is wrong among the objects that were read, said of the services that the product knows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from integrations.cluster import Cluster, find
from integrations.cluster.events import RECENT, read
from integrations.kubernetes.snapshot import EVENTS, KINDS, SOURCE
from scoring.observations import Dependency, Entity, EntityKind, Gap, State

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from integrations.kubernetes.api import Object
    from integrations.kubernetes.ownership import Owners
    from integrations.kubernetes.snapshot import Snapshot
    from scoring.observations import Observation, Window

# What pods may wait for that is not read, for its contents are nobody's business: config maps and secrets.
_UNREAD_REASONS = frozenset({"CreateContainerConfigError", "FailedMount"})


def observations(snapshot: Snapshot, owners: Owners, window: Window) -> Iterator[Observation]:
    """Yield the conditions of the objects, and a gap where a pod may lack what is not read."""

    def service_of(namespace: str, workload: str, labels: Mapping[str, str]) -> str:
        known = owners.service(namespace, workload, dict(labels))
        return known.name if known is not None else ""

    objects = {KINDS[plural]: items for plural, items in snapshot.objects.items() if plural in KINDS}
    objects["Event"] = [event for event in snapshot.of(EVENTS) if _is_in_time(event, window)]
    cluster = Cluster.of(
        objects, at=window.end, since=window.start, source=SOURCE, namespaces=snapshot.namespaces, unread=snapshot.unread,
        service_of=service_of,
    )  # fmt: skip
    known = {service.name for service in owners.scope.services}
    for one in find(cluster):
        if isinstance(one, Dependency):
            yield replace(one, caller=_known(one.caller, known), callee=_known(one.callee, known))
            continue
        yield replace(one, entity=_known(one.entity, known))
        if one.condition in _UNREAD_REASONS and isinstance(one, State):
            yield Gap(
                SOURCE,
                f"what {one.entity.name} lacks",
                "config maps and secrets are not read: look at the pod's events",
            )


def _known(entity: Entity, known: set[str]) -> Entity:
    """Return a service that the product knows in place of its workload or its Service object."""
    is_whole = entity.kind in {EntityKind.WORKLOAD, EntityKind.SERVICE}
    return Entity(EntityKind.SERVICE, entity.service) if is_whole and entity.service in known else entity


def _is_in_time(event: Object, window: Window) -> bool:
    seen = read(event)
    return seen is not None and seen.last is not None and seen.last <= window.end + RECENT
