"""A series becomes evidence: what left its baseline, and for what fired also that it is not there or is over."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from scoring import filling, symptoms
from scoring.case import about
from scoring.evidence import CauseKind, Direction, Evidence, EvidenceKind, Plot
from scoring.indicators import INDICATORS, describe
from scoring.observations import Worse
from scoring.series import Shift, examine
from scoring.units import format_duration, format_move, format_onset, format_value

if TYPE_CHECKING:
    from collections import Counter

    from scoring.observations import Series, Window

# Weaker than this is noise.
TELLING: Final = 0.2
# A departure that is over counts less than one that lasts.
_OVER: Final = 0.7
# … and half as much for each so many seconds that it was over before anything fired: what is long past broke nothing now.
_OVER_HALF_LIFE: Final = 600.0
# At this share of a hard limit a resource is nearly, and at the second fully, used up.
_NEARLY_FULL: Final = 0.85
_FULL: Final = 0.97
# Below this share of its limit a resource that moved is not short: what is shared in time makes others wait long before it is
# full, memory only when little is left.
_PRESSED: Final = 0.6
_PRESSED_MEMORY: Final = 0.8
_PLOT_POINTS: Final = 240


@dataclass(frozen=True, slots=True)
class Found:
    """Hold evidence that has no number yet, and the series that it was made from.

    `until` is what happened when its line ends, and when that was in Unix seconds: it is told once the onset is known.
    """

    evidence: Evidence
    shift: Shift | None = None
    until: tuple[str, float] | None = None


def ended(found: Found, onset: float) -> str:
    """Return the line of what was found, with when it ended where it did: counted from the onset, as every time is."""
    if found.until is None:
        return found.evidence.statement
    what, at = found.until
    when = format_onset(onset - at)
    return f"{found.evidence.statement}{what} {when.removeprefix('at ') if what.endswith('since') else when}"


def from_series(
    series: Series, window: Window, *, subject: str, families: frozenset[str], end: float, quiet: Counter[str]
) -> list[Found]:
    """Return a departure from the baseline, and for what fired also that it is not there or is over.

    What stayed at its baseline is counted by service in `quiet`.
    """
    known = describe(series.indicator)
    shift = examine(
        series.times,
        series.values,
        window=window,
        worse=series.worse,
        counter=series.counter,
        floor=known.floor,
        event=known.event,
        counts=series.counts,
    )
    if shift is None:
        return []
    unit = "events/s" if series.counter and known.event else series.unit
    if series.counter and not known.event and not unit.endswith("/s"):
        unit = f"{unit or 'count'}/s"
    limit = series.limit if series.limit is not None and math.isfinite(series.limit) and series.limit > 0 else None
    full = _fullness(shift, limit=limit, unit=unit, saturates=known.saturates)
    severity = max(shift.strength, full) if shift.onset is not None else 0.0
    base = Evidence(
        id="",
        kind=EvidenceKind.METRIC,
        entity=series.entity,
        indicator=series.indicator,
        statement="",
        severity=0.0,
        direction=Direction.AGAINST,
        source=series.source,
        value=shift.value,
        baseline=shift.baseline,
        unit=unit,
        query=series.query,
        link=series.link,
        freshness=max(0.0, end - float(shift.times[-1])),
        peer=series.peer,
    )
    what = f"{series.entity} {known.words}" + (f" to {series.peer.service}" if series.peer else "")
    fired = symptoms.is_symptom(base, subject=subject, families=families)
    if known.saturates and not series.counter and (limit is not None or unit == "ratio"):
        filled = filling.find(shift.times, shift.values, limit=limit or 1.0, window=window)
        if filled is not None and (shift.onset is None or filled.onset is None or filled.onset < shift.onset):
            return [
                _filled(filled, base, shift, what=what, unit=unit, limit=limit or 1.0, kinds=known.kinds, fired=fired)
            ]
    over = shift.recovered is not None
    if over and not fired:
        severity *= _OVER * math.pow(0.5, max(0.0, window.alert_at - window.alert_for - shift.last) / _OVER_HALF_LIFE)
    if shift.onset is None or severity < TELLING:
        quiet[about(base)] += 1
        if not fired:
            return []
        text = f"{what} {format_value(shift.value, unit)}, as before the alert ({format_value(shift.baseline, unit)})"
        return [Found(replace(base, statement=text, is_symptom=True), shift)]
    text = f"{what} {format_move(shift.value, shift.baseline, unit, limit=limit)}"
    if known.event:
        text = f"{what}: {_happenings(shift, counter=series.counter):.0f} in {format_duration(end - shift.onset)}"
    kinds = _kinds(series, shift, limit=limit, unit=unit)
    # What is known to mean no harm by itself (fewer requests, more memory where there is plenty) sets the scene.
    harmless = not kinds and not fired and series.indicator in INDICATORS
    departure = replace(
        base,
        statement=text,
        severity=round(severity, 6),
        direction=Direction.CONTEXT if harmless else Direction.FOR,
        onset=shift.onset,
        is_symptom=fired,
        cause_kinds=kinds,
        deviation=round(shift.deviation, 6),
        sustained=round(shift.sustained, 6),
        until=shift.last if over else None,
    )
    result = [Found(departure, shift, (", ended", shift.last) if over else None)]
    if fired and shift.recovered is not None:
        text = f"{what} is back at {format_value(shift.recovered, unit)}"
        back = replace(base, statement=text, is_symptom=True, value=shift.recovered)
        result.append(Found(back, until=(" since", shift.last)))
    return result


def _filled(
    filled: filling.Filling,
    base: Evidence,
    shift: Shift,
    *,
    what: str,
    unit: str,
    limit: float,
    kinds: tuple[CauseKind, ...],
    fired: bool,
) -> Found:
    share = filled.high / limit
    text = (
        f"{what} rose steadily from {format_value(filled.low, unit)} to {format_value(filled.high, unit)}"
        + ("" if unit == "ratio" else f", {share * 100:.0f} % of its limit")
        + f", within {format_duration(filled.until - filled.since)}"
    )
    return Found(
        replace(
            base,
            statement=text,
            severity=round(min(1.0, (share - _NEARLY_FULL) / (_FULL - _NEARLY_FULL)) * 0.45 + 0.45, 6),
            direction=Direction.FOR,
            onset=filled.onset,
            is_symptom=fired,
            value=filled.high,
            baseline=filled.low,
            cause_kinds=kinds,
            sustained=1.0,
        ),
        shift,
    )


def _kinds(series: Series, shift: Shift, *, limit: float | None, unit: str) -> tuple[CauseKind, ...]:
    """Return the cause kinds that a departure hints at: none where a resource only moved, far from its limit."""
    known = describe(series.indicator)
    rising = shift.value > shift.baseline
    if known.family == "traffic":
        # More requests press on a service; fewer are what its callers or its own failure leave.
        return (CauseKind.TRAFFIC_SURGE,) if rising else ()
    if known.saturates:
        share = shift.value / limit if limit is not None else shift.value if unit == "ratio" else None
        pressed = _PRESSED_MEMORY if known.family == "memory" else _PRESSED
        if not rising or (share is not None and share < pressed):
            return ()
        if share is None and known.family == "network":
            # Nothing says how much the network would carry.
            return ()
    elif series.worse is Worse.EITHER and not rising:
        return ()
    return known.kinds


def _happenings(shift: Shift, *, counter: bool) -> float:
    """Return how many events a departure holds: the growth of a counter, or the highest count that was reported."""
    during = shift.times >= (shift.times[0] if shift.onset is None else shift.onset)
    if not counter:
        return float(np.max(shift.values[during]))
    steps = np.diff(shift.times, prepend=2 * shift.times[0] - shift.times[1])
    return float(np.sum((shift.values * steps)[during]))


def _fullness(shift: Shift, *, limit: float | None, unit: str, saturates: bool) -> float:
    """Return how used up a resource is, in [0, 1], where it was not so before."""
    if not saturates or shift.onset is None:
        return 0.0
    if limit is None:
        if unit != "ratio":
            return 0.0
        limit = 1.0
    before, now = shift.baseline / limit, shift.value / limit
    if before >= _NEARLY_FULL or now <= _NEARLY_FULL:
        return 0.0
    return min(1.0, (now - _NEARLY_FULL) / (_FULL - _NEARLY_FULL)) * 0.9


def plot(shift: Shift, unit: str) -> Plot:
    """Return a series thinned for a chart, with the band of three spreads that holds its baseline."""
    times, values = shift.times, shift.values
    if times.size > _PLOT_POINTS:
        chosen = np.unique(np.linspace(0, times.size - 1, _PLOT_POINTS).astype(int))
        times, values = times[chosen], values[chosen]
    return Plot(
        times=tuple(times.tolist()),
        values=tuple(values.tolist()),
        unit=unit,
        baseline=shift.baseline,
        baseline_low=shift.baseline - 3 * shift.spread,
        baseline_high=shift.baseline + 3 * shift.spread,
        onset=shift.onset,
    )
