"""Numbers as people on call say them: `2.4 s`, `12 %`, `412 MiB`, `6 min`."""

from __future__ import annotations

import math
from typing import Final

_BINARY: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
# Below this ratio of now to before a factor says no more than the two numbers do.
_TELLING_FACTOR: Final = 1.5


def format_value(value: float, unit: str = "") -> str:
    """Return `value` in `unit` (seconds, ratio, bytes, bytes/s, requests/s, cores, count …) as people write it."""
    if not math.isfinite(value):
        return "unknown"
    match unit:
        case "seconds" | "s":
            return _seconds(value)
        case "ratio":
            # 12 %, 0.2 %, but 99.9 %: the digits that matter are those away from nothing and from all.
            percent = value * 100
            return f"{_digits(percent, figures=3 if 99 <= abs(percent) < 100 else 2)} %"
        case "bytes":
            return _bytes(value)
        case "bytes/s":
            return f"{_bytes(value)}/s"
        case "count" | "":
            return _digits(value)
    return f"{_digits(value)}/s" if unit.endswith("/s") else f"{_digits(value)} {unit}"


def format_move(value: float, baseline: float, unit: str = "", *, limit: float | None = None) -> str:
    """Return where a value stands and where it stood, e.g. `2.4 s, was 180 ms (×13)` or `5 of 5, was 2`."""
    now, before = format_value(value, unit), format_value(baseline, unit)
    if limit is not None and limit > 0 and unit != "ratio" and value <= limit * 1.05:
        now = f"{now} of {format_value(limit, unit)}"
    text = f"{now}, was {before}"
    if unit != "ratio" and baseline > 0 and value / baseline >= _TELLING_FACTOR:
        text += f" (×{_digits(value / baseline, figures=2)})"
    return text


def format_duration(seconds: float) -> str:
    """Return a length of time to the unit that matters: `45 s`, `6 min`, `2 h 5 min`, `3 d`."""
    if not math.isfinite(seconds):
        return "an unknown time"
    seconds = abs(seconds)
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{_digits(hours / 24)} d"


def format_lead(seconds: float) -> str:
    """Return how long before (positive) or after (negative) something happened: `2 min before`, `40 s after`, `at`."""
    if abs(seconds) < 0.5:
        return "at"
    return f"{format_duration(seconds)} {'before' if seconds > 0 else 'after'}"


def format_onset(lead: float) -> str:
    """Return how long before (positive) or after (negative) the incident's onset something happened, in words.

    The onset is the one clock that people are told of: a page comes minutes later, and how many is the alert's own affair.
    """
    return f"{format_lead(lead)} the onset"


def _seconds(value: float) -> str:
    size = abs(value)
    if size == 0:
        return "0 s"
    if size < 0.0009995:
        return f"{_digits(value * 1e6)} µs"
    if size < 0.9995:
        return f"{_digits(value * 1e3, figures=2 if size < 0.1 else 3)} ms"
    if size < 120:
        return f"{_digits(value, figures=2 if size < 10 else 3)} s"
    return f"{'-' if value < 0 else ''}{format_duration(value)}"


def _bytes(value: float) -> str:
    size, step = abs(value), 0
    while size >= 1023.5 and step < len(_BINARY) - 1:
        size /= 1024
        step += 1
    return f"{'-' if value < 0 else ''}{_digits(size)} {_BINARY[step]}"


def _digits(value: float, *, figures: int = 3) -> str:
    """Return a number with so many figures, no exponent for usual sizes and no trailing zeros."""
    if value == 0:
        return "0"
    if not math.isfinite(value):
        return "∞"
    if abs(value) >= 10 ** (figures - 1):
        rounded = round(value)
        return f"{rounded:,}" if abs(rounded) < 10**12 else f"{value:.2e}"
    if abs(value) < 0.001:
        return f"{value:.1e}"
    text = f"{value:.{figures}g}"
    return text.rstrip("0").rstrip(".") if "." in text else text
