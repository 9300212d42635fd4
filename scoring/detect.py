"""Observations become evidence: each kind has its detector; what is kept is numbered in a total, stable order."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from scoring import changes, logs, symptoms
from scoring.case import about
from scoring.conditions import interpret
from scoring.evidence import CauseKind, Direction, Evidence, EvidenceKind, Plot
from scoring.graph import Graph
from scoring.indicators import INDICATORS, describe, fired_families, place_of
from scoring.observations import (
    Change,
    Dependency,
    Entity,
    EntityKind,
    Gap,
    LogPattern,
    Note,
    Series,
    State,
    Worse,
)
from scoring.series import Shift, examine
from scoring.units import format_duration, format_lead, format_move, format_value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scoring.observations import Observation, Window

# How much evidence a person, a model and a database row can take in.
MOST_EVIDENCE: Final = 60
_MOST_SYMPTOMS: Final = 12
_MOST_CHANGES: Final = 30
_MOST_NOTES: Final = 10
# Many pods of one service tell one story: so many entities of a service speak for an indicator …
_MOST_ENTITIES: Final = 3
# … and one service takes so many places before all others had theirs.
_MOST_OF_A_SERVICE: Final = 12
# Weaker than this is noise.
_TELLING: Final = 0.2
# A departure that is over counts less than one that lasts.
_OVER: Final = 0.7
# At this share of a hard limit a resource is nearly, and at the second fully, used up.
_NEARLY_FULL: Final = 0.85
_FULL: Final = 0.97
# Below this share of its limit a resource that moved is not short.
_PRESSED: Final = 0.6
_PLOT_POINTS: Final = 240


@dataclass(frozen=True, slots=True)
class Detection:
    """Hold what observations amount to; `onset` is the incident's, in Unix seconds."""

    evidence: tuple[Evidence, ...]
    dependencies: tuple[Dependency, ...]
    gaps: tuple[Gap, ...]
    onset: float


@dataclass(frozen=True, slots=True)
class _Found:
    """Hold evidence that has no number yet, and the series that it was made from."""

    evidence: Evidence
    shift: Shift | None = None


def detect(
    observations: Iterable[Observation], window: Window, *, subject: Entity, end: float | None = None
) -> Detection:
    """Return the evidence in observations about an incident of `subject`, symptoms first, the rest by severity.

    `end` is the moment up to which the sources answered; the window's end where it is not given.
    """
    end = window.end if end is None else end
    series: list[Series] = []
    states: list[State] = []
    patterns: list[LogPattern] = []
    made: list[Change] = []
    notes: list[Note] = []
    dependencies: set[Dependency] = set()
    gaps: set[Gap] = set()
    for observation in observations:
        match observation:
            case Series():
                series.append(observation)
                if observation.peer is not None:
                    dependencies.add(Dependency(observation.entity, observation.peer, observation.source))
            case State():
                states.append(observation)
                node = observation.attributes.get("node", "")
                if node and observation.entity.kind is not EntityKind.NODE:
                    dependencies.add(Dependency(observation.entity, Entity(EntityKind.NODE, node), observation.source))
            case LogPattern():
                patterns.append(observation)
            case Change():
                made.append(observation)
            case Note():
                notes.append(observation)
            case Dependency():
                dependencies.add(observation)
            case Gap():
                gaps.add(observation)
    families = fired_families(
        text
        for note in notes
        if note.kind == "alert"
        for text in (note.text, *(note.labels.get(label, "") for label in ("alertname", "summary", "description")))
    )
    found: list[_Found] = []
    quiet: Counter[str] = Counter()
    for one in series:
        found += _from_series(one, window, subject=subject.service, families=families, end=end, quiet=quiet)
    found += [_Found(item) for state in states if (item := _from_state(state, window, end=end)) is not None]
    found += [_Found(item) for pattern in patterns if (item := _from_logs(pattern, end=end)) is not None]
    concerned = {subject.service, *Graph.of(dependencies).reach(subject.service)}
    concerned |= {about(one.evidence) for one in found if one.evidence.direction is Direction.FOR}
    found += [_Found(item) for item in _from_changes(made, window, concerned=concerned)]
    found += [_Found(item) for item in _from_notes(notes, end=end)]
    found = [
        replace(one, evidence=replace(one.evidence, is_symptom=True))
        if not one.evidence.is_symptom
        and one.evidence.direction is Direction.FOR
        and symptoms.is_symptom(one.evidence, subject=subject.service, families=families)
        else one
        for one in found
    ]
    found += _steady(found, quiet, series)
    kept = sorted(_keep(found), key=_order)
    evidence = tuple(
        replace(one.evidence, id=f"E{number}", plot=None if one.shift is None else _plot(one.shift, one.evidence.unit))
        for number, one in enumerate(kept, start=1)
    )
    return Detection(
        evidence=evidence,
        dependencies=tuple(sorted(dependencies)),
        gaps=tuple(sorted(gaps)),
        onset=symptoms.onset(evidence, window),
    )


def _from_series(
    series: Series, window: Window, *, subject: str, families: frozenset[str], end: float, quiet: Counter[str]
) -> list[_Found]:
    """Return a departure from the baseline, and for what fired also that it is not there or is over."""
    known = describe(series.indicator)
    shift = examine(
        series.times,
        series.values,
        window=window,
        worse=series.worse,
        counter=series.counter,
        floor=known.floor,
        event=known.event,
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
    over = shift.recovered is not None
    severity *= _OVER if over and not fired else 1.0
    if shift.onset is None or severity < _TELLING:
        quiet[about(base)] += 1
        if not fired:
            return []
        text = f"{what} {format_value(shift.value, unit)}, as before the alert ({format_value(shift.baseline, unit)})"
        return [_Found(replace(base, statement=text, is_symptom=True), shift)]
    text = f"{what} {format_move(shift.value, shift.baseline, unit, limit=limit)}"
    if known.event:
        text = f"{what}: {_happenings(shift, counter=series.counter):.0f} in {format_duration(end - shift.onset)}"
    if over:
        text += f", over since {format_duration(end - shift.last)}"
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
    result = [_Found(departure, shift)]
    if fired and shift.recovered is not None:
        text = f"{what} is back at {format_value(shift.recovered, unit)} since {format_duration(end - shift.last)}"
        result.append(_Found(replace(base, statement=text, is_symptom=True, value=shift.recovered)))
    return result


def _kinds(series: Series, shift: Shift, *, limit: float | None, unit: str) -> tuple[CauseKind, ...]:
    """Return the cause kinds that a departure hints at: none where a resource only moved, far from its limit."""
    known = describe(series.indicator)
    rising = shift.value > shift.baseline
    if known.family == "traffic":
        # More requests press on a service; fewer are what its callers or its own failure leave.
        return (CauseKind.TRAFFIC_SURGE,) if rising else ()
    if known.saturates:
        share = shift.value / limit if limit is not None else shift.value if unit == "ratio" else None
        if not rising or (share is not None and share < _PRESSED):
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


def _from_state(state: State, window: Window, *, end: float) -> Evidence | None:
    meaning = interpret(state)
    at = state.at if state.at is not None and math.isfinite(state.at) else None
    if meaning.severity <= 0.0 or (at is not None and at > max(end, window.end)):
        return None
    severity = meaning.severity
    if not state.active and at is not None and at < window.start:
        # It had passed before the time that is looked at.
        severity *= 0.3
    text = f"{state.entity} {meaning.words}"
    if not meaning.words.startswith("reports"):
        text += f" ({state.condition.strip()})"
    if state.count > 1:
        text += f", {state.count} times"
    if detail := " ".join(state.detail.split()):
        text += f": {detail[:157] + '…' if len(detail) > 158 else detail}"
    return Evidence(
        id="",
        kind=EvidenceKind.STATE,
        entity=state.entity,
        indicator=state.condition.strip() or "condition",
        statement=text,
        severity=round(severity, 6),
        direction=Direction.FOR,
        source=state.source,
        onset=at,
        query=state.query,
        link=state.link,
        cause_kinds=meaning.kinds,
    )


def _from_logs(pattern: LogPattern, *, end: float) -> Evidence | None:
    severity = logs.severity(pattern)
    if severity < _TELLING:
        return None
    first, last = (
        at if at is not None and math.isfinite(at) else None for at in (pattern.first_seen, pattern.last_seen)
    )
    return Evidence(
        id="",
        kind=EvidenceKind.LOG,
        entity=pattern.entity,
        indicator=" ".join(pattern.template.split())[:120] or "log line",
        statement=f"{pattern.entity}: {logs.statement(pattern)}",
        severity=round(severity, 6),
        direction=Direction.FOR,
        source=pattern.source,
        onset=first if pattern.count_before <= 0 else None,
        value=float(pattern.count_during),
        baseline=float(pattern.count_before),
        unit="count",
        query=pattern.query,
        link=pattern.link,
        freshness=0.0 if last is None else max(0.0, end - last),
        cause_kinds=logs.cause_kinds(pattern),
    )


def _from_changes(made: list[Change], window: Window, *, concerned: set[str]) -> list[Evidence]:
    """Return the changes that may matter: those of services that are concerned, then the nearest in time."""
    usable = [change for change in made if math.isfinite(change.at) and change.at <= window.end]
    usable.sort(
        key=lambda change: (
            change.entity.service not in concerned,
            abs(window.alert_at - change.at),
            *changes.order(change),
        )
    )
    return [
        Evidence(
            id="",
            kind=EvidenceKind.CHANGE,
            entity=change.entity,
            indicator=changes.name(change),
            statement=f"{changes.statement(change)}, {_before_alert(change.at, window)}",
            severity=changes.severity(change),
            direction=Direction.CONTEXT,
            source=change.source,
            onset=change.at,
            link=change.link,
            author=change.author,
            cause_kinds=(changes.CAUSE[change.kind],),
            change_key=key,
            detail=changes.altered(change),
        )
        for change, key in changes.join(usable[:_MOST_CHANGES])
    ]


def _from_notes(notes: list[Note], *, end: float) -> list[Evidence]:
    return [
        Evidence(
            id="",
            kind=EvidenceKind.NOTE,
            entity=note.entity,
            indicator=note.kind,
            statement=" ".join(note.text.split())[:300] or "an alert without words",
            severity=0.0,
            direction=Direction.CONTEXT,
            source=note.source,
            onset=note.at if math.isfinite(note.at) else None,
            link=note.link,
            author=note.author,
            freshness=max(0.0, end - note.at) if math.isfinite(note.at) else 0.0,
        )
        for note in sorted(notes, key=lambda note: (note.at, note.source, note.text))[:_MOST_NOTES]
    ]


def _steady(found: list[_Found], quiet: Counter[str], series: list[Series]) -> list[_Found]:
    """Return one line for each service that was looked at and of which nothing left its baseline."""
    disturbed = {about(one.evidence) for one in found if one.evidence.direction is Direction.FOR}
    moved = {about(one.evidence) for one in found if one.evidence.onset is not None and one.shift is not None}
    whole = {one.entity.service: one for one in reversed(series)}
    whole |= {one.peer.service: one for one in series if one.peer is not None and one.peer.service not in whole}
    lines = []
    for service in sorted(set(quiet) - disturbed):
        one = whole[service]
        entity = one.entity if one.peer is None or one.entity.service == service else one.peer
        if entity.owner or entity.kind is EntityKind.SERVICE:
            entity = Entity(EntityKind.SERVICE, service, entity.namespace)
        lines.append(
            _Found(
                Evidence(
                    id="",
                    kind=EvidenceKind.METRIC,
                    entity=entity,
                    indicator="steady",
                    statement=f"nothing at {service} {'got worse' if service in moved else 'left its baseline'}"
                    f" ({quiet[service]} indicators seen)",
                    severity=0.0,
                    direction=Direction.AGAINST,
                    source=one.source,
                )
            )
        )
    return lines


def _keep(found: list[_Found]) -> list[_Found]:
    """Return the most telling of what was found: symptoms and changes first, then each service's own, within the bounds."""
    ordered = sorted(found, key=_order)
    kept: list[_Found] = []
    rest: list[_Found] = []
    changed: list[_Found] = []
    for one in ordered:
        if one.evidence.kind is EvidenceKind.CHANGE:
            changed.append(one)
        elif one.evidence.is_symptom and len(kept) < _MOST_SYMPTOMS:
            kept.append(one)
        else:
            rest.append(one)
    kept += changed
    services = {one.evidence.entity.service for one in changed}
    # A steady line about a changed service is what clears the change.
    steady = [one for one in rest if one.evidence.indicator == "steady" and one.evidence.entity.service in services]
    kept += steady
    notes = [one for one in rest if one.evidence.kind is EvidenceKind.NOTE]
    kept += notes
    chosen = {id(one) for one in (*steady, *notes)}
    rest = [one for one in rest if id(one) not in chosen]
    seen: set[tuple[object, ...]] = set()
    entities: Counter[tuple[str, str]] = Counter()
    of_service: Counter[str] = Counter()
    first: list[_Found] = []
    later: list[_Found] = []
    for one in rest:
        item = one.evidence
        same = (item.entity, item.indicator, item.peer, item.source, item.direction)
        story = (item.entity.service, item.indicator)
        if same in seen or entities[story] >= _MOST_ENTITIES:
            continue
        seen.add(same)
        entities[story] += 1
        of_service[item.entity.service] += 1
        (first if of_service[item.entity.service] <= _MOST_OF_A_SERVICE else later).append(one)
    return kept + (first + later)[: max(0, MOST_EVIDENCE - len(kept))]


def _order(one: _Found) -> tuple[object, ...]:
    item = one.evidence
    return (
        not item.is_symptom,
        item.direction is Direction.AGAINST,
        -item.severity,
        math.inf if item.onset is None else item.onset,
        item.entity,
        place_of(item.indicator),
        item.indicator,
        item.kind.value,
        item.source,
        item.statement,
        item.query,
        item.link,
        item.change_key,
        item.peer.key if item.peer is not None else "",
    )


def _before_alert(at: float, window: Window) -> str:
    lead = format_lead(window.alert_at - at)
    return "as the alert fired" if lead == "at" else f"{lead} the alert"


def _plot(shift: Shift, unit: str) -> Plot:
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
