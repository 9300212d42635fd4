"""Put several rankings of the same things together."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

Item = TypeVar("Item", bound="Hashable")

# Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods", SIGIR 2009.
K: Final = 60


def fuse(rankings: Iterable[Sequence[Item]], *, k: int = K) -> list[tuple[Item, float]]:
    """Return what is in any of the rankings with its score, the best first: the sum of 1 / (k + rank), ranks from 1.

    Equal scores stand in the order in which the rankings first name them.
    """
    scores: defaultdict[Item, float] = defaultdict(float)
    for ranking in rankings:
        for rank, item in enumerate(ranking, start=1):
            scores[item] += 1.0 / (k + rank)
    return sorted(scores.items(), key=lambda pair: -pair[1])


__all__ = ["K", "fuse"]
