"""Observations become evidence: each kind has its detector; what is kept is numbered in a total, stable order."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from scoring import alerts, changes, logs, relevance, stores, symptoms
from scoring.case import about
from scoring.conditions import interpret
from scoring.departures import TELLING, Found, from_series, plot
from scoring.evidence import Direction, Evidence, EvidenceKind
from scoring.graph import Graph
from scoring.indicators import fired_families, place_of
from scoring.limits import with_limits
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

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from scoring.evidence import CauseKind
    from scoring.observations import Observation, Window

# How much evidence a person, a model and a database row can take in.
MOST_EVIDENCE: Final = 60
_MOST_SYMPTOMS: Final = 12
_MOST_CHANGES: Final = 30
_MOST_NOTES: Final = 10
# Many pods of one service tell one story: so many entities of a service speak for an indicator …
_MOST_ENTITIES: Final = 3
# … and one service takes so many places by one kind of evidence before all others had theirs, first a few, then more.
_TURNS_OF_A_SERVICE: Final = (4, 12)


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
        for pattern, store, severity in _heard(patterns, stores.used(dependencies))
        if (item := _from_logs(pattern, store, severity, end=end)) is not None
    ]
    concerned = {subject.service, *Graph.of(dependencies).reach(subject.service)}
    concerned |= {about(one.evidence) for one in found if one.evidence.direction is Direction.FOR}
    texts = _texts(found, notes, states, patterns)
    ends = (end for one in dependencies for end in (one.caller, one.callee))
    services = frozenset(
        entity.service
        for entity in (subject, *ends, *(change.entity for change in made))
        if entity.kind is EntityKind.SERVICE
    )
    found += [Found(item) for item in _from_changes(made, window, concerned=concerned, texts=texts, services=services)]
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
    kept = sorted(_keep(found), key=_order)
    evidence = tuple(
        replace(one.evidence, id=f"E{number}", plot=None if one.shift is None else plot(one.shift, one.evidence.unit))
        for number, one in enumerate(kept, start=1)
    )
    onset = symptoms.onset(evidence, window)
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


def _heard(patterns: list[LogPattern], used: Mapping[str, Entity]) -> Iterable[tuple[LogPattern, Entity | None, float]]:
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


def _from_logs(pattern: LogPattern, store: Entity | None, severity: float, *, end: float) -> Evidence | None:
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


def _texts(
    found: list[Found], notes: list[Note], states: list[State], patterns: list[LogPattern]
) -> dict[str, tuple[str, ...]]:
    """Return the words of what went wrong at each service, whole; those of the alerts are under the empty name."""
    told: dict[str, list[str]] = {"": [note.text for note in notes if note.kind == "alert"]}
    telling = {
        (one.evidence.entity, one.evidence.indicator) for one in found if one.evidence.direction is Direction.FOR
    }
    for one in found:
        if one.evidence.direction is Direction.FOR and one.evidence.kind is not EvidenceKind.LOG:
            told.setdefault(about(one.evidence), []).append(f"{one.evidence.statement}\n{one.evidence.indicator}")
    for pattern in patterns:
        if (pattern.entity, logs.indicator(pattern)) in telling:
            told.setdefault(pattern.entity.service, []).append(f"{pattern.template}\n{pattern.example}")
    for state in states:
        if (state.entity, state.condition.strip() or "condition") in telling:
            told.setdefault(state.entity.service, []).append(state.detail)
    return {service: tuple(sorted(lines)) for service, lines in told.items()}


def _from_changes(
    made: list[Change],
    window: Window,
    *,
    concerned: set[str],
    texts: Mapping[str, tuple[str, ...]],
    services: frozenset[str],
) -> list[Evidence]:
    """Return the changes that may matter: those of services that are concerned, then the nearest in time.

    `texts` are the words of what went wrong at each service, and under the empty name those of the alerts; `services` are all
    that are known.
    """
    usable = [change for change in made if math.isfinite(change.at) and change.at <= window.end]
    usable.sort(
        key=lambda change: (
            change.entity.service not in concerned,
            abs(window.alert_at - change.at),
            *changes.order(change),
        )
    )
    keyed = changes.join(usable[:_MOST_CHANGES])
    groups: dict[str, list[Change]] = {}
    for change, key in keyed:
        groups.setdefault(key, []).append(change)
    fits = {
        key: relevance.weigh(
            group,
            (*texts.get("", ()), *texts.get(group[0].entity.service, ())),
            common=(*texts, *concerned),
            services=services,
        )
        for key, group in groups.items()
    }
    return [
        Evidence(
            id="",
            kind=EvidenceKind.CHANGE,
            entity=change.entity,
            indicator=changes.name(change),
            statement=changes.statement(change) + (f"{changes.REASON}{fits[key].words}" if fits[key].words else ""),
            severity=min(changes.severity(change), 1.0) if fits[key].value == relevance.UNKNOWN else fits[key].value,
            direction=Direction.CONTEXT,
            source=change.source,
            onset=change.at,
            link=change.link,
            author=change.author,
            cause_kinds=(changes.CAUSE[change.kind],),
            change_key=key,
            detail=changes.altered(change),
        )
        for change, key in keyed
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


def _keep(found: list[Found]) -> list[Found]:
    """Return the most telling of what was found: symptoms and changes first, then each service's own, within the bounds."""
    ordered = sorted(found, key=_order)
    kept: list[Found] = []
    rest: list[Found] = []
    changed: list[Found] = []
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
    taken: Counter[tuple[str, EvidenceKind]] = Counter()
    turns: list[list[Found]] = [[] for _ in range(len(_TURNS_OF_A_SERVICE) + 1)]
    for one in rest:
        item = one.evidence
        same = (item.entity, item.indicator, item.peer, item.source, item.direction)
        story = (item.entity.service, item.indicator)
        if same in seen or entities[story] >= _MOST_ENTITIES:
            continue
        seen.add(same)
        entities[story] += 1
        place = (about(item), item.kind)
        taken[place] += 1
        turns[sum(taken[place] > most for most in _TURNS_OF_A_SERVICE)].append(one)
    return kept + [one for turn in turns for one in turn][: max(0, MOST_EVIDENCE - len(kept))]


def _order(one: Found) -> tuple[object, ...]:
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
