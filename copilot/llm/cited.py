"""One line of a model's answer: what it cites must have been given, what it says is made harmless, or it is not shown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from copilot.answers import Line
from copilot.llm import words

if TYPE_CHECKING:
    from collections.abc import Collection

    from copilot.guard.redact import Redactor

CHARACTERS = 400
CITES = 6
_GROUP = re.compile(r"[\[(]\s*((?:[EQ]\d{1,4}\b[\s,;–-]*(?:and\s+)?)+)[\])]")
_ID = re.compile(r"\b[EQ]\d{1,4}\b")
_UNKNOWN = re.compile(r"^\W*unknown\W*:\s*", re.IGNORECASE)
_BULLET = re.compile(r"^\s*(?:[-*•]|\d{1,2}[.)])\s+")


def read(line: str, *, known: Collection[str], redactor: Redactor, hosts: Collection[str]) -> Line | None:
    """Return what of a line may be shown, or None.

    A line falls that cites nothing or something that was not given, that holds a command, or that is empty once links,
    mentions and markup are out of it. What the model says it cannot see needs no citation.
    """
    line = line[: 10 * CHARACTERS]
    cites = tuple(dict.fromkeys(one for group in _GROUP.findall(line) for one in _ID.findall(group)))
    if not set(cites) <= set(known):
        return None
    text = _GROUP.sub(" ", line)
    is_unknown = bool(_UNKNOWN.match(text))
    is_bullet = bool(_BULLET.match(text))
    text = _BULLET.sub("", _UNKNOWN.sub("", text))
    if not (cites or is_unknown) or words.is_command(text):
        return None
    said = words.harmless(text, redactor, limit=CHARACTERS, hosts=hosts)
    said = re.sub(r"\s+([.,;:])", r"\1", said).strip().lstrip("/ ")
    if words.is_command(said) or not re.search(r"\w", said):
        return None
    if is_unknown:
        return Line(
            f"I can't see that: {said[0].lower()}{said[1:]}" if said else "I can't see that.", cites[:CITES], "unknown"
        )
    return Line(said, cites[:CITES], "bullet" if is_bullet else "text")
