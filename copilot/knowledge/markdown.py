"""Words for Markdown documents: what outsiders wrote stays text, commands stay commands, times and lengths read the same."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime

# What CommonMark and GitHub's Markdown take for markup: within a word an underscore is none, and within a line # and > are none.
_MARKUP = re.compile(r"([\\`*\[\]<|~]|(?<![^\W_])_|_(?![^\W_])|^[#>])")
_BACKTICKED = re.compile(r"((?<!`)`[^`]+`(?!`))")
_TICKS = re.compile(r"`+")
# A next check as the ranking words it: what it is for, a command, and the series to watch; either of the two may be missing.
_CHECK = re.compile(r"(?P<words>.+?)(?:: (?P<command>(?:kubectl|SELECT) .+?))?(?:; watch: (?P<query>.+))?")


def said(words: str, limit: int = 400) -> str:
    """Return an outsider's words in one line, inert in Markdown."""
    return _inert(_line(words, limit))


def _inert(line: str) -> str:
    return _MARKUP.sub(r"\\\1", line).replace("@", "@\u200b").replace("://", ":\u200b//")


def code(words: str, limit: int = 1000) -> str:
    """Return a command or query in one line as a code span: to be pasted as it stands, and unable to end the span."""
    inside = _line(words, limit)
    if not inside:
        return ""
    fence = "`" * (max((len(run) for run in _TICKS.findall(inside)), default=0) + 1)
    space = " " if "`" in (inside[0], inside[-1]) else ""
    return f"{fence}{space}{inside}{space}{fence}"


def check(words: str) -> str:
    """Return a next check: its words inert, its command and its query as code."""
    told, command, query = check_parts(words)
    told = said(told) + (f": {code(command)}" if command else "")
    return told + (f"; watch: {code(query)}" if query else "")


def check_parts(words: str) -> tuple[str, str, str]:
    """Return a next check as what it is for, the command to run, and the series to watch; either may be empty."""
    words = " ".join(words.split())
    found = _CHECK.fullmatch(words)
    return (found["words"], found["command"] or "", found["query"] or "") if found else (words, "", "")


def gap(words: str) -> str:
    """Return what could not be seen, inert; what stands between backticks, a right to grant or a query, as code."""
    pieces = _BACKTICKED.split(_line(words, 400))
    return "".join(code(piece[1:-1]) if _BACKTICKED.fullmatch(piece) else _inert(piece) for piece in pieces)


def _line(words: str, limit: int) -> str:
    """Return words in one line of at most `limit` characters, without those that control or hide."""
    kept = "".join(one for one in words if one.isspace() or unicodedata.category(one) not in {"Cc", "Cf", "Cs"})
    line = " ".join(kept.split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def at(moment: datetime) -> str:
    """Return a time in UTC, to the minute."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def length(seconds: float) -> str:
    """Return a time span in words, e.g. `12 min`."""
    minutes = round(abs(seconds) / 60)
    if minutes < 1:
        return f"{abs(seconds):.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


__all__ = ["at", "check", "check_parts", "code", "gap", "length", "said"]
