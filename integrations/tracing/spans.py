"""Spans of whole traces become edges: what each call took for its caller, where it went, and whether it failed."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING

from integrations.tracing.edges import Edge, Point, dependencies, quantile, series

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from integrations.tracing.names import Names
    from scoring.observations import Dependency, Series

_ENOUGH = 5
# Seconds that calls are summed over: the shortest in which the usual time holds enough of them.
_WIDTHS = (30.0, 60.0, 120.0, 300.0, 600.0)
_CLIENT = frozenset({"client", "producer"})
_ASYNCHRONOUS = frozenset({"producer", "consumer"})


@dataclass(frozen=True, slots=True)
class Span:
    """Hold one span; `start` is in Unix seconds, `kind` OpenTelemetry's (client, server, producer, consumer, internal).

    `peer`, `host` and `system` are what a client says of whom it calls: its name, its address, what sort of store it is.
    """

    trace: str
    id: str
    parent: str
    service: str
    operation: str
    kind: str
    start: float
    seconds: float
    failed: bool = False
    peer: str = ""
    host: str = ""
    system: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """Hold one call: when it began (Unix seconds), how long its caller waited, and whether it failed."""

    at: float
    seconds: float
    failed: bool


@dataclass(slots=True)
class Calls:
    """Hold all calls of some traces by edge, and of calls seen at both ends how long they were on the way."""

    by_edge: dict[Edge, list[Call]] = field(default_factory=lambda: defaultdict(list))
    gaps: dict[Edge, list[Call]] = field(default_factory=lambda: defaultdict(list))


def calls(spans: Iterable[Span], names: Names) -> Calls:
    """Return the calls that spans show; a span that came twice counts once."""
    by_id = {(one.trace, one.id): one for one in spans}
    found = Calls()
    answered: set[tuple[str, str]] = set()
    for span in by_id.values():
        parent = by_id.get((span.trace, span.parent)) if span.parent else None
        if parent is not None and parent.service == span.service:
            continue
        own = Edge(names.service(span.service))
        found.by_edge[own].append(Call(span.start, span.seconds, span.failed))
        # Who takes a message from a queue is not waited for, and whoever sent it does not need it.
        if parent is None or {parent.kind, span.kind} & _ASYNCHRONOUS:
            continue
        edge = Edge(names.service(parent.service), own.caller)
        waited = parent if parent.kind in _CLIENT else span
        answered.add((parent.trace, parent.id))
        found.by_edge[edge].append(Call(waited.start, waited.seconds, span.failed or waited.failed))
        if waited is parent:
            found.gaps[own].append(Call(waited.start, max(0.0, waited.seconds - span.seconds), failed=False))
    # A client around another one (an SDK around HTTP) makes one call, not two.
    settled = answered | {(one.trace, one.parent) for one in by_id.values() if one.kind in _CLIENT}
    for span in by_id.values():
        if span.kind in _CLIENT and (span.trace, span.id) not in settled:
            peer = names.peer(name=span.peer, host=span.host, system=span.system)
            caller = names.service(span.service)
            if peer is not None and peer.service != caller.service:
                found.by_edge[Edge(caller, peer)].append(Call(span.start, span.seconds, span.failed))
    return found


def observed(found: Calls, *, source: str, link: str = "") -> Iterator[Series | Dependency]:
    """Yield who needs whom, and how calls went over time: latency, error ratio, and the time on the network."""
    yield from dependencies(found.by_edge, source)
    for edge, made in sorted(found.by_edge.items(), key=lambda pair: str(pair[0])):
        buckets = _buckets(made)
        for indicator, value in (
            ("latency_p50", lambda some: quantile([one.seconds for one in some], 0.5)),
            ("latency_p95", lambda some: quantile([one.seconds for one in some], 0.95)),
            ("error_ratio", lambda some: sum(one.failed for one in some) / len(some)),
        ):
            points = [Point(at, value(some), len(some)) for at, some in buckets]
            yield from series(edge, indicator, points, source=source, query=str(edge), link=link)
    for edge, made in sorted(found.gaps.items(), key=lambda pair: str(pair[0])):
        means = [Point(at, sum(one.seconds for one in some) / len(some), len(some)) for at, some in _buckets(made)]
        yield from series(edge, "network_gap", means, source=source, query=str(edge), link=link)


def _buckets(made: Sequence[Call]) -> list[tuple[float, list[Call]]]:
    """Return calls by the beginning of the time that they are summed over."""
    parted: dict[float, list[Call]] = {}
    for width in _WIDTHS:
        parted = defaultdict(list)
        for one in made:
            parted[one.at // width * width].append(one)
        if median(len(some) for some in parted.values()) >= _ENOUGH:
            break
    return sorted(parted.items())
