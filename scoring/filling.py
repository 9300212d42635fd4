"""What fills up: a steady rise to a hard limit, which no jump shows and which a restart wipes out.

A leak of memory, of connections or of disk rises for most of what is looked at, so that the rise itself becomes the baseline.
It began where the rise did, however long before anything broke.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from scoring.series import clean

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scoring.observations import Window

# So near to its limit, in so many samples and no faster than in so many seconds; a jump is another detector's.
_FULL: Final = 0.85
_SAMPLES: Final = 12
_SECONDS: Final = 900.0
# It rose by at least this share of its limit, and fell back by no more than this share of its rise.
_RISE: Final = 0.25
_FALLEN: Final = 0.25
# The rise begins where this share of it has not yet been passed.
_BEGUN: Final = 0.1
_QUIET: Final = 0.2
# Full so long before the alert, it is another story.
_RECENT: Final = 1800.0
_SMOOTH: Final = 5


@dataclass(frozen=True, slots=True)
class Filling:
    """Hold a steady rise: from which value to which, in the series' unit, since when and until when, in Unix seconds.

    `onset` is None where the rise was under way before anything was measured.
    """

    low: float
    high: float
    since: float
    until: float
    onset: float | None


def find(times: NDArray[np.float64], values: NDArray[np.float64], *, limit: float, window: Window) -> Filling | None:
    """Return the steady rise of a series to its limit, None where there is none."""
    times, values = clean(times, values, window)
    if times.size < _SAMPLES or limit <= 0.0 or float(values.max()) < _FULL * limit:
        return None
    smooth = np.median(
        np.lib.stride_tricks.sliding_window_view(np.pad(values, _SMOOTH // 2, mode="edge"), _SMOOTH), axis=1
    )
    top = int(np.argmax(smooth))
    high = float(smooth[top])
    if high < _FULL * limit or window.alert_at - float(times[top]) > _RECENT:
        return None
    bottom = int(np.argmin(smooth[: top + 1]))
    low = float(smooth[bottom])
    if high - low < _RISE * limit:
        return None
    # The last sample, before the top, that had not yet begun to rise.
    still = np.flatnonzero(smooth[: top + 1] <= low + _BEGUN * (high - low))
    start = int(still[-1])
    steps = np.diff(smooth[start : top + 1])
    fallen = float(-steps[steps < 0].sum())
    if top - start < _SAMPLES or times[top] - times[start] < _SECONDS or fallen > _FALLEN * (high - low):
        return None
    # One step that makes half of the rise is a jump.
    if float(steps.max()) > 0.5 * (high - low):
        return None
    # A rise that was always there takes a ninth of its length to its first tenth; more was quiet before it.
    quiet = times[start] - times[0] > _QUIET * (times[top] - times[start])
    return Filling(low, high, float(times[start]), float(times[top]), float(times[start]) if quiet else None)
