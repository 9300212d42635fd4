"""The detector for streams of alerts: what fires at one thing and at hardly any other, and what all parts of a thing share.

Detectors that watch everything fire all over a system once anything in it is wrong, so how many alerts a thing has, and which
came first, says little. What tells is how rare a kind of alert is among all that could have fired it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from scoring.evidence import CauseKind, Direction, Evidence, EvidenceKind
from scoring.indicators import describe
from scoring.observations import Entity, EntityKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from scoring.observations import Dependency, State

INDICATOR: Final = "alerts"
# A kind of alert that fires at more than this share of all things is common to them and hardly says anything of one.
_COMMON: Final = math.exp(-1.0)
# Even that says something: that it is among those that suffer.
_LEAST: Final = 0.1
# What users feel travels to callers, so alerts about it weigh half of those about a thing's own resources.
_FELT: Final = 0.5
# The parts of a thing share load and callers: their alerts are not independent, and count as half as many.
_PARTS: Final = 0.5
# Of a thing that is wrong as a whole, so large a share of its parts shows it.
_SHOWN: Final = 0.9
# So much surprise, in nats, is half of what it takes to be loud where nothing else fires.
_LOUD: Final = 3.0
_LOUDEST: Final = 0.95
# A second kind of cause is named where its alerts carry at least this much of what those of the first do.
_SECOND: Final = 0.5
_MOST_TOLD: Final = 4


def is_alert(state: State) -> bool:
    """Say whether a state is an alert that some detector raised, not the condition of an object."""
    return state.attributes.get("alert") == "yes"


def from_alerts(alerts: Iterable[State], dependencies: Iterable[Dependency]) -> list[Evidence]:
    """Return one item of evidence for each thing whose alerts, or whose parts' alerts, are rarer than chance.

    The surprise of a kind of alert is -ln of the share of things that fire it, less that of a common one; those of a thing
    add up. What parts of a thing share adds the log-likelihood ratio of "all of these and others by chance" to "all alike".
    An alert's own time is not taken for an onset: it fires when its detector's own patience ends.
    """
    fired: dict[Entity, dict[str, State]] = defaultdict(dict)
    for state in alerts:
        known = fired[state.entity].get(state.condition)
        if known is None or _moment(state) < _moment(known):
            fired[state.entity][state.condition] = state
    if not fired:
        return []
    dependencies = tuple(dependencies)
    things = {thing for one in dependencies for thing in (one.caller, one.callee)} | set(fired)
    spread: dict[str, int] = defaultdict(int)
    for conditions in fired.values():
        for condition in conditions:
            spread[condition] += 1
    parts = _parts(things, dependencies)
    every = tuple({part for own in parts.values() for part in own})
    told = {
        thing: {word: _surprise(spread[word], len(things)) * _weight(state) for word, state in conditions.items()}
        for thing, conditions in fired.items()
    }
    shared = {
        thing: {
            word: weight * _weight(state)
            for word, state in _conditions(own, fired).items()
            if (weight := _PARTS * _likelihood(word, own, every, fired)) > 0.0
        }
        for thing, own in parts.items()
    }
    alike = {thing for thing, words in shared.items() if words}
    totals = {
        thing: math.fsum((*told.get(thing, {}).values(), *shared.get(thing, {}).values())) for thing in {*told, *alike}
    }
    most = max(totals.values())
    made = []
    for thing, total in sorted(totals.items()):
        states = _conditions((*parts.get(thing, ()), thing), fired)
        severity = _LOUDEST * total / (most + _LOUD)
        made.append(_evidence(thing, severity, states, told.get(thing, {}), shared.get(thing, {}), spread))
    return made


def _conditions(things: Iterable[Entity], fired: Mapping[Entity, Mapping[str, State]]) -> dict[str, State]:
    """Return a state for each kind of alert at some things; that of the last thing where several fire it."""
    return {word: state for thing in things for word, state in fired.get(thing, {}).items()}


def _surprise(count: int, of: int) -> float:
    return max(_LEAST, math.log(_COMMON) - math.log(count / (of + 1)))


def _likelihood(
    word: str, own: tuple[Entity, ...], every: tuple[Entity, ...], fired: Mapping[Entity, Mapping[str, State]]
) -> float:
    """Return how much likelier a kind of alert at these parts is if they share a fault than by the chance that others show."""
    here = sum(1 for part in own if word in fired.get(part, ()))
    if here < 2:
        return 0.0
    elsewhere = sum(1 for part in every if word in fired.get(part, ())) - here
    chance = (elsewhere + 0.5) / (len(every) - len(own) + 1.0)
    share = min(here / len(own), _SHOWN)
    if share <= chance:
        return 0.0
    missing = len(own) - here
    return max(0.0, here * math.log(share / chance) + missing * math.log((1.0 - share) / (1.0 - chance)))


def _parts(things: Iterable[Entity], dependencies: Iterable[Dependency]) -> dict[Entity, tuple[Entity, ...]]:
    """Return the instances of each thing that has at least two: those that it owns, and those that it needs and is none of."""
    found: dict[Entity, set[Entity]] = defaultdict(set)
    for thing in things:
        if thing.kind is EntityKind.POD and thing.owner:
            found[Entity(EntityKind.SERVICE, thing.owner, thing.namespace)].add(thing)
    for one in dependencies:
        if one.callee.kind is EntityKind.POD and not one.callee.owner and one.caller.kind is not EntityKind.POD:
            found[one.caller].add(one.callee)
    return {thing: tuple(sorted(own)) for thing, own in found.items() if len(own) > 1}


def _weight(state: State) -> float:
    return _FELT if describe(state.attributes.get("indicator", "")).golden else 1.0


def _kinds(state: State) -> tuple[CauseKind, ...]:
    known = describe(state.attributes.get("indicator", ""))
    if state.attributes.get("direction") == "low":
        return ()
    return (CauseKind.TRAFFIC_SURGE,) if known.family == "traffic" else known.kinds[:1]


def _evidence(
    thing: Entity,
    severity: float,
    states: Mapping[str, State],
    told: Mapping[str, float],
    shared: Mapping[str, float],
    spread: Mapping[str, int],
) -> Evidence:
    weights: dict[CauseKind, float] = defaultdict(float)
    for word, weight in (*told.items(), *shared.items()):
        for kind in _kinds(states[word]):
            weights[kind] += weight
    ranked = sorted(weights.items(), key=lambda pair: (-pair[1], pair[0].value))[:2]
    first = min(states.values(), key=lambda state: (_moment(state), state.condition))
    return Evidence(
        id="",
        kind=EvidenceKind.STATE,
        entity=thing,
        indicator=INDICATOR,
        statement=f"{thing} {'; '.join(_sentences(told, shared, spread))}",
        severity=round(severity, 6),
        direction=Direction.FOR,
        source=first.source,
        query=first.query,
        link=first.link,
        cause_kinds=tuple(kind for kind, weight in ranked if weight >= _SECOND * ranked[0][1]),
    )


def _sentences(told: Mapping[str, float], shared: Mapping[str, float], spread: Mapping[str, int]) -> list[str]:
    found = []
    if told:
        alone = sum(1 for word in told if spread[word] == 1)
        if len(told) == 1:
            where = ", which nothing else fires" if alone else ""
            found.append(f"fires one kind of alert{where}: {_listed(told)}")
        else:
            where = f", {alone} of which nothing else fires" if alone else ""
            found.append(f"fires {len(told)} kinds of alert{where}: {_listed(told)}")
    if shared:
        found.append(f"has instances that share what others hardly show: {_listed(shared)}")
    return found


def _listed(weights: Mapping[str, float]) -> str:
    """Return the kinds of alert that weigh most."""
    words = sorted(weights, key=lambda word: (-weights[word], word))
    more = len(words) - _MOST_TOLD
    return ", ".join(words[:_MOST_TOLD]) + (f" and {more} more" if more > 0 else "")


def _moment(state: State) -> float:
    return state.at if state.at is not None and math.isfinite(state.at) else math.inf
