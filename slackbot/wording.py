"""Words for people: one line, clipped, without marks that deceive; lengths of time, and times in UTC."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime

LINE_LIMIT = 320
_KEPT_CONTROLS = {"\n"}
# Marks that turn the writing direction or hide text: an outsider could make a line read as something else with them.
_DIRECTION = {chr(code) for code in (0x200E, 0x200F, 0x061C, *range(0x202A, 0x202F), *range(0x2066, 0x206A))}


def clean(text: str) -> str:
    """Return the text without control characters and direction marks."""
    return "".join(
        character
        for character in text
        if character in _KEPT_CONTROLS
        or not (unicodedata.category(character) in {"Cc", "Cs"} or character in _DIRECTION)
    )


def clip(text: str, limit: int = LINE_LIMIT) -> str:
    """Return the text in one line of at most `limit` characters, an ellipsis in place of what was cut."""
    line = " ".join(clean(text).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def utc(at: datetime) -> str:
    """Return the time in UTC, for where no reader's zone is known."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def duration(seconds: float) -> str:
    """Return a length of time in at most two units, e.g. `6 min`, `1 h 5 min`, `3 days`."""
    seconds = abs(seconds)
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 else "")
    days = round(minutes / (24 * 60))
    return "1 day" if days == 1 else f"{days} days"


def listed(words: tuple[str, ...] | list[str], most: int) -> str:
    """Return the words with commas, the count of those left out at the end."""
    shown = ", ".join(words[:most])
    return shown if len(words) <= most else f"{shown} and {len(words) - most} more"


def counted(count: int, noun: str, nouns: str = "") -> str:
    """Return a number with its noun, e.g. `1 runbook`, `2 runbooks`; `nouns` where more is not said by an s."""
    return f"{count} {noun if count == 1 else nouns or f'{noun}s'}"
