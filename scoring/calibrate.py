"""Feedback becomes reliability: what a raw confidence was worth so far, and how far raw confidences are off."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# With fewer judged incidents a map says more about chance than about us.
LEAST_JUDGED: Final = 30
_BINS: Final = 10
_DECIMALS: Final = 6


@dataclass(frozen=True, slots=True, order=True)
class Judged:
    """Hold one judged incident: the raw confidence of its first hypothesis, and whether people accepted it."""

    confidence: float
    accepted: bool


@dataclass(frozen=True, slots=True)
class Calibration:
    """Hold a monotone map from raw confidence to observed acceptance: `points` (raw, share), linear between them.

    Without points the raw confidence is returned as it is.
    """

    scope: Literal["tenant", "global"]
    count: int
    points: tuple[tuple[float, float], ...] = ()

    @property
    def is_fitted(self) -> bool:
        """Say whether there were enough judged incidents for a map."""
        return bool(self.points)

    @property
    def label(self) -> str:
        """Return in words what the map rests on."""
        if self.is_fitted:
            return f"calibrated on {self.count} judged incidents{' of all tenants' if self.scope == 'global' else ''}"
        return f"raw: {self.count} of the {LEAST_JUDGED} judged incidents that calibration needs"

    def apply(self, confidence: float) -> float:
        """Return the observed acceptance for a raw confidence, or the raw confidence where nothing is fitted."""
        if not self.points or not math.isfinite(confidence):
            return confidence
        raws = [raw for raw, _ in self.points]
        right = bisect_left(raws, confidence)
        if right == 0:
            return self.points[0][1]
        if right == len(raws):
            return self.points[-1][1]
        (left_raw, left_share), (right_raw, right_share) = self.points[right - 1], self.points[right]
        along = (confidence - left_raw) / (right_raw - left_raw)
        return round(left_share + along * (right_share - left_share), _DECIMALS)


@dataclass(frozen=True, slots=True)
class Bin:
    """Hold one row of a reliability table: the mean confidence said and the share accepted, of `count` incidents."""

    low: float
    high: float
    count: int
    confidence: float
    accepted: float


def fit(judged: Iterable[Judged], *, scope: Literal["tenant", "global"] = "tenant") -> Calibration:
    """Fit the monotone map with the least squared error (isotonic regression by pooling adjacent violators).

    With fewer than `LEAST_JUDGED` usable incidents the map is empty, and labelled so.
    """
    usable = _usable(judged)
    if len(usable) < LEAST_JUDGED:
        return Calibration(scope=scope, count=len(usable))
    # Equal confidences are one block from the start: a map gives one answer for one confidence.
    blocks: list[_Block] = []
    for one in usable:
        if blocks and blocks[-1].last == one.confidence:
            blocks[-1].weight += 1
            blocks[-1].sum += one.accepted
        else:
            blocks.append(_Block(one.confidence, one.confidence, 1, float(one.accepted)))
    pooled: list[_Block] = []
    for block in blocks:
        pooled.append(block)
        while len(pooled) > 1 and pooled[-2].mean >= pooled[-1].mean:
            last = pooled.pop()
            pooled[-1].last = last.last
            pooled[-1].weight += last.weight
            pooled[-1].sum += last.sum
    points: list[tuple[float, float]] = []
    for block in pooled:
        points.append((block.first, round(block.mean, _DECIMALS)))
        if block.last > block.first:
            points.append((block.last, round(block.mean, _DECIMALS)))
    return Calibration(scope=scope, count=len(usable), points=tuple(points))


def brier(judged: Iterable[Judged]) -> float | None:
    """Return the mean squared distance of confidence and outcome (0 best; 0.25 for always 0.5), None without any."""
    usable = _usable(judged)
    if not usable:
        return None
    return round(math.fsum((one.confidence - one.accepted) ** 2 for one in usable) / len(usable), _DECIMALS)


def reliability(judged: Iterable[Judged], *, bins: int = _BINS) -> tuple[Bin, ...]:
    """Return the reliability table: bins of equal width that hold any incident, lowest first.

    :raises ValueError: where `bins` is not positive.
    """
    if bins < 1:
        raise ValueError(f"bins: must be 1 or more, got {bins}")
    rows: dict[int, list[Judged]] = {}
    for one in _usable(judged):
        rows.setdefault(min(int(one.confidence * bins), bins - 1), []).append(one)
    return tuple(
        Bin(
            low=place / bins,
            high=(place + 1) / bins,
            count=len(row),
            confidence=round(math.fsum(one.confidence for one in row) / len(row), _DECIMALS),
            accepted=round(sum(one.accepted for one in row) / len(row), _DECIMALS),
        )
        for place, row in sorted(rows.items())
    )


def expected_calibration_error(judged: Iterable[Judged], *, bins: int = _BINS) -> float | None:
    """Return the mean distance of confidence said and share accepted over the table, weighed by count; None without any.

    :raises ValueError: where `bins` is not positive.
    """
    table = reliability(judged, bins=bins)
    total = sum(row.count for row in table)
    if not total:
        return None
    return round(math.fsum(row.count * abs(row.confidence - row.accepted) for row in table) / total, _DECIMALS)


@dataclass(slots=True)
class _Block:
    first: float
    last: float
    weight: int
    sum: float

    @property
    def mean(self) -> float:
        return self.sum / self.weight


def _usable(judged: Iterable[Judged]) -> Sequence[Judged]:
    """Return those with a confidence in [0, 1], in order."""
    return sorted(one for one in judged if math.isfinite(one.confidence) and 0.0 <= one.confidence <= 1.0)
