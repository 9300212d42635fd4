"""Recorded traces: who calls whom, and how long each call took, minute by minute against a normal minute."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from integrations.recorded.files import number
from scoring.observations import Dependency, Series, Worse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from integrations.recorded.entities import Entities

SOURCE = "traces"
# A reference holds one minute that stands for the quiet time before: so many minutes that waver around it as much as the
# spread within it lets expect, and at least by a tenth; by half where too few calls were seen to say. One minute cannot tell
# how minutes differ: a median wavers by a quarter at least, a high quantile by half.
QUIET_MINUTES = 10
REFERENCE = {"baseline": "reference"}
_LEAST_WAVER = 0.1
_FEW_WAVER = 0.5
_FEW_CALLS = 5
# Scheduling and clocks alone move the way of a call by so many seconds.
_GAP_WAVER = 0.002
# A minute with fewer calls says nothing of the network.
_LEAST_CALLS = 3
_MINUTE = 60.0
_ROOT = frozenset({"", "root", "none", "null"})
_CLOCK = re.compile(r"(\d{1,2})[_:](\d{2})")
# Fewer other services than this tell nothing of the network.
_LEAST_OTHERS = 3
# column, indicator, scale to seconds, the least calls (below 20, a p95 is but the slowest call), the least waver
_MEASURES = (("dur_us_p50", "latency_p50", 1e-6, 5, 0.25), ("dur_us_p95", "latency_p95", 1e-6, 20, 0.5))
# Standard error of a median in standard deviations; p95 of a normal distribution lies so many of them above it.
_MEDIAN_ERROR = 1.25
_P95 = 1.645


@dataclass(frozen=True, slots=True)
class _Call:
    parent: str
    service: str
    operation: str


def minute_of(word: str, near: float) -> float | None:
    """Return when a minute told as `10_04` began, in Unix seconds, on the day that brings it nearest to a time."""
    match = _CLOCK.fullmatch(word.strip())
    if match is None:
        return None
    day = datetime.fromtimestamp(near, UTC).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
    at = day + int(match[1]) * 3600 + int(match[2]) * _MINUTE
    return min((at + shift * 86400.0 for shift in (-1, 0, 1)), key=lambda one: abs(one - near))


def statistics(
    rows: Iterable[dict[str, str]], references: Iterable[dict[str, str]], entities: Entities, *, anomaly_time: float
) -> Iterator[Series | Dependency]:
    """Yield the calls between services, how long each took, how long they were on the way, and what each call led to."""
    seen: dict[float, dict[_Call, dict[str, str]]] = defaultdict(dict)
    for row in rows:
        at = minute_of(row.get("minute", ""), anomaly_time)
        if at is not None:
            seen[at][_call(row)] = row
    if not seen:
        return
    normal = {_call(row): row for row in references}
    calls = {call for minute in seen.values() for call in minute} | set(normal)
    edges = {(call.parent, call.service) for call in calls if call.parent not in _ROOT}
    for caller, callee in sorted(edges):
        if caller != callee:
            yield Dependency(entities.named(caller), entities.named(callee), SOURCE)
    minutes = _Minutes(dict(sorted(seen.items())), normal, entities)
    for call in sorted(calls, key=lambda one: (one.parent, one.service, one.operation)):
        if call.service:
            yield from minutes.durations(call)
            yield from minutes.fan_out(call)
    for service in sorted({name for edge in edges for name in edge}):
        yield from minutes.gaps(service)


def _call(row: dict[str, str]) -> _Call:
    return _Call(row.get("parent", ""), row.get("service", ""), row.get("OperationName", row.get("operation", "")))


@dataclass(frozen=True, slots=True)
class _Minutes:
    """Hold the calls of each minute, those of the normal minute, and make series of them."""

    seen: dict[float, dict[_Call, dict[str, str]]]
    normal: dict[_Call, dict[str, str]]
    entities: Entities

    def durations(self, call: _Call) -> Iterator[Series]:
        """Yield how long an operation took; what a caller waited is about the one that it called."""
        inside = call.parent == call.service or call.parent in _ROOT
        entity = self.entities.named(call.service if inside else call.parent)
        peer = None if inside else self.entities.named(call.service)
        usual = self.normal.get(call)
        for column, indicator, scale, least, waver in _MEASURES:
            points = [
                (at, number(minute[call].get(column)) * scale, 0.0)
                for at, minute in self.seen.items()
                if call in minute and number(minute[call].get("n")) >= least
            ]
            if usual is not None:
                points = (
                    self._quiet(number(usual.get(column)) * scale, _spread(usual, indicator) * scale, waver) + points
                )
            yield from _series(
                points,
                entity,
                peer,
                indicator,
                "seconds",
                self._labels(call.operation),
                f"{call.parent} → {call.service} {call.operation}",
            )

    def fan_out(self, call: _Call) -> Iterator[Series]:
        """Yield how often an operation was called for each call that its caller got: that is the caller's own doing."""
        if call.parent in _ROOT:
            return
        usual = _ratio(self.normal, call)
        points = [(at, ratio, 0.0) for at, minute in self.seen.items() if (ratio := _ratio(minute, call)) is not None]
        if usual is not None and self.normal:
            # Calls are counted: their number wavers by its square root, and at least by one call.
            made = max(1.0, number(self.normal[call].get("n")) if call in self.normal else 0.0)
            waver = math.sqrt(made) / _incoming(self.normal, call.parent)
            points = self._quiet(usual, waver) + points
        yield from _series(
            points, self.entities.named(call.parent), None, "fan_out", "count", self._labels(call.operation),
            f"{call.parent} → {call.service} {call.operation}", worse=Worse.EITHER,
        )  # fmt: skip

    def gaps(self, service: str) -> Iterator[Series]:
        """Yield how long the calls to a service were on the way, the mean over all its callers.

        Where no normal minute was recorded, or with too few calls to this one, those to all others tell what is usual.
        """
        points = [(at, *gap) for at, minute in self.seen.items() if (gap := _gap(minute, service)) is not None]
        if not points:
            return
        own = _gap(self.normal, service)
        usual = self._usual_gap(service) if own is None else own[0]
        if usual is not None:
            points = self._quiet(usual, max(_FEW_WAVER * usual, _GAP_WAVER)) + points
        yield from _series(
            points,
            self.entities.named(service),
            None,
            "network_gap",
            "seconds",
            self._labels(""),
            f"calls to {service}",
        )

    def _usual_gap(self, service: str) -> float | None:
        minutes = [self.normal] if self.normal else list(self.seen.values())
        others = {call.service for minute in minutes for call in minute} - {service}
        gaps = [gap[0] for minute in minutes for other in sorted(others) if (gap := _gap(minute, other)) is not None]
        return float(np.median(gaps)) if len(others) >= _LEAST_OTHERS and gaps else None

    def _quiet(self, value: float, spread: float, least: float = _LEAST_WAVER) -> list[tuple[float, float, float]]:
        if not math.isfinite(value):
            return []
        first = next(iter(self.seen))
        spread = max(spread if math.isfinite(spread) else 0.0, least * abs(value))
        return [
            (first - step * _MINUTE, max(0.0, value + (spread if step % 2 else -spread)), 0.0)
            for step in range(QUIET_MINUTES, 0, -1)
        ]

    def _labels(self, operation: str) -> dict[str, str]:
        return {**({"operation": operation} if operation else {}), **(REFERENCE if self.normal else {})}


def _spread(row: dict[str, str], indicator: str) -> float:
    """Return how far a minute's quantile may lie from another's, by the spread of its calls, in the column's own unit."""
    calls, median, high = number(row.get("n")), number(row.get("dur_us_p50")), number(row.get("dur_us_p95"))
    value = median if indicator == "latency_p50" else high
    if not calls >= _FEW_CALLS:
        return _FEW_WAVER * value
    error = _MEDIAN_ERROR * (high - median) / _P95 / math.sqrt(calls)
    # A high quantile rests on the few calls above it.
    return error if indicator == "latency_p50" else 2.0 * error


def _ratio(minute: dict[_Call, dict[str, str]], call: _Call) -> float | None:
    incoming = _incoming(minute, call.parent)
    if incoming < _FEW_CALLS:
        return None
    made = number(minute[call].get("n")) if call in minute else 0.0
    return made / incoming if math.isfinite(made) else None


def _incoming(minute: dict[_Call, dict[str, str]], service: str) -> float:
    return sum(
        found
        for other, row in minute.items()
        if other.service == service and other.parent != service and math.isfinite(found := number(row.get("n")))
    )


def _gap(minute: dict[_Call, dict[str, str]], service: str) -> tuple[float, float] | None:
    """Return how long the calls to a service were on the way, in seconds, and how many calls say so."""
    total = weight = 0.0
    for call, row in minute.items():
        gap, calls = number(row.get("gap_ms_p90")) / 1000.0, number(row.get("n"))
        if call.service == service != call.parent and math.isfinite(gap) and calls > 0:
            total, weight = total + max(0.0, gap) * calls, weight + calls
    return (total / weight, weight) if weight >= _LEAST_CALLS else None


def _series(
    points: Sequence[tuple[float, ...]],
    entity: Any,
    peer: Any,
    indicator: str,
    unit: str,
    labels: dict[str, str],
    query: str,
    *,
    worse: Worse = Worse.HIGH,
) -> Iterator[Series]:
    """Yield the series of points of time, value and, where known, how many calls the value sums up."""
    if len(points) < 2:
        return
    table = np.array(points, dtype=np.float64)
    table = table[np.isfinite(table).all(axis=1)]
    if len(table) < 2:
        return
    yield Series(
        entity=entity, indicator=indicator, unit=unit, times=table[:, 0], values=table[:, 1], source=SOURCE, worse=worse,
        peer=peer, labels=labels, query=query, counts=table[:, 2] if table.shape[1] > 2 else None,
    )  # fmt: skip


def spans(recorded: Iterable[dict[str, Any]], entities: Entities) -> Iterator[Series | Dependency]:
    """Yield the calls that whole spans show, and per edge how long they took and how many failed."""
    by_id = {(str(one.get("trace_id")), str(one.get("span_id"))): one for one in recorded}
    edges: set[tuple[str, str]] = set()
    calls: dict[tuple[str, str], list[tuple[float, float, bool]]] = defaultdict(list)
    for (trace, _), span in by_id.items():
        parent = by_id.get((trace, str(span.get("parent_id"))))
        service, caller = str(span.get("service", "")), str((parent or span).get("service", ""))
        at = seconds(span.get("start") or span.get("timestamp"))
        if not service or at is None:
            continue
        if caller != service:
            edges.add((caller, service))
        length = number(span.get("duration_ms")) / 1000.0
        calls[caller, service].append((at, length, str(span.get("status", "")).upper() == "ERROR"))
    for caller, callee in sorted(edges):
        yield Dependency(entities.named(caller), entities.named(callee), SOURCE)
    for (caller, callee), found in sorted(calls.items()):
        found.sort()
        peer = None if caller == callee else entities.named(callee)
        query = f"{caller} → {callee}"
        entity = entities.named(caller)
        yield from _series([(at, length) for at, length, _ in found], entity, peer, "latency_p50", "seconds", {}, query)
        yield from _series(
            [(at, float(failed)) for at, _, failed in found], entity, peer, "error_ratio", "ratio", {}, query
        )


def seconds(stamp: object) -> float | None:
    """Return a time as Unix seconds: RFC 3339 (without a zone it is UTC), or a number of seconds or milliseconds."""
    if isinstance(stamp, int | float) and not isinstance(stamp, bool):
        return float(stamp) / 1000.0 if stamp > 1e11 else float(stamp)
    if not isinstance(stamp, str) or not stamp:
        return None
    try:
        at = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
