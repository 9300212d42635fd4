"""Whether all is well: nothing that was looked at is wrong in a way that could have fired the alert, and more than chance."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from scoring.case import about
from scoring.evidence import Direction, EvidenceKind
from scoring.indicators import family_of, fired_families
from scoring.observations import EntityKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scoring.case import Case
    from scoring.evidence import Evidence

# What began later than this after the alert did not fire it; samples of five minutes are the slowest that are in use.
_LATE: Final = 300.0
# What began so long before the alert was pending, and did not fire one then, is how things are.
_EARLY: Final = 900.0
# What has been well for so many times as long as it was ill is over.
_WELL_AGAIN: Final = 2.0
# With the symptom gone, an object's condition this bad keeps the all-clear from being given …
_BAD_STATE: Final = 0.7
# … and so do lines in the logs that are new or came far more often, and speak of trouble.
_BAD_LOG: Final = 0.45
# Departures have heavy tails: as Student's t with three degrees of freedom, whose tail beyond z is about 1.10 / z³.
_TAIL: Final = 1.10
# Departures that so many series would show by chance in fewer than one window of a hundred are no chance.
_CHANCE: Final = 0.01
# Strength in [0, 1] is the logarithm of the deviation to this base, so that a full resource has a deviation as well.
_BASE: Final = 64.0
# Where no series shows what fired, so many others must have been looked at, and every source must have answered.
_ENOUGH: Final = 10


def all_clear(case: Case, *, looked_at: int, complete: bool) -> str | None:
    """Return in a sentence that users are well, None where something speaks against it or too little was looked at.

    `looked_at` is the number of series that were examined, and `complete` says that every source answered.
    """
    measured = _measured(case)
    if not measured and (looked_at < _ENOUGH or not complete):
        return None
    if any(_is_told(item, case) for item in case.evidence):
        return None
    departures = [item for item in case.evidence if _is_departure(item) and _could_have_fired(item, case)]
    shown = {(item.entity.key, item.indicator, item.source) for item in case.evidence if _is_shown(item)}
    # What fired and is there now is told however long it took to fire: burn rates look back over hours.
    symptoms = [item for item in case.standing if _is_departure(item) and not _is_later(item, case)]
    others = [item for item in departures if not item.is_symptom]
    if is_beyond_chance(_worst((family_of(item), item) for item in symptoms), len(shown)):
        return None
    if is_beyond_chance(_worst((about(item), item) for item in others), max(looked_at, len(others))):
        return None
    relieved = [item for item in measured if item.direction is Direction.AGAINST]
    if relieved:
        return f"{relieved[0].statement}."
    return f"None of {looked_at} indicators that were looked at left its baseline by more than chance makes of so many."


def is_beyond_chance(deviations: Iterable[float], looked_at: int) -> bool:
    """Say whether departures so far, in robust units, are more than chance makes of so many series.

    For each departure: that at least as many reach it, of a number that is Poisson, is less likely than one in a hundred.
    """
    ordered = sorted((deviation for deviation in deviations if deviation > 0.0), reverse=True)
    return any(
        _at_least(count, looked_at * _TAIL / max(deviation, 1e-3) ** 3) < _CHANCE
        for count, deviation in enumerate(ordered, start=1)
    )


def _at_least(count: int, expected: float) -> float:
    """Return the probability that a Poisson number with this mean is `count` or more."""
    term = math.exp(-expected)
    below = 0.0
    for number in range(count):
        below += term
        term *= expected / (number + 1)
    return 1.0 - below


def _measured(case: Case) -> list[Evidence]:
    """Return what shows how users were when the alert fired: replicas do so only where the alert was about replicas."""
    fired = fired_families(item.statement for item in case.evidence if item.kind is EvidenceKind.NOTE)
    later = [item for item in case.evidence if _is_shown(item) and _is_departure(item) and _is_later(item, case)]
    return [item for item in (*case.relieved, *later) if family_of(item) != "availability" or "availability" in fired]


def _is_shown(item: Evidence) -> bool:
    return item.is_symptom and item.kind is EvidenceKind.METRIC


def _is_departure(item: Evidence) -> bool:
    return item.direction is Direction.FOR and item.kind is EvidenceKind.METRIC


def _is_told(item: Evidence, case: Case) -> bool:
    """Say whether an object or a log tells of trouble in words, which chance does not make."""
    if item.direction is not Direction.FOR or _is_later(item, case):
        return False
    if item.kind is EvidenceKind.LOG:
        return item.severity >= _BAD_LOG
    if item.kind is EvidenceKind.STATE:
        if item.entity.kind is EntityKind.EXTERNAL:
            # What a vendor says of itself need not reach anybody here.
            return item in case.standing
        near = case.needs(about(item))
        return item in case.standing or (near and item.severity >= _BAD_STATE)
    return False


def _could_have_fired(item: Evidence, case: Case) -> bool:
    """Say whether a departure was there when the alert fired, is not how things had long been, and is not long over."""
    if item.onset is None or _is_later(item, case):
        return False
    pending = case.window.alert_at - case.window.alert_for
    if item.onset < pending - _EARLY:
        return False
    return item.until is None or (
        item.until >= pending and case.window.end - item.until <= _WELL_AGAIN * (item.until - item.onset)
    )


def _is_later(item: Evidence, case: Case) -> bool:
    return item.onset is not None and item.onset > case.window.alert_at + _LATE


def _worst(items: Iterable[tuple[str, Evidence]]) -> list[float]:
    """Return one deviation for each key, since what one service shows in several ways is one departure."""
    worst: dict[str, float] = {}
    for key, item in items:
        deviation = max(item.deviation or 0.0, math.pow(_BASE, min(item.severity, 1.0)) - 1.0)
        worst[key] = max(worst.get(key, 0.0), deviation)
    return list(worst.values())
