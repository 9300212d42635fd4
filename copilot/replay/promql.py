"""As much of PromQL as it takes to see that one query is several, each marking its series with a label of its own."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_OPENING, _CLOSING, _QUOTES = "([{", ")]}", "\"'`"
_OR = re.compile(r"(?<=[\s)\]}])or(?=[\s(\[{])", re.IGNORECASE)
_MARK = re.compile(r"^label_replace\s*\((.*)\)$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Part:
    """Hold one query of a union, and the label with value that it puts on its series ("" where it puts none)."""

    query: str
    label: str = ""
    value: str = ""


def parts(query: str) -> tuple[Part, ...]:
    """Return the queries that a query is a union of, or the query itself.

    A query is taken apart only where each part marks all of its series by `label_replace(…, "label", "value", "", "")` and
    no two marks are equal: then no series of one part can hide one of another, and the union is the parts side by side.
    """
    marked = [_marked(text) for text in _split(query, _is_or)]
    found = [part for part in marked if part is not None]
    if len(found) < len(marked) or len({(part.label, part.value) for part in found}) < len(found):
        return (Part(query.strip()),)
    return tuple(found)


def _marked(text: str) -> Part | None:
    found = _MARK.match(text)
    arguments = list(_split(found[1], _is_comma)) if found else []
    if len(arguments) != 5:
        return None
    try:
        label, value, source, pattern = (json.loads(word) for word in arguments[1:])
    except ValueError:
        return None
    return Part(arguments[0], label, value) if source == pattern == "" and "$" not in value else None


def _is_comma(text: str, at: int) -> int:
    return 1 if text[at] == "," else 0


def _is_or(text: str, at: int) -> int:
    return 2 if _OR.match(text, at) else 0


def _split(text: str, separator: Callable[[str, int], int]) -> Iterator[str]:
    """Yield the pieces between separators that stand outside of brackets and quotes."""
    depth, quote, begin, at = 0, "", 0, 0
    while at < len(text):
        letter = text[at]
        if quote:
            if letter == "\\" and quote != "`":
                at += 1
            elif letter == quote:
                quote = ""
        elif letter in _QUOTES:
            quote = letter
        elif letter in _OPENING:
            depth += 1
        elif letter in _CLOSING:
            depth -= 1
        elif depth == 0 and (length := separator(text, at)):
            yield text[begin:at].strip()
            begin = at + length
            at = begin - 1
        at += 1
    yield text[begin:].strip()
