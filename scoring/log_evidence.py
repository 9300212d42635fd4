"""Log patterns become evidence: each speaks of its own service, or of the store that it is a client of."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from scoring import logs, stores
from scoring.departures import TELLING
from scoring.evidence import Direction, Evidence, EvidenceKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from scoring.evidence import CauseKind
    from scoring.observations import Entity, LogPattern


def heard(patterns: list[LogPattern], used: Mapping[str, Entity]) -> Iterable[tuple[LogPattern, Entity | None, float]]:
    """Yield each pattern with the store that it speaks of, None where it speaks of its own service, and its severity.

    What a store tells is as loud as all who hear it.
    """
    about_stores: dict[tuple[str, tuple[CauseKind, ...]], list[LogPattern]] = {}
    for pattern in patterns:
        store = used.get(pattern.entity.service)
        kinds = logs.said_by_store(pattern) if store is not None else ()
        if store is None or not kinds:
            yield pattern, None, logs.severity(pattern)
        else:
            about_stores.setdefault((store.service, kinds), []).append(pattern)
    for heard in about_stores.values():
        loudest = logs.severity(
            replace(
                heard[0],
                count_before=sum(max(0, one.count_before) for one in heard),
                count_during=sum(max(0, one.count_during) for one in heard),
            )
        )
        for pattern in heard:
            yield pattern, used[pattern.entity.service], max(loudest, logs.severity(pattern))


def from_log(pattern: LogPattern, store: Entity | None, severity: float, *, end: float) -> Evidence | None:
    """Return the evidence of a pattern as `heard` tells it, None where it tells nothing; `end` is when the sources answered."""
    if severity < TELLING or pattern.count_during <= 0:
        return None
    kinds = logs.cause_kinds(pattern)
    refuses = stores.is_store(pattern.entity) and not stores.SAID_OF_CLIENTS.isdisjoint(kinds)
    first, last = (
        at if at is not None and math.isfinite(at) else None for at in (pattern.first_seen, pattern.last_seen)
    )
    return Evidence(
        id="",
        kind=EvidenceKind.LOG,
        entity=pattern.entity,
        indicator=logs.indicator(pattern),
        statement=f"{pattern.entity}: {logs.statement(pattern)}",
        severity=round(severity, 6),
        # A line that does not speak of trouble says which way the work went, not that anything is wrong.
        direction=Direction.CONTEXT if refuses or not logs.is_serious(pattern) else Direction.FOR,
        source=pattern.source,
        onset=first if pattern.count_before <= 0 else None,
        value=float(pattern.count_during),
        baseline=float(pattern.count_before),
        unit="count",
        query=pattern.query,
        link=pattern.link,
        freshness=0.0 if last is None else max(0.0, end - last),
        cause_kinds=kinds,
        peer=store,
    )
