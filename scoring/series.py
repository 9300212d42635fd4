"""The detector for series: how far an indicator left its own baseline, since when, and whether it stayed away."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from scoring.observations import Worse

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scoring.observations import Window

# A median absolute deviation times this estimates the standard deviation of normal noise; a mean absolute one times the other.
_MAD_TO_SIGMA: Final = 1.4826
_MEAN_TO_SIGMA: Final = 1.2533
# Spread below this share of the baseline is not believed: a constant series would otherwise shout at any move.
RELATIVE_FLOOR: Final = 0.03
# CUSUM (Page, 1954) in robust units: the drift that is forgiven for each sample (half of the shift of 3 that is worth finding),
# the sum that makes a change point, and the most that one sample may add. One spike adds 2.5 and never reaches 5; two do.
_FORGIVEN: Final = 1.5
_THRESHOLD: Final = 5.0
_MOST: Final = 4.0
# A value that sums up so many measurements is no chance: far enough out it makes a change point alone, if a weaker one.
_MANY: Final = 10
_ALONE: Final = 0.8
# For indicators that count happenings (restarts) one sample is enough.
_EVENT_THRESHOLD: Final = 2.0
# A sample this far out is away from its baseline; closer than the second number it is back.
AWAY: Final = 3.0
_BACK: Final = 2.0
# … and clearly out is also this share of the departure's own size.
_CLEARLY_OUT: Final = 0.1
# Deviation at which strength is full; the scale between is logarithmic, as loudness is heard.
_FULL: Final = 63.0
# Fewer quiet samples than this weaken what is said; fewer than the second number give no baseline of their own.
_ENOUGH_HISTORY: Final = 8
_LEAST_HISTORY: Final = 5
_LEAST_POINTS: Final = 4
# Back for this many samples, or this share of the samples since the alert, is recovered.
_RECOVERED_POINTS: Final = 3
# The baseline ends this long before the alert began to be pending, since many indicators are means over some minutes.
_GUARD: Final = 60.0
# What was over so long before the alert began to be pending is part of what is normal here.
_BYGONE: Final = 1800.0
# Numbers beyond this are broken exporters, and their squares would overflow.
_ABSURD: Final = 1e100
# No source samples more often than each millisecond; a shorter step would make a rate of a rounding error.
_SHORTEST: Final = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Shift:
    """Hold how a series stands to its baseline.

    `deviation` is in robust units of the baseline's spread, positive where worse, and 0 without a change point. `onset` is the
    first sample of the sustained departure, `last` its last. `sustained` is the share of samples between that are away.
    `recovered` holds the median after `last`, where the series came back. `alone` says that a single sample makes it.
    """

    times: NDArray[np.float64]
    values: NDArray[np.float64]
    baseline: float
    spread: float
    value: float
    deviation: float
    sustained: float
    onset: float | None
    last: float
    recovered: float | None
    history: int
    alone: bool = False

    @property
    def strength(self) -> float:
        """Return the deviation as a number in [0, 1], weakened where it was not sustained or the history is short."""
        if self.onset is None:
            return 0.0
        loudness = min(1.0, math.log2(1.0 + self.deviation) / math.log2(1.0 + _FULL))
        steadiness = (0.5 + 0.5 * min(1.0, self.sustained / 0.8)) * (_ALONE if self.alone else 1.0)
        return loudness * steadiness * min(1.0, self.history / _ENOUGH_HISTORY)


def clean(
    times: NDArray[np.float64], values: NDArray[np.float64], window: Window | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return finite samples inside the window in order of time; samples of one moment become their mean."""
    times = np.asarray(times, dtype=np.float64).ravel()
    values = np.asarray(values, dtype=np.float64).ravel()
    length = min(times.size, values.size)
    times, values = times[:length], values[:length]
    usable = np.isfinite(times) & (np.abs(values) < _ABSURD)  # NaN compares false
    if window is not None and window.start < window.end:
        usable &= (times >= window.start) & (times <= window.end)
    if not usable.all():
        times, values = times[usable], values[usable]
    if times.size > 1 and not (times[1:] > times[:-1]).all():
        # Sorting by both keys makes the mean of one moment independent of the order in which samples came.
        order = np.lexsort((values, times))
        times, values = times[order], values[order]
        times, first, counts = np.unique(times, return_index=True, return_counts=True)
        values = np.add.reduceat(values, first) / counts
    return times, values


def _summed(times: NDArray[np.float64], counts: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """Return the times of the values that sum up many measurements."""
    if counts is None:
        return np.empty(0)
    times, counts = np.asarray(times, dtype=np.float64).ravel(), np.asarray(counts, dtype=np.float64).ravel()
    length = min(times.size, counts.size)
    return times[:length][counts[:length] >= _MANY]


def rate(times: NDArray[np.float64], values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the growth per second of a counter; a fall is a reset, after which the counter began again at zero."""
    if times.size < 2:
        return times[:0], values[:0]
    grown = np.diff(values)
    grown = np.where(grown < 0, np.maximum(values[1:], 0.0), grown)
    return times[1:], grown / np.maximum(np.diff(times), _SHORTEST)


def examine(
    times: NDArray[np.float64],
    values: NDArray[np.float64],
    *,
    window: Window,
    worse: Worse = Worse.HIGH,
    counter: bool = False,
    floor: float = 0.0,
    event: bool = False,
    counts: NDArray[np.float64] | None = None,
) -> Shift | None:
    """Return how a series stands to its baseline, or None where there are too few usable samples to say.

    `floor` is the smallest spread that is believed, in the unit of the values (of their rate, for a counter). `counts` says how
    many measurements each value sums up.
    """
    summed = _summed(times, counts)
    times, values = clean(times, values, window)
    if counter:
        times, values = rate(times, values)
    if times.size < _LEAST_POINTS:
        return None
    quiet_until = window.alert_at - window.alert_for - _GUARD
    history = int(np.searchsorted(times, quiet_until))
    if history < _LEAST_HISTORY:
        history = max(2, times.size // 2)
    # Most series sum up nothing, and looking for nothing costs as much as the rest.
    many = np.isin(times, summed) if summed.size else np.zeros(times.size, dtype=np.bool_)
    found = _departure(times, values, many, history, after=quiet_until, worse=worse, floor=floor, event=event)
    if found.peak > 0.0 and _LEAST_HISTORY <= found.first < history:
        # It began before the alert was pending: only what lies before it is quiet.
        history = found.first
        found = _departure(times, values, many, history, after=quiet_until, worse=worse, floor=floor, event=event)
    if found.peak <= 0.0:
        return _flat(times, values, baseline=found.baseline, spread=found.spread, history=history)
    away, first, last = found.away, found.first, found.last
    baseline, spread = found.baseline, found.spread
    # A chance sample just before raises the sum early: the onset is the first sample that is clearly out.
    whole = np.abs(away[first : last + 1])
    first += int(np.argmax(whole >= max(AWAY, _CLEARLY_OUT * _median(whole))))
    out = np.abs(away[first : last + 1])
    usual = 1.0 if event else _usual(np.sign(found.away[last]) * found.away[:first][:history], out.size)
    recovered = None
    after = values[last + 1 :]
    if not event and after.size >= _RECOVERED_POINTS:
        then = _median(after)
        if abs(then - baseline) / spread < _BACK:
            recovered = then
    return Shift(
        times=times,
        values=values,
        baseline=baseline,
        spread=spread * usual,
        value=_median(values[first : last + 1]),
        deviation=_lower_median(out if out.size > 1 or event or many[first] else whole) / usual,
        sustained=float(np.count_nonzero(out > AWAY)) / out.size,
        onset=float(times[first]),
        last=float(times[last]),
        recovered=recovered,
        history=history,
        alone=out.size == 1 and not event,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Departure:
    """Hold all samples in robust units, and the most sustained departure; without one the peak is 0."""

    baseline: float
    spread: float
    away: NDArray[np.float64]
    first: int = 0
    last: int = 0
    peak: float = 0.0


def _departure(
    times: NDArray[np.float64],
    values: NDArray[np.float64],
    many: NDArray[np.bool_],
    history: int,
    *,
    after: float,
    worse: Worse,
    floor: float,
    event: bool,
) -> _Departure:
    baseline, noise = _centre(values[:history])
    spread = max(noise, RELATIVE_FLOOR * abs(baseline), floor)
    if spread == 0.0:
        # A baseline of nothing but zeros, and no floor: whatever leaves it does so fully.
        spread = float(np.max(np.abs(values - baseline))) / _FULL
    if spread == 0.0 or not math.isfinite(spread):
        return _Departure(baseline, 0.0, values)
    away = (values - baseline) / spread
    threshold = _EVENT_THRESHOLD if event else _THRESHOLD
    signs = {Worse.HIGH: (1.0,), Worse.LOW: (-1.0,), Worse.EITHER: (1.0, -1.0)}[worse]
    found = [_excursion(sign * away, times, many, after=after, threshold=threshold) for sign in signs]
    first, last, peak = max(found, key=lambda excursion: excursion[2])
    return _Departure(baseline, spread, away, first, last, peak)


def _excursion(
    away: NDArray[np.float64],
    times: NDArray[np.float64],
    many: NDArray[np.bool_],
    *,
    after: float,
    threshold: float,
) -> tuple[int, int, float]:
    """Return first and last index and peak of the most sustained departure, first of those that reach past `after`."""
    most = np.where(many, threshold + _FORGIVEN, _MOST)
    total = np.cumsum(np.clip(away, -_MOST, most) - _FORGIVEN)
    lowest = np.minimum(np.minimum.accumulate(total), 0.0)
    raised = total - lowest
    eligible = (raised >= threshold) & (away > _FORGIVEN)
    if not eligible.any():
        return 0, 0, 0.0
    late = eligible & (times >= after)
    eligible &= times >= after - _BYGONE
    if not eligible.any():
        return 0, 0, 0.0
    last = int(np.argmax(np.where(late if late.any() else eligible, raised, 0.0)))
    grounded = np.flatnonzero(raised[: last + 1] <= 0.0)
    first = int(grounded[-1]) + 1 if grounded.size else 0
    return first, last, float(raised[last])


def _usual(away: NDArray[np.float64], length: int) -> float:
    """Return how much wider than its spread a quiet time is, in which departures so long are usual; 1 where they are not.

    The highest level that the quiet time held for half as long is taken to be no more than just away.
    """
    held = (length + 1) // 2
    if away.size < held:
        return 1.0
    level = float(np.max(lowest_of_each(away, held)))
    return max(1.0, level / AWAY)


def lowest_of_each(values: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Return the lowest value of each run of so many neighbours, by doubling: a million values do not take a million runs."""
    lowest, reach = values, 1
    while 2 * reach <= length:
        lowest, reach = np.minimum(lowest[:-reach], lowest[reach:]), 2 * reach
    return np.minimum(lowest[: lowest.size - (length - reach)], lowest[length - reach :])


def _flat(
    times: NDArray[np.float64], values: NDArray[np.float64], *, baseline: float, spread: float, history: int
) -> Shift:
    return Shift(
        times=times,
        values=values,
        baseline=baseline,
        spread=spread,
        value=_median(values[history:]) if history < values.size else baseline,
        deviation=0.0,
        sustained=0.0,
        onset=None,
        last=float(times[-1]),
        recovered=None,
        history=history,
    )


def _centre(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the median and a robust estimate of the standard deviation around it."""
    middle = _median(values)
    apart = np.abs(values - middle)
    sigma = _MAD_TO_SIGMA * _median(apart)
    if sigma == 0.0:
        # More than half of the samples are equal: the mean deviation still sees the others.
        sigma = _MEAN_TO_SIGMA * float(apart.mean())
    return middle, sigma


def _lower_median(values: NDArray[np.float64]) -> float:
    """Return the lower of the two middle values: of two samples the loud one alone must not decide."""
    return float(np.sort(values)[(values.size - 1) // 2])


def _median(values: NDArray[np.float64]) -> float:
    # np.median costs ten times as much for the few dozen samples of a window.
    ordered = np.sort(values)
    half = ordered.size // 2
    return float(ordered[half]) if ordered.size % 2 else float((ordered[half - 1] + ordered[half]) / 2.0)
