"""Which evidence is kept, of more than a person, a model and a database row can take in, and in which order it stands."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Final

from scoring.case import about
from scoring.evidence import Direction, EvidenceKind
from scoring.indicators import place_of

if TYPE_CHECKING:
    from scoring.departures import Found

MOST_EVIDENCE: Final = 60
_MOST_SYMPTOMS: Final = 12
# Many pods of one service tell one story: so many entities of a service speak for an indicator …
_MOST_ENTITIES: Final = 3
# … and one service takes so many places by one kind of evidence before all others had theirs, first a few, then more.
_TURNS_OF_A_SERVICE: Final = (4, 12)


def keep(found: list[Found]) -> list[Found]:
    """Return the most telling of what was found: symptoms and changes first, then each service's own, within the bounds."""
    ordered = sorted(found, key=order)
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


def order(one: Found) -> tuple[object, ...]:
    """Return a key that puts evidence into a total order: symptoms first, then what speaks for trouble, by severity."""
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
