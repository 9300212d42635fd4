"""Labelled series: is a departure told while it happens, and how often is one told that nobody labelled.

The score is that of the Numenta Anomaly Benchmark (Lavin, Ahmad 2015), standard profile: 100 for telling every labelled window at its
first row and nothing else, 0 for telling nothing.
"""

from __future__ import annotations

import json
import math
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from integrations.recorded.files import BadCase, Folder, number
from scoring.departures import TELLING
from scoring.observations import Window, Worse
from scoring.series import examine

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

LABELS: Final = "labels.json"
# At each row the detector sees so many rows up to it, of which the last few are on trial.
TRAILING: Final = 1000
ON_TRIAL: Final = 6
_LEAST: Final = 30
# The benchmark's own: what a false alarm costs beside a missed window, and the share of rows (of 5,000 at most) that teach.
_FALSE_ALARM: Final = 0.11
_PROBATION: Final = 0.15
_PROBATION_ROWS: Final = 5000


@dataclass(frozen=True, slots=True)
class Told:
    """Hold one series' answer: its number of rows, and those at which a departure was told first."""

    name: str
    rows: int
    times: tuple[float, ...]
    told: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Marked:
    """Hold what the labels say of one series: windows in Unix seconds, and whether it is one of a running system."""

    windows: tuple[tuple[float, float], ...]
    ops: bool


def find(folder: Path, only: str | None = None) -> Path | None:
    """Return the folder of labelled series that is meant, None where recorded cases are."""
    meant = folder if only is None or folder.name == only else folder / only
    return meant if (meant / LABELS).is_file() and (meant / "series").is_dir() else None


def answer(folder: Path, *, jobs: int = 1) -> Iterator[Told]:
    """Yield the answer to each series; the labels are not opened.

    :raises integrations.recorded.BadCase: where a series cannot be read.
    """
    names = Folder(folder / "series").names()
    homes = [folder / "series"] * len(names)
    if jobs <= 1:
        yield from map(_tell, homes, names)
        return
    with ProcessPoolExecutor(max_workers=jobs) as pool:
        yield from pool.map(_tell, homes, names)


def labels(folder: Path) -> dict[str, Marked]:
    """Return what the labels say, by series.

    :raises integrations.recorded.BadCase: where they cannot be read.
    """
    path = folder / LABELS
    try:
        return {
            str(one["file"]): Marked(
                tuple(sorted((_seconds(begin), _seconds(end)) for begin, end in one["windows"])), bool(one.get("ops"))
            )
            for one in json.loads(path.read_text(encoding="utf-8"))
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadCase(f"{path}: expected a list of series, each with `file` and `windows`: {error!r}") from error


def judge(told: Sequence[Told], marked: dict[str, Marked]) -> dict[str, Any]:
    """Return the score, precision, recall and F1 over all series, and over those of running systems."""
    known = [(one, marked[one.name]) for one in told if one.name in marked]
    return {
        name: _summed(some)
        for name, some in (("all", known), ("ops", [pair for pair in known if pair[1].ops]))
        if some
    }  # fmt: skip


def _tell(home: Path, name: str) -> Told:
    times, values = [], []
    for row in Folder(home).rows(name):
        cells = list(row.values())
        if len(cells) < 2:
            raise BadCase(f"{home / name}: expected two columns, a time and a value")
        times.append(_seconds(cells[0]))
        values.append(number(cells[1]))
    if not times:
        raise BadCase(f"{home / name}: holds no rows")
    return Told(name, len(times), tuple(times), departures(np.array(times), np.array(values)))


def departures(times: NDArray[np.float64], values: NDArray[np.float64]) -> tuple[int, ...]:
    """Return the rows at which a departure is told that was not told just before; each row is looked at without what follows it."""
    found: list[int] = []
    last = -ON_TRIAL
    for row in range(_LEAST, times.size):
        begin = max(0, row + 1 - TRAILING)
        seen = times[begin : row + 1]
        window = Window(float(seen[0]), float(seen[-1]), alert_at=float(seen[-ON_TRIAL]))
        shift = examine(seen, values[begin : row + 1], window=window, worse=Worse.EITHER)
        if shift is None or shift.onset is None or shift.recovered is not None or shift.strength < TELLING:
            continue
        if shift.onset < seen[-2 * ON_TRIAL]:
            # What has lasted longer is no news, and becomes the baseline.
            continue
        if row - last >= ON_TRIAL:
            found.append(row)
        last = row
    return tuple(found)


def _summed(pairs: Sequence[tuple[Told, Marked]]) -> dict[str, Any]:
    score = 0.0
    windows = found = right = wrong = 0
    for one, marked in pairs:
        points, hit, inside, outside = _scored(one, marked)
        score += points
        windows, found, right, wrong = windows + len(marked.windows), found + hit, right + inside, wrong + outside
    precision = right / (right + wrong) if right + wrong else None
    recall = found / windows if windows else None
    both = (
        None
        if precision is None or recall is None or precision + recall == 0.0
        else 2 * precision * recall / (precision + recall)
    )
    return {
        "series": len(pairs),
        "windows": windows,
        "found": found,
        "false_alarms": wrong,
        # A detector that tells nothing misses every window, and gets minus one for each.
        "score": 100.0 * (score + windows) / (2 * windows) if windows else None,
        "precision": precision,
        "recall": recall,
        "f1": both,
    }


def _scored(one: Told, marked: Marked) -> tuple[float, int, int, int]:
    """Return a series' points, how many windows were told, and how many rows were told inside and outside of windows."""
    times = np.array(one.times)
    windows = [
        (int(np.searchsorted(times, begin)), int(np.searchsorted(times, end, side="right")) - 1)
        for begin, end in marked.windows
    ]
    teaches = int(_PROBATION * min(one.rows, _PROBATION_ROWS))
    points = 0.0
    inside = outside = 0
    first: dict[tuple[int, int], int] = {}
    for row in one.told:
        if row < teaches:
            continue
        window = next(((begin, end) for begin, end in windows if begin <= row <= end), None)
        if window is not None:
            inside += 1
            first.setdefault(window, row)
            continue
        outside += 1
        before = [(begin, end) for begin, end in windows if end < row]
        if before:
            begin, end = before[-1]
            points += _FALSE_ALARM * _sigmoid((row - end) / max(1, end - begin))
        else:
            points -= _FALSE_ALARM
    for begin, end in windows:
        row = first.get((begin, end), -1)
        points += -1.0 if row < 0 else _sigmoid(-(end - row + 1) / (end - begin + 1)) / _sigmoid(-1.0)
    return points, len(first), inside, outside


def _sigmoid(place: float) -> float:
    """Return what telling is worth at a place relative to a window's end: 1 well before, 0 at it, -1 well after."""
    return -1.0 if place > 3.0 else 2.0 / (1.0 + math.exp(5.0 * place)) - 1.0


def _seconds(text: str) -> float:
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        raise BadCase(f"{text!r}: expected a date and a time, e.g. 2014-04-15 07:24:00") from None
    return (at.replace(tzinfo=UTC) if at.tzinfo is None else at).timestamp()
