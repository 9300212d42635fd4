"""Move the times that are written in a vendor's answer."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

# RFC 3339, as Kubernetes, PagerDuty and GitHub write it; in whole seconds, a fraction and the zone stay as they are.
_STAMP = re.compile(r"(?<!\d)(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?=(?:\.\d+)?(?:Z|[+-]\d\d:\d\d))")
_LINE_STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?Z ")


def moved(text: str, seconds: int) -> str:
    """Return a text with every RFC 3339 time in it moved by whole seconds."""
    by = timedelta(seconds=seconds)

    def move(found: re.Match[str]) -> str:
        try:
            return (datetime.fromisoformat(found[1]) + by).isoformat()
        except (ValueError, OverflowError):
            return found[1]

    return _STAMP.sub(move, text)


def line_time(line: str) -> float | None:
    """Return when a log line with a time stamp was written, as Unix seconds; None where it has none."""
    found = _LINE_STAMP.match(line)
    return datetime.fromisoformat(found[1]).replace(tzinfo=UTC).timestamp() if found else None


def unix(text: str) -> float:
    """Return a time parameter, Unix seconds or RFC 3339, as Unix seconds.

    :raises ValueError: where it is neither.
    """
    try:
        return float(text)
    except ValueError:
        return datetime.fromisoformat(text).timestamp()
