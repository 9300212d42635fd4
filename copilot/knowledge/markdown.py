"""Words for Markdown documents: what outsiders wrote stays text, times and lengths read the same everywhere."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime

_MARKUP = re.compile(r"([\\`*_\[\]<>#|~])")


def said(words: str, limit: int = 400) -> str:
    """Return an outsider's words in one line, inert in Markdown."""
    kept = "".join(one for one in words if one.isspace() or unicodedata.category(one) not in {"Cc", "Cf", "Cs"})
    line = " ".join(kept.split())
    cut = line if len(line) <= limit else f"{line[: limit - 1]}…"
    return _MARKUP.sub(r"\\\1", cut).replace("@", "@\u200b").replace("://", ":\u200b//")


def at(moment: datetime) -> str:
    """Return a time in UTC, to the minute."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def length(seconds: float) -> str:
    """Return a time span in words, e.g. `12 min`."""
    minutes = round(abs(seconds) / 60)
    if minutes < 1:
        return f"{abs(seconds):.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


__all__ = ["at", "length", "said"]
