"""Who calls whom, and how calls went over time: the same series and edges, whether counted by a server or from spans."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scoring.observations import Dependency, Series

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from scoring.observations import Entity

# A statistic of fewer calls says nothing: below 20 a 95th percentile is but the slowest call.
LEAST_CALLS = {"latency_p50": 5, "latency_p95": 20, "error_ratio": 5, "network_gap": 3}
UNITS = {
    "latency_p50": "seconds",
    "latency_p95": "seconds",
    "error_ratio": "ratio",
    "network_gap": "seconds",
}


@dataclass(frozen=True, slots=True)
class Edge:
    """Name calls: those of a caller to another, or with no callee, those that a service answers itself."""

    caller: Entity
    callee: Entity | None = None

    def __str__(self) -> str:
        return f"{self.caller.name} → {self.callee.name}" if self.callee else f"calls to {self.caller.name}"


@dataclass(frozen=True, slots=True)
class Point:
    """Hold one indicator's value at a time (Unix seconds), and how many calls it sums up."""

    at: float
    value: float
    calls: float


def series(
    edge: Edge, indicator: str, points: Iterable[Point], *, source: str, query: str, link: str = ""
) -> Iterator[Series]:
    """Yield the series of an indicator of an edge; points of too few calls are left out, and what is left of one alone."""
    usable = sorted(
        (one for one in points if one.calls >= LEAST_CALLS[indicator] and np.isfinite(one.value)),
        key=lambda one: one.at,
    )
    if len(usable) < 2:
        return
    yield Series(
        entity=edge.caller, indicator=indicator, unit=UNITS[indicator],
        times=np.array([one.at for one in usable]), values=np.array([one.value for one in usable]),
        counts=np.array([one.calls for one in usable]), source=source,
        peer=edge.callee, query=query, link=link,
    )  # fmt: skip


def dependencies(edges: Iterable[Edge], source: str) -> Iterator[Dependency]:
    """Yield each caller's need of its callee, once."""
    found = {Dependency(edge.caller, edge.callee, source) for edge in edges if edge.callee}
    yield from sorted(one for one in found if one.caller.service != one.callee.service)


def quantile(values: Sequence[float], share: float) -> float:
    """Return a quantile of values, e.g. 0.95 for the 95th percentile."""
    return float(np.quantile(np.asarray(values, dtype=np.float64), share))
