"""Weights of the five factors, their sum, and the interval of a share that was counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scoring.evidence import Factor, FactorName

WEIGHTS: Final[dict[FactorName, float]] = {
    "signal strength": 0.25,
    "temporal correlation": 0.20,
    "precedent frequency": 0.20,
    "evidence quality": 0.20,
    "human validation": 0.15,
}
# Intervals hold the truth four times of five.
_LOW: Final = 0.1
_HIGH: Final = 0.9
# Six decimals: what is beyond differs between processors, and a recomputed score must be equal byte for byte.
_DECIMALS: Final = 6


def rounded(value: float) -> float:
    """Return a share cut to [0, 1] and to the decimals that are kept."""
    # Adding zero turns -0.0 into 0.0, which is written differently.
    return round(min(1.0, max(0.0, value)), _DECIMALS) + 0.0


def beta_interval(accepted: float, rejected: float) -> tuple[float, float, float]:
    """Return mean, low and high (80 %) of a share's Beta posterior, given (smoothed) counts for and against."""
    # Imported where it is needed: it weighs more than all else here, and most processes never score.
    from scipy.special import betaincinv

    accepted, rejected = max(accepted, 1e-9), max(rejected, 1e-9)
    mean = accepted / (accepted + rejected)
    low = float(betaincinv(accepted, rejected, _LOW))
    high = float(betaincinv(accepted, rejected, _HIGH))
    # The mean of a very skewed Beta lies outside its middle 80 %.
    return mean, min(low, mean), max(high, mean)


def total(factors: Iterable[Factor]) -> tuple[float, float, float]:
    """Return confidence, low and high: the weighted sums of the factors' values and of their intervals' ends."""
    factors = tuple(factors)
    value = rounded(sum(factor.weight * factor.value for factor in factors))
    low = rounded(sum(factor.weight * factor.low for factor in factors))
    high = rounded(sum(factor.weight * factor.high for factor in factors))
    return value, min(low, value), max(high, value)
