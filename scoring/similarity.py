"""How alike two incidents are: what is wrong now against what was wrong then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from scoring.evidence import Direction, EvidenceKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scoring.evidence import Evidence

# How many past incidents are compared, and how alike one must be to count at all.
COMPARED: Final = 300
ALIKE: Final = 0.35
# What is wrong says more about the cause than where the page came from.
_SERVICE: Final = 0.2
_SYMPTOM: Final = 0.2
_SIGNALS: Final = 0.6

Signature = frozenset[tuple[str, str]]


def signature(evidence: Iterable[Evidence]) -> Signature:
    """Return the (service, indicator) pairs that speak for a fault; changes, which are often there, are left out."""
    return frozenset(
        (item.entity.service, item.indicator)
        for item in evidence
        if item.direction is Direction.FOR and item.kind is not EvidenceKind.CHANGE
    )


def similarity(
    *, same_service: bool, same_symptom: bool, signature: Signature, other: Signature
) -> tuple[float, tuple[str, ...]]:
    """Return how alike two incidents are, in [0, 1], and why: service 0.2, symptom 0.2, signals in common 0.6 (Jaccard)."""
    common, either = len(signature & other), len(signature | other)
    reasons = (
        *(("same service",) if same_service else ()),
        *(("same symptom",) if same_symptom else ()),
        *((f"{common} of {either} signals in common",) if common else ()),
    )
    overlap = common / either if either else 0.0
    return _SERVICE * same_service + _SYMPTOM * same_symptom + _SIGNALS * overlap, reasons
