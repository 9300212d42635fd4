"""Hard limits that no source tells: a resource's use divided by its utilisation is the limit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scoring.observations import Series

# Use and the utilisation that is its share of a limit.
_SHARES: Final = {"cpu_usage": "cpu_utilisation", "memory_usage": "memory_utilisation"}
# Fewer common samples, or quotients that differ by more than this share of the middle one, tell no limit: the utilisation is
# then of something else, a machine or one of several pods.
_LEAST: Final = 5
_AGREE: Final = 0.05


def with_limits(series: Iterable[Series]) -> list[Series]:
    """Return the series, those of a resource's use with the limit that its utilisation tells where none was known."""
    found = list(series)
    shares = {
        (one.entity, one.source, one.indicator): one
        for one in found
        if one.indicator in _SHARES.values() and not one.peer
    }
    return [
        replace(one, limit=_limit(one, share))
        if one.limit is None
        and not one.counter
        and (share := shares.get((one.entity, one.source, _SHARES.get(one.indicator, "")))) is not None
        else one
        for one in found
    ]


def _limit(use: Series, share: Series) -> float | None:
    _, ours, theirs = np.intersect1d(use.times, share.times, return_indices=True)
    used, part = use.values[ours], share.values[theirs]
    known = np.isfinite(used) & np.isfinite(part) & (used > 0.0) & (part > 0.0)
    if np.count_nonzero(known) < _LEAST:
        return None
    with np.errstate(over="ignore", under="ignore"):
        limits = np.sort(used[known] / part[known])
    low, limit, high = (float(limits[round((limits.size - 1) * place)]) for place in (0.25, 0.5, 0.75))
    if not np.isfinite(limit) or limit <= 0.0 or high - low > _AGREE * limit:
        return None
    return limit
