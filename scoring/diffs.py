"""What a change altered, line by line: which files, which lines went and came, and which numbers moved."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scoring.observations import Change

# A change of more lines than this is looked at in part: nobody reviews it whole either.
_MOST_LINES: Final = 2000
_LONGEST_LINE: Final = 200
_LONGEST_DETAIL: Final = 4000
# Two lines are one that was edited where so much of their names is the same.
_ALIKE: Final = 0.5
_MOST_PAIRED: Final = 200

_FILE: Final = re.compile(r"^(?:---|\+\+\+)\s+(?:[ab]/)?(?P<path>\S+)")
_HUNK: Final = re.compile(r"^@@")
_ARROW: Final = re.compile(r"(?P<what>[\w.\-/\[\] ]*?[\w.\-/\]])[:= ]+(?P<old>\S+)\s*(?:→|->|=>)\s*(?P<new>[^\s;,]+)")
_COMMENT: Final = re.compile(r"^\s*(//|#(?!\s*(if|include|define|endif))|\*|/\*|<!--|--\s|;;|\"\"\"|''')")
_LOGGING: Final = re.compile(
    r"^\s*(\w+\s*:?=\s*)?[\w.]*\b(log|logger|logging|LOG|slog|zap|console|print|println|printf|fprintf|puts)\w*\s*[.(]",
    re.IGNORECASE,
)
_COMPLAINT: Final = re.compile(r"\b(errorf|errors\.(new|wrap)|raise|throw|panic|\w*(error|exception)\()", re.IGNORECASE)
_IMPORT: Final = re.compile(r"^\s*(import\b|from\s+\S+\s+import\b|using\b|use\s+\w|require\b|#include\b|package\b)")
# Files that nothing runs: words, tests, pictures, styles, what builds and checks.
_NOT_RUN: Final = re.compile(
    r"(^|/)(docs?|tests?|__tests__|spec|testdata|fixtures|examples?|\.github|\.gitlab|\.circleci|\.vscode|runbooks)/"
    r"|(^|/)(CODEOWNERS|LICENSE|NOTICE|AUTHORS|CHANGELOG|README|CONTRIBUTING|Makefile|\.gitignore|\.editorconfig)(\.\w+)?$"
    r"|\.(md|rst|adoc|txt|css|scss|sass|less|svg|png|jpe?g|gif|ico|woff2?|map)$"
    r"|(_test\.\w+|\.(test|spec)\.\w+|(^|/)test_[^/]+\.py|Tests?\.(java|kt|cs))$"
    r"|(^|/)\.(golangci|eslintrc|prettierrc|pylintrc|pre-commit-config|gitlab-ci)[\w.-]*$",
    re.IGNORECASE,
)
# How long a unit is, in seconds; a bare number stays as it is.
_UNITS: Final = {
    "nanosecond": 1e-9, "microsecond": 1e-6, "us": 1e-6, "µs": 1e-6, "millisecond": 1e-3, "milli": 1e-3, "ms": 1e-3,
    "second": 1.0, "sec": 1.0, "s": 1.0, "minute": 60.0, "min": 60.0, "m": 60.0, "hour": 3600.0, "h": 3600.0,
    "ki": 2.0**10, "mi": 2.0**20, "gi": 2.0**30, "kb": 1e3, "mb": 1e6, "gb": 1e9,
}  # fmt: skip
_NUMBER: Final = re.compile(
    r"(?<![\w.])(?P<number>\d[\d_]*(?:\.\d+)?)\s*(?:\*?\s*(?:time|Duration|chrono|TimeUnit)?[.:]*\s*"
    r"(?P<unit>nanoseconds?|microseconds?|milliseconds?|millis|seconds?|minutes?|hours?|µs|[mu]s|sec|min|[smh]|[KMG]i|[KMG]B)(?![A-Za-z]))?",
    re.IGNORECASE,
)
# What a number is given to: `MaxConns: 50`, `const limit = 50`, `WithTimeout(ctx, 5 …`.
_SET: Final = re.compile(r"([A-Za-z_][\w.\-]*)[\"']?\s*(?::=|[=:(])[^=:(]*$")
_TIMED: Final = re.compile(
    r"time|delay|interval|ttl|lifetime|deadline|duration|budget|period|wait|idle|second|millis|minute|hour|_ms\b|\d\s*(ms|s|m|h|min|us)\b",
    re.IGNORECASE,
)
_STRING: Final = re.compile(r"\"([^\"\\]*)\"|'([^'\\]*)'|`([^`]*)`")
_NAME: Final = re.compile(r"[A-Za-z_][\w-]*")
_GUARD: Final = re.compile(
    r"\b(if|unless|elif|else|case|when|catch|except|rescue|recover|assert|guard|finally)\b|\?\?|\?\."
)


@dataclass(frozen=True, slots=True)
class Moved:
    """Hold a number that an edited line moved: the lines before and after, both numbers in one unit, and the move in words."""

    before: str
    after: str
    old: float
    new: float
    words: str
    is_time: bool = False


@dataclass(frozen=True)
class Diff:
    """Hold the files that a change touches, and the lines that went and came, without comments and blank ones.

    `is_whole` says that this is all that was altered; `commented` that there were comments or blank lines besides.
    """

    paths: tuple[str, ...]
    removed: tuple[str, ...]
    added: tuple[str, ...]
    is_whole: bool = True
    commented: bool = False

    @property
    def lines(self) -> tuple[str, ...]:
        """Return every line that the change touches."""
        return (*self.removed, *self.added)

    @cached_property
    def is_inert(self) -> bool:
        """Say whether nothing that runs is altered: only words, tests, styles, imports, or what is logged."""
        if not self.is_whole:
            return False
        if self.paths and all(_NOT_RUN.search(path) for path in self.paths):
            return True
        if not self.lines:
            return self.commented
        return all(_LOGGING.search(line) or _IMPORT.search(line) for line in self.lines)

    @cached_property
    def is_reworded(self) -> bool:
        """Say whether lines were replaced by others with the same numbers, the same texts and no fewer guards."""
        if not self.is_whole or not self.removed or not self.added:
            return False
        if len(self.added) > 2 * len(self.removed) + 2:
            # More came than a helper of the same words needs.
            return False
        guards = [sum(len(_GUARD.findall(line)) for line in lines) for lines in (self.removed, self.added)]
        return _literals(self.removed) == _literals(self.added) and guards[1] >= min(guards[0], 1)

    @cached_property
    def moved(self) -> tuple[Moved, ...]:
        """Return the numbers that edited lines moved."""
        return tuple(_moved(self.removed, self.added))


def parse(changes: Iterable[Change]) -> Diff | None:
    """Return what the sightings of one change say that it altered, None where none says.

    Where there is no diff, `DB_POOL_SIZE 20 → 5` in words tells a part.
    """
    paths: dict[str, None] = {}
    removed: list[str] = []
    added: list[str] = []
    whole = commented = False
    for change in changes:
        paths |= dict.fromkeys(change.files)
        whole = whole or bool(change.files or change.diff)
        for line in change.diff.splitlines()[:_MOST_LINES]:
            if found := _FILE.match(line):
                if found["path"] != "/dev/null":
                    paths[found["path"]] = None
            elif not _HUNK.match(line) and line[:1] in ("-", "+"):
                text = line[1:_LONGEST_LINE].rstrip()
                if text.strip() and not _COMMENT.match(text):
                    (removed if line[0] == "-" else added).append(text)
                else:
                    commented = True
        for found in _arrows(change.detail):
            removed.append(f"{found['what'].strip()} = {found['old']}")
            added.append(f"{found['what'].strip()} = {found['new']}")
    return Diff(tuple(paths), tuple(removed), tuple(added), whole, commented) if whole or removed else None


def _arrows(detail: str) -> Iterable[re.Match[str]]:
    """Return where words tell that this was that and now is it: short parts, as a long one is prose."""
    for part in re.split(r"[;\n]", detail[:_LONGEST_DETAIL]):
        if len(part) <= _LONGEST_LINE and ("→" in part or "->" in part or "=>" in part):
            yield from _ARROW.finditer(part)


def gone(diff: Diff, pattern: re.Pattern[str]) -> int:
    """Return how many more matches of a pattern went than came."""
    counts = [sum(len(pattern.findall(line)) for line in lines) for lines in (diff.removed, diff.added)]
    return counts[0] - counts[1]


def names(lines: Iterable[str]) -> frozenset[str]:
    """Return the identifiers in some lines, as they are spelt."""
    return frozenset(found for line in lines for found in _NAME.findall(line))


def _literals(lines: Iterable[str]) -> frozenset[str]:
    """Return the numbers and texts in some lines; what is logged, or said in an error, is no value."""
    found: set[str] = set()
    for line in lines:
        if _LOGGING.search(line) or _COMPLAINT.search(line):
            continue
        found |= {text for groups in _STRING.findall(line) for text in groups if text}
        found |= {match["number"] for match in _NUMBER.finditer(_STRING.sub("", line))}
    return frozenset(found)


def _numbers(line: str) -> list[tuple[float, str, str]]:
    """Return the numbers of a line in their base units, as they are written, and what each is set of."""
    found = []
    for match in _NUMBER.finditer(line):
        unit = (match["unit"] or "").lower()
        scale = _UNITS.get(unit) or _UNITS.get(unit.removesuffix("s"), 1.0)
        named = _SET.search(line[: match.start()])
        found.append((float(match["number"].replace("_", "")) * scale, match[0].strip(), named[1] if named else ""))
    return found


def _moved(removed: tuple[str, ...], added: tuple[str, ...]) -> Iterable[Moved]:
    free = [(line, names((line,)), _numbers(line)) for line in added if any(letter.isdigit() for letter in line)]
    free = [one for one in free if one[2]][:_MOST_PAIRED]
    numbered = [line for line in removed if any(letter.isdigit() for letter in line)][:_MOST_PAIRED]
    for before in numbered:
        old, words = _numbers(before), names((before,))
        if not old or not words:
            continue
        alike = [(len(words & one[1]) / len(words | one[1]), -place) for place, one in enumerate(free)]
        ratio, place = max(alike, default=(0.0, 0))
        if ratio < _ALIKE:
            continue
        after, _, new = free.pop(-place)
        for one, other in zip(old, new, strict=False):
            if one[0] != other[0]:
                told = f"{one[2]} {one[1]} → {other[1]}".strip()
                yield Moved(before, after, one[0], other[0], told, _TIMED.search(told) is not None)
                break
