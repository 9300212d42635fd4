"""Observations become evidence: each kind has its detector; what is kept is numbered in a total, stable order."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from scoring import alerts, changes, stores, symptoms
from scoring.case import about
from scoring.change_evidence import from_changes, texts_of
from scoring.conditions import interpret
from scoring.departures import Found, ended, from_series, plot
from scoring.evidence import Direction, Evidence, EvidenceKind
from scoring.graph import Graph
from scoring.indicators import fired_families
from scoring.limits import with_limits
from scoring.log_evidence import from_log, heard
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
)
from scoring.selection import keep, order

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scoring.observations import Observation, Window

_MOST_NOTES: Final = 10


@dataclass(frozen=True, slots=True)
class Detection:
    """Hold what observations amount to; `onset` is the incident's, in Unix seconds, `looked_at` the number of series."""

    evidence: tuple[Evidence, ...]
    dependencies: tuple[Dependency, ...]
    gaps: tuple[Gap, ...]
    onset: float
    looked_at: int = 0


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
    found: list[Found] = []
    quiet: Counter[str] = Counter()
    for one in with_limits(series):
        found += from_series(one, window, subject=subject.service, families=families, end=end, quiet=quiet)
    raised = [state for state in states if alerts.is_alert(state) and not _is_later(state, max(end, window.end))]
    found += [Found(item) for item in alerts.from_alerts(raised, dependencies)]
    found += [
        Found(item)
        for state in states
        if not alerts.is_alert(state) and (item := _from_state(state, window, end=end)) is not None
    ]
    found += [
        Found(item)
        for pattern, store, severity in heard(patterns, stores.used(dependencies))
        if (item := from_log(pattern, store, severity, end=end)) is not None
    ]
    concerned = {subject.service, *Graph.of(dependencies).reach(subject.service)}
    concerned |= {about(one.evidence) for one in found if one.evidence.direction is Direction.FOR}
    texts = texts_of(found, notes, states, patterns)
    ends = (end for one in dependencies for end in (one.caller, one.callee))
    services = frozenset(
        entity.service
        for entity in (subject, *ends, *(change.entity for change in made))
        if entity.kind is EntityKind.SERVICE
    )
    found += [Found(item) for item in from_changes(made, window, concerned=concerned, texts=texts, services=services)]
    found += [Found(item) for item in _from_notes(notes, end=end)]
    found = [
        replace(one, evidence=replace(one.evidence, is_symptom=True))
        if not one.evidence.is_symptom
        and one.evidence.direction is Direction.FOR
        and symptoms.is_symptom(one.evidence, subject=subject.service, families=families)
        else one
        for one in found
    ]
    found += _steady(found, quiet, series)
    kept = sorted(keep(found), key=order)
    evidence = tuple(
        replace(one.evidence, id=f"E{number}", plot=None if one.shift is None else plot(one.shift, one.evidence.unit))
        for number, one in enumerate(kept, start=1)
    )
    onset = symptoms.onset(evidence, window)
    evidence = tuple(replace(item, statement=ended(one, onset)) for item, one in zip(evidence, kept, strict=True))
    return Detection(
        evidence=changes.dated(evidence, onset),
        dependencies=tuple(sorted(dependencies)),
        gaps=tuple(sorted(gaps)),
        onset=onset,
        looked_at=len(series),
    )


def _from_state(state: State, window: Window, *, end: float) -> Evidence | None:
    meaning = interpret(state)
    at = state.at if state.at is not None and math.isfinite(state.at) else None
    if meaning.severity <= 0.0 or _is_later(state, max(end, window.end)):
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
        # What is known to be well again sets the scene: most things fail once or twice while they start.
        direction=Direction.CONTEXT if state.attributes.get("settled") == "yes" else Direction.FOR,
        source=state.source,
        onset=at,
        query=state.query,
        link=state.link,
        cause_kinds=meaning.kinds,
    )


def _is_later(state: State, end: float) -> bool:
    return state.at is not None and math.isfinite(state.at) and state.at > end


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


def _steady(found: list[Found], quiet: Counter[str], series: list[Series]) -> list[Found]:
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
            Found(
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
