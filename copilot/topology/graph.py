"""The graph itself: who needs whom, who is hurt when one fails, and the way from a symptom down to its cause.

Pure: no database, no clock. Every walk is breadth first and visits each service and each arrow at most once, so it ends on
cycles and takes time in proportion to services and arrows; equals are taken in the order of their names.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    Follow = Callable[[str], Sequence[str]]

# An arrow that its source has not seen for so long, although it was asked since, is stale: it is shown, and no longer used.
STALE_AFTER = timedelta(days=7)
# One that nobody has seen for so long is deleted.
FORGOTTEN_AFTER = timedelta(days=30)
# People said so: that does not age.
DECLARED = "declared"
FILE = "file"
TOLD = frozenset({DECLARED, FILE})
# That a network policy would let a call through is shown; it does not say that anybody makes that call.
ALLOWED = "kubernetes network policy"
# What services run on, and do not call; a run knows it, the tenant's topology does not keep it.
MACHINE = "node"


@dataclass(frozen=True, slots=True)
class Node:
    """Hold one service: what it is, where it runs, who found it (empty: people set it up), and whether users meet it."""

    name: str
    kind: str = "service"
    namespace: str = ""
    workload: str = ""
    origin: str = ""
    entrance: str = ""
    first_seen_at: datetime | None = None
    last_seen_at: datetime | None = None

    @property
    def is_user_facing(self) -> bool:
        """Return whether users meet it first hand."""
        return bool(self.entrance)


@dataclass(frozen=True, slots=True)
class Sighting:
    """Hold what one source says of an arrow: where it saw it, when first and last, and whether that is too long ago."""

    source: str
    detail: str
    first_seen_at: datetime
    last_seen_at: datetime
    is_stale: bool = False


@dataclass(frozen=True, slots=True)
class Edge:
    """Say that `caller` needs `callee`, with what each source says of it, in the order of the sources' names."""

    caller: str
    callee: str
    sightings: tuple[Sighting, ...]

    @property
    def is_stale(self) -> bool:
        """Return whether no source has seen it of late."""
        return all(one.is_stale for one in self.sightings)

    @property
    def is_used(self) -> bool:
        """Return whether it is gone along: some source still says that the call is made."""
        return any(not one.is_stale and one.source != ALLOWED for one in self.sightings)

    @property
    def sources(self) -> tuple[str, ...]:
        """Return who says so: those that still do, or where none does, those that did."""
        fresh = tuple(one.source for one in self.sightings if not one.is_stale)
        return fresh or tuple(one.source for one in self.sightings)

    @property
    def last_seen_at(self) -> datetime:
        """Return when it was last seen by any source."""
        return max(one.last_seen_at for one in self.sightings)


@dataclass(frozen=True, slots=True)
class BlastRadius:
    """Hold who is hurt when a service fails: those that call it, all that depend on it with the calls between, and where users are."""

    service: str
    direct: tuple[str, ...]
    all: Mapping[str, int]
    user_facing: tuple[str, ...]

    @property
    def count(self) -> int:
        """Return how many depend on it, directly or not."""
        return len(self.all)


def is_stale(source: str, last_seen_at: datetime, asked_at: datetime) -> bool:
    """Return whether a sighting is too old; `asked_at` is when its source last answered.

    A source that is silent makes nothing stale: what was not asked was not missed.
    """
    return source not in TOLD and asked_at - last_seen_at > STALE_AFTER


@dataclass(frozen=True, slots=True)
class Topology:
    """Hold a tenant's graph: services by name, and arrows in the order of caller and callee; arrows to oneself are left out."""

    nodes: Mapping[str, Node]
    edges: tuple[Edge, ...]
    _callees: dict[bool, dict[str, tuple[str, ...]]] = field(default_factory=dict, repr=False, compare=False)
    _callers: dict[bool, dict[str, tuple[str, ...]]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, nodes: Iterable[Node], edges: Iterable[Edge]) -> Topology:
        """Build the graph; a service that only an arrow names is made up."""
        arrows = tuple(sorted((one for one in edges if one.caller != one.callee), key=lambda e: (e.caller, e.callee)))
        known = {one.name: one for one in nodes}
        for name in (name for one in arrows for name in (one.caller, one.callee)):
            known.setdefault(name, Node(name))
        return cls(dict(sorted(known.items())), arrows)

    def __contains__(self, name: str) -> bool:
        return name in self.nodes

    def needs(self, name: str, *, every: bool = False) -> tuple[str, ...]:
        """Return whom a service calls, by name; with `every`, those that it was not seen to call of late as well."""
        return self._adjacent(self._callees, every=every, up=False).get(name, ())

    def needed_by(self, name: str, *, every: bool = False) -> tuple[str, ...]:
        """Return who calls a service, by name."""
        return self._adjacent(self._callers, every=every, up=True).get(name, ())

    def edge(self, caller: str, callee: str) -> Edge | None:
        """Return the arrow between two services, where there is one."""
        return next((one for one in self.edges if (one.caller, one.callee) == (caller, callee)), None)

    def blast_radius(self, name: str) -> BlastRadius:
        """Return who is hurt when a service fails; itself is not counted, and arrows that are not used carry nothing."""
        distance = walk(self.needed_by, name)
        places = sorted(one for one in distance if one in self.nodes and self.nodes[one].is_user_facing)
        return BlastRadius(name, self.needed_by(name), distance, tuple(places))

    def path(self, symptom: str, cause: str) -> tuple[str, ...]:
        """Return the shortest way from a service down to one that it needs, both included; empty where there is none.

        Of several equally short ones the first by name. Arrows that are not used are gone along only where the others do not
        lead there.
        """
        return shortest(self.needs, symptom, cause) or shortest(
            lambda name: self.needs(name, every=True), symptom, cause
        )

    def around(self, name: str, *, hops: int = 2) -> Topology:
        """Return the part that lies within so many calls of a service, up and down, with all arrows between."""
        near = {name}
        near |= set(walk(lambda one: self.needs(one, every=True), name, hops=hops))
        near |= set(walk(lambda one: self.needed_by(one, every=True), name, hops=hops))
        return Topology.of(
            (node for node in self.nodes.values() if node.name in near),
            (edge for edge in self.edges if edge.caller in near and edge.callee in near),
        )

    def _adjacent(
        self, known: dict[bool, dict[str, tuple[str, ...]]], *, every: bool, up: bool
    ) -> dict[str, tuple[str, ...]]:
        if every not in known:
            found: dict[str, list[str]] = {}
            for edge in self.edges:
                if every or edge.is_used:
                    here, there = (edge.callee, edge.caller) if up else (edge.caller, edge.callee)
                    found.setdefault(here, []).append(there)
            known[every] = {name: tuple(sorted(others)) for name, others in found.items()}
        return known[every]


def walk(follow: Follow, start: str, *, hops: int | None = None) -> dict[str, int]:
    """Return all that can be reached from `start` with the number of steps, nearest first; `start` itself is left out."""
    distance = {start: 0}
    waiting = deque([start])
    while waiting:
        here = waiting.popleft()
        if hops is not None and distance[here] >= hops:
            continue
        for there in follow(here):
            if there not in distance:
                distance[there] = distance[here] + 1
                waiting.append(there)
    del distance[start]
    return distance


def shortest(follow: Follow, start: str, end: str) -> tuple[str, ...]:
    """Return the shortest way from `start` to `end`, the first by name of equally short ones; empty where there is none."""
    before: dict[str, str] = {start: ""}
    waiting = deque([start])
    while waiting and end not in before:
        here = waiting.popleft()
        for there in follow(here):
            if there not in before:
                before[there] = here
                waiting.append(there)
    if end not in before:
        return ()
    way = [end]
    while way[-1] != start:
        way.append(before[way[-1]])
    return tuple(reversed(way))
