"""Read what kubectl prints: tables of `get`, the indented text of `describe`, ages and dates."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_FIELD = re.compile(r"^(\S[^:]*(?::[^\s:][^:]*)*?):(?:\s+(\S.*))?$")
_AGE = re.compile(r"(\d+)(y|d|h|m|s)")
_UNITS = {"y": 365 * 86400.0, "d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
_REPEATED = re.compile(r"^(?P<last>\S+)\s+\(x(?P<count>\d+) over (?P<first>\S+)\)$")
_DATA = re.compile(r"^Data\n====\n(.*?)(?:^BinaryData\n====$|^Events:|\Z)", re.MULTILINE | re.DOTALL)
_DATA_KEY = re.compile(r"^([\w.-]+):\n----\n", re.MULTILINE)
_NONE = frozenset({"<none>", "<unset>", "<nil>", "<unknown>"})
_DATES = ("%a, %d %b %Y %H:%M:%S %z", "%Y-%m-%d %H:%M:%S %z %Z", "%Y-%m-%dT%H:%M:%SZ")


@dataclass(slots=True)
class Section:
    """Hold one `Key: value` of a description, the further values below it, and what is indented below it."""

    key: str
    value: str
    indent: int
    column: int
    more: list[str] = field(default_factory=list)
    below: list[Section] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def get(self, key: str) -> Section | None:
        """Return the first section of a key directly below."""
        return next((one for one in self.below if one.key == key), None)

    def all(self, key: str) -> Iterator[Section]:
        """Yield all sections of a key directly below."""
        return (one for one in self.below if one.key == key)

    def text(self, *path: str) -> str:
        """Return the value at the end of a path of keys, "" where it is absent or `<none>`."""
        here: Section | None = self
        for key in path:
            here = here.get(key) if here is not None else None
        return "" if here is None or here.value in _NONE else here.value

    @property
    def values(self) -> list[str]:
        """Return the value and those that continue it on the lines below."""
        return [one for one in (self.value, *self.more) if one and one not in _NONE]

    @property
    def pairs(self) -> dict[str, str]:
        """Return values told as `a=b`, commas or lines between."""
        words = [word for value in self.values for word in value.split(",")]
        return {key.strip(): value.strip() for key, mark, value in (word.partition("=") for word in words) if mark}

    @property
    def colon_pairs(self) -> dict[str, str]:
        """Return values told as `a: b`, one a line."""
        return {key.strip(): value.strip() for key, mark, value in (one.partition(":") for one in self.values) if mark}


def describe(text: str) -> Section:
    """Return a description as a tree; its root has no key."""
    root = Section("", "", -1, -1)
    path = [root]
    for raw in text.splitlines():
        line = raw.rstrip()
        if not line:
            continue
        bare = line.lstrip(" ")
        indent = len(line) - len(bare)
        if path[-1].value and indent == path[-1].column and indent > path[-1].indent + 1:
            path[-1].more.append(bare)
            continue
        while len(path) > 1 and path[-1].indent >= indent:
            path.pop()
        for one in path[1:]:
            one.lines.append(line)
        match = _FIELD.match(bare)
        key, value = (match[1], match[2] or "") if match else (bare, "")
        column = indent + (match.start(2) if match and match[2] else len(bare))
        found = Section(key, value, indent, column)
        path[-1].below.append(found)
        path.append(found)
    return root


def data(text: str) -> dict[str, str]:
    """Return what a described ConfigMap holds: each key's text as it was; empty where the text is no such description."""
    found = _DATA.search(text)
    if found is None:
        return {}
    keys = list(_DATA_KEY.finditer(found[1]))
    ends = [match.start() for match in keys[1:]] + [len(found[1])]
    return {match[1]: found[1][match.end() : end].strip("\n") for match, end in zip(keys, ends, strict=True)}


def table(text: str) -> list[dict[str, str]]:
    """Return the rows of a table by its columns' names; empty where the text is none."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines or not re.match(r"\s*[A-Z][A-Za-z]*(\s|$)", lines[0]):
        return []
    # Columns are at least two spaces apart; a heading may hold single ones.
    heads = [(match.start(), match[0]) for match in re.finditer(r"\S+(?: \S+)*", lines[0])]
    starts = [start for start, _ in heads] + [None]
    rows = []
    for line in lines[1:]:
        if set(line.strip()) <= {"-", " "}:
            continue
        cells = [line[begin:end].strip() for begin, end in pairwise(starts)]
        rows.append({name: "" if cell in _NONE else cell for (_, name), cell in zip(heads, cells, strict=True)})
    return rows


def age(text: str) -> float | None:
    """Return an age such as `3h38m` in seconds, None where it is none."""
    found = _AGE.findall(text)
    return sum(float(count) * _UNITS[unit] for count, unit in found) if found else None


def repeated(text: str) -> tuple[float | None, float | None, int]:
    """Return the ages of the last and the first sighting, and their number, of `4m (x5 over 12m)`."""
    match = _REPEATED.match(text.strip())
    if match is None:
        return age(text), age(text), 1
    return age(match["last"]), age(match["first"]), int(match["count"])


def date(text: str, *, wall: bool) -> str:
    """Return a printed date as RFC 3339, "" where it is none.

    `wall` says that the record's own times carry no zone: then the clock on the wall is what all of them share.
    """
    for form in _DATES:
        try:
            at = datetime.strptime(text.strip(), form)  # noqa: DTZ007 -- its zone is settled below
        except ValueError:
            continue
        if wall or at.tzinfo is None:
            at = at.replace(tzinfo=UTC)
        return at.isoformat()
    return ""


def ago(now: datetime, seconds: float | None) -> str:
    """Return the moment so many seconds before, as RFC 3339, "" where it is unknown."""
    return "" if seconds is None else (now - timedelta(seconds=seconds)).isoformat()
