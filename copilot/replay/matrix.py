"""Series of a Prometheus matrix, packed for the file and laid out again on the grid that is asked for."""

from __future__ import annotations

import math
from typing import Any

PACKED = "packed matrix"
# Five digits are finer than any scrape; the rest of a double is noise that does not compress.
DIGITS = 5
_NO_SAMPLE = "_"


def packed(result: list[dict[str, Any]], *, start: float, step: float) -> dict[str, Any]:
    """Return a matrix as text of values on one grid; times are Unix seconds."""
    count = 1 + max((round((values[-1][0] - start) / step) for row in result if (values := row["values"])), default=-1)
    series = []
    for row in result:
        cells = [_NO_SAMPLE] * count
        for at, value in row["values"]:
            cells[round((at - start) / step)] = _short(str(value))
        series.append({"metric": row["metric"], "values": " ".join(cells)})
    return {"resultType": PACKED, "start": start, "step": step, "series": series}


def _short(value: str) -> str:
    number = float(value)
    if not math.isfinite(number):
        return value
    text = f"{number:.{DIGITS}g}"
    return text.removeprefix("0") if text.startswith("0.") else text


def unpacked(data: dict[str, Any], *, start: float, end: float, step: float, shift: float) -> list[dict[str, Any]]:
    """Return the matrix for a grid, all times moved by `shift`; each point is the recorded one nearest to it."""
    grid, first = float(data["step"]), float(data["start"]) + shift
    times = [start + number * step for number in range(int((end - start) / step + 1e-9) + 1)]
    places = [math.floor((at - first) / grid + 0.5) for at in times]
    result = []
    for series in data["series"]:
        cells = str(series["values"]).split(" ")
        values = [
            [at, str(float(cells[place])) if cells[place][-1:].isdigit() else cells[place]]
            for at, place in zip(times, places, strict=True)
            if 0 <= place < len(cells) and cells[place] != _NO_SAMPLE
        ]
        if values:
            result.append({"metric": dict(series["metric"]), "values": values})
    return result
