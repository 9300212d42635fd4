"""What fired: which evidence is the incident's symptom, whether it is still there, and when it began."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from scoring.evidence import Direction, EvidenceKind
from scoring.indicators import INSIDE_STORES, describe, family_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scoring.evidence import Evidence
    from scoring.observations import Window

# Symptoms weaker than this share of the strongest do not set the onset: they may be chance.
_TELLING_SHARE: Final = 0.5
# Nor do those that are weak in themselves, or that users felt and nobody was paged for in so long: of these the alert knows
# better. What fills up does so for hours before anyone is paged.
_TELLING: Final = 0.5
_LONGEST_UNNOTICED: Final = 1800.0
# A symptom that had been away for longer than this when the alert began to be pending was not what fired.
_LULL: Final = 300.0


def is_symptom(evidence: Evidence, *, subject: str, families: frozenset[str]) -> bool:
    """Say whether evidence is at the service that fired and of a family that the alert speaks of.

    An alert without known words is taken to be about what users feel, and about conditions of the service's objects.
    """
    if evidence.entity.service != subject or evidence.peer is not None:
        return False
    if evidence.kind is EvidenceKind.STATE:
        # What an alert says of pods, nodes and memory shows in the conditions of objects.
        return families <= INSIDE_STORES or bool(families & {"availability", "restarts", "node", "memory"})
    if evidence.kind is not EvidenceKind.METRIC:
        return False
    # What goes on inside a store is seen through its exporter alone: without one, what users feel of it still shows.
    if families and (family_of(evidence) in families or not families <= INSIDE_STORES):
        return family_of(evidence) in families
    return describe(evidence.indicator).golden


def standing(evidence: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """Return the symptoms that are there and have not recovered."""
    symptoms = [item for item in evidence if item.is_symptom]
    over = {_thing(item) for item in symptoms if item.direction is Direction.AGAINST}
    return tuple(item for item in symptoms if item.direction is Direction.FOR and _thing(item) not in over)


def relieved(evidence: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """Return what shows that a symptom is not in the data, or has recovered."""
    return tuple(item for item in evidence if item.is_symptom and item.direction is Direction.AGAINST)


def onset(evidence: Iterable[Evidence], window: Window) -> float:
    """Return when the incident began: the earliest change point among its symptoms, else the alert's time less its `for`.

    No later than the alert: what fired had begun by then. What was over before the alert was pending is another incident's, and
    a weak or very early departure may be chance.
    """
    pending = window.alert_at - window.alert_for
    symptoms = [
        item
        for item in evidence
        if item.is_symptom
        and item.direction is Direction.FOR
        and item.onset is not None
        and item.severity >= _TELLING
        and (not describe(item.indicator).golden or item.onset >= pending - _LONGEST_UNNOTICED)
        and (item.until is None or item.until >= pending - _LULL)
    ]
    strongest = max((item.severity for item in symptoms), default=0.0)
    onsets = [item.onset for item in symptoms if item.onset is not None and item.severity >= _TELLING_SHARE * strongest]
    return min(*onsets, window.alert_at) if onsets else window.alert_at - window.alert_for


def _thing(evidence: Evidence) -> tuple[str, str, str]:
    return (evidence.entity.key, evidence.indicator, evidence.source)
