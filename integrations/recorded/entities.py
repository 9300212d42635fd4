"""The things that a recorded case names, each one entity wherever it is spelt."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scoring.observations import Entity, EntityKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_DATABASE = re.compile(
    r"(^|[^a-z])(my|postgres\w*|pg|ms)?sql|mongo|mysql|(^|[^a-z])db($|[^a-z])|redis|database|dynamodb|(^|[^a-z])rds|memcache|cassandra|elastic",
    re.IGNORECASE,
)
_QUEUE = re.compile(r"rabbitmq|kafka|(^|[^a-z])(sqs|sns|mq)($|[^a-z])|queue|nats", re.IGNORECASE)
# What a topology may call a thing.
_TYPES: dict[str, EntityKind] = {
    "host": EntityKind.NODE, "node": EntityKind.NODE, "machine": EntityKind.NODE, "database": EntityKind.DATABASE,
    "cache": EntityKind.DATABASE, "cache_instance": EntityKind.DATABASE, "queue": EntityKind.QUEUE,
    "service": EntityKind.SERVICE, "service_instance": EntityKind.POD, "pod": EntityKind.POD,
    "coordination_manager": EntityKind.COMPONENT,
}  # fmt: skip


@dataclass(slots=True)
class Entities:
    """Hold what a case calls its things, and make entities of them.

    A thing that the case lists stands for itself: an instance that is listed beside its service has no owner here. `further`
    are applications that it does not list and whose objects it shows.
    """

    services: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    namespace: str = ""
    types: dict[str, str] = field(default_factory=dict)
    further: set[str] = field(default_factory=set)
    _made: dict[str, Entity] = field(default_factory=dict)

    def named(self, name: str) -> Entity:
        """Return the entity of a name."""
        found = self._made.get(name)
        if found is None:
            found = self._made[name] = Entity(self._kind(name), name)
        return found

    def learn(self, types: Mapping[str, str]) -> None:
        """Take over what a topology says that things are."""
        self.types.update(types)
        self._made.clear()

    @property
    def spelt(self) -> tuple[str, ...]:
        """Return the names of what may be at fault: the case's services, nodes and namespace, then what its objects show."""
        names: Iterable[str] = (*self.services, *self.nodes, self.namespace, *sorted(self.further))
        return tuple(dict.fromkeys(name for name in names if name))

    def _kind(self, name: str) -> EntityKind:
        if name in self.nodes:
            return EntityKind.NODE
        if name == self.namespace:
            return EntityKind.CLUSTER
        told = _TYPES.get(self.types.get(name, "").lower())
        if told is not None:
            return told
        # A service whose name merely ends like a store's is still a service.
        if re.search(r"service\d*$", name, re.IGNORECASE):
            return EntityKind.SERVICE
        if _DATABASE.search(name):
            return EntityKind.DATABASE
        return EntityKind.QUEUE if _QUEUE.search(name) else EntityKind.SERVICE
