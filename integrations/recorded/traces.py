"""Recorded traces: who calls whom, and how long each call took, minute by minute against a normal minute."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from integrations.recorded.files import number
from scoring.observations import Dependency, Series, Worse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from integrations.recorded.entities import Entities

SOURCE = "traces"
# A reference holds one minute that stands for the quiet time before: it is told as so many minutes of the same numbers, and
# its series are marked, since nothing tells how far a minute may lie from another.
QUIET_MINUTES = 10
REFERENCE = {"baseline": "reference"}
_MINUTE = 60.0
_ROOT = frozenset({"", "root", "none", "null"})
_CLOCK = re.compile(r"(\d{1,2})[_:](\d{2})")
# column, indicator, unit, scale
_MEASURES = (
    ("dur_us_p50", "latency_p50", "seconds", 1e-6),
    ("dur_us_p95", "latency_p95", "seconds", 1e-6),
    ("gap_ms_p90", "network_gap", "seconds", 1e-3),
)


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
    """Yield the calls between services, and the series of each operation that was seen often enough to say anything."""
    seen: dict[_Call, dict[float, dict[str, str]]] = defaultdict(dict)
    for row in rows:
        at = minute_of(row.get("minute", ""), anomaly_time)
        if at is not None:
            seen[_call(row)][at] = row
    normal = {_call(row): row for row in references}
    minutes = sorted({at for by_minute in seen.values() for at in by_minute})
    edges = {(call.parent, call.service) for call in (*seen, *normal) if call.parent not in _ROOT}
    for caller, callee in sorted(edges):
        if caller != callee:
            yield Dependency(entities.named(caller), entities.named(callee), SOURCE)
    for call in sorted({*seen, *normal}, key=lambda one: (one.parent, one.service, one.operation)):
        yield from _of_call(call, seen.get(call, {}), normal.get(call), minutes, entities)


def _call(row: dict[str, str]) -> _Call:
    return _Call(row.get("parent", ""), row.get("service", ""), row.get("OperationName", row.get("operation", "")))


def _of_call(
    call: _Call,
    by_minute: dict[float, dict[str, str]],
    normal: dict[str, str] | None,
    minutes: list[float],
    entities: Entities,
) -> Iterator[Series]:
    if not minutes or not call.service:
        return
    inside = call.parent == call.service or call.parent in _ROOT
    entity = entities.named(call.service if inside else call.parent)
    peer = None if inside else entities.named(call.service)
    quiet = [minutes[0] - step * _MINUTE for step in range(QUIET_MINUTES, 0, -1)] if normal else []
    labels = {"operation": call.operation, **(REFERENCE if normal else {})}
    query = f"{call.parent} → {call.service} {call.operation}"
    for column, indicator, unit, scale in _MEASURES:
        before = number((normal or {}).get(column)) * scale
        points = [(at, before) for at in quiet]
        points += [(at, number(row.get(column)) * scale) for at, row in sorted(by_minute.items())]
        yield from _series(points, entity, peer, indicator, unit, labels, query)
    # How often it was called, for each trace that was recorded: recordings differ in how many traces they hold.
    traces = {at: number(row.get("n_traces")) for at, row in by_minute.items()}
    before = _share(normal)
    points = [(at, before) for at in quiet]
    points += [
        (at, _share(by_minute[at]) if at in by_minute else 0.0)
        for at in minutes
        if at in by_minute or normal is not None
    ]
    if traces or normal is not None:
        yield from _series(points, entity, peer, "calls_per_trace", "count", labels, query, worse=Worse.EITHER)


def _share(row: dict[str, str] | None) -> float:
    if row is None:
        return 0.0
    traces = number(row.get("n_traces"))
    return number(row.get("n")) / traces if traces > 0 else number(row.get("n"))


def _series(
    points: list[tuple[float, float]],
    entity: Any,
    peer: Any,
    indicator: str,
    unit: str,
    labels: dict[str, str],
    query: str,
    *,
    worse: Worse = Worse.HIGH,
) -> Iterator[Series]:
    table = np.array(points, dtype=np.float64).reshape(-1, 2)
    table = table[np.isfinite(table).all(axis=1)]
    if len(table) < 2:
        return
    yield Series(
        entity=entity, indicator=indicator, unit=unit, times=table[:, 0], values=table[:, 1], source=SOURCE, worse=worse,
        peer=peer, labels=labels, query=query,
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
