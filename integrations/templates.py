"""Log lines become templates: masked, judged by their words, and counted before and since the onset."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scoring.observations import LogPattern

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scoring.observations import Entity, Window

# Of each service.
MAX_PATTERNS = 12
# Alerts fire minutes after what they tell of began.
ONSET_LEAD = 300.0
# Words of a line that tell of trouble: a regular expression that Python, RE2 and Lucene's users read alike.
TROUBLE = (
    "error|exception|fail|fatal|panic|timed? ?out|timeout|refused|denied|unavailable|exhausted|unreachable|"
    "reset by peer|out of memory|oom|killed|deadlock|too many|no route|cannot|could not|unable|"
    "traceback|rejected|expired|corrupt"
)
_MAX_LINE = 1000
_MAX_EXAMPLE = 300
_MAX_TEMPLATE = 300

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_MASKS = (
    (re.compile(r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"), "<uuid>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?"), "<time>"),
    (re.compile(r"\b\d\d:\d\d:\d\d(?:[.,]\d+)?\b"), "<time>"),
    (re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+"), "<email>"),
    (re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b"), "<address>"),
    (re.compile(r"\b0x[0-9a-fA-F]+\b"), "<hex>"),
    (re.compile(r"\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{8,}\b"), "<hex>"),
    (re.compile(r"(?<![\w<])-?\d+(?:[.,]\d+)*"), "<n>"),
)  # fmt: skip
_LEVEL = re.compile(r"\b(FATAL|CRITICAL|PANIC|ERROR|ERR|WARN(?:ING)?|INFO|DEBUG|TRACE)\b", re.IGNORECASE)
_TROUBLE = re.compile(TROUBLE, re.IGNORECASE)
_LEVELS = {
    "err": "error", "warning": "warn", "critical": "fatal", "crit": "fatal", "panic": "fatal", "alert": "fatal",
    "emerg": "fatal", "severe": "error", "emergency": "fatal", "information": "info", "unknown": "",
}  # fmt: skip


def onset_of(window: Window) -> float:
    """Return the moment, in Unix seconds, that parts the quiet time from the incident: some minutes before the alert."""
    return max(window.start, window.alert_at - window.alert_for - ONSET_LEAD)


def mask(line: str) -> tuple[str, str]:
    """Return a line's template and level; of a JSON line only its message counts."""
    message, level = _COLOUR.sub("", line), ""
    if line.startswith("{"):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            record = None
        if isinstance(record, dict):
            message = next((str(record[key]) for key in ("message", "msg", "event", "error") if record.get(key)), line)
            level = next((str(record[key]) for key in ("level", "severity", "lvl") if record.get(key)), "")
    if not level:
        found = _LEVEL.search(message[:120])
        level = found[1] if found else ""
    for pattern, word in _MASKS:
        message = pattern.sub(word, message)
    return " ".join(message.split())[:_MAX_TEMPLATE], level_of(level)


def level_of(word: str) -> str:
    """Return a level in our words (fatal, error, warn, info, debug, trace), or as it stands; unknown is empty."""
    lowered = word.strip().lower()
    return _LEVELS.get(lowered, lowered)


def is_telling(template: str, level: str) -> bool:
    """Say whether a line tells of trouble, by its level or by its words."""
    return level in {"fatal", "error", "warn"} or (
        level not in {"debug", "trace"} and _TROUBLE.search(template) is not None
    )


@dataclass(frozen=True, slots=True)
class Line:
    """Hold one log line: when it was written (Unix seconds), its text, and its level where the source knows it."""

    at: float
    text: str
    level: str = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """Hold lines of one period, and how many of the same sort there were in all."""

    lines: tuple[Line, ...] = ()
    total: int = 0

    @property
    def weight(self) -> float:
        """Return for how many lines each one stands."""
        return max(1.0, self.total / len(self.lines)) if self.lines else 1.0

    @property
    def is_whole(self) -> bool:
        """Say whether all lines are here."""
        return self.total <= len(self.lines)


@dataclass(slots=True)
class _Tally:
    template: str
    level: str
    example: str
    query: str
    before: float = 0.0
    during: float = 0.0
    times: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Tallies:
    """Count the templates of services' telling lines before and since `onset` (Unix seconds)."""

    onset: float
    by_entity: dict[Entity, dict[str, _Tally]] = field(default_factory=dict)

    def count(self, entity: Entity, line: Line, *, query: str = "", weight: float = 1.0) -> None:
        """Count one line for `weight` lines; one that does not tell of trouble is passed over."""
        text = line.text.strip()[:_MAX_LINE]
        template, level = mask(text)
        level = level_of(line.level) or level
        if not template or not is_telling(template, level):
            return
        own = self.by_entity.setdefault(entity, {})
        tally = own.setdefault(template, _Tally(template, level, text[:_MAX_EXAMPLE], query))
        tally.times.append(line.at)
        if line.at < self.onset:
            tally.before += weight
        else:
            tally.during += weight

    def sample(self, entity: Entity, before: Sample, during: Sample, *, query: str = "") -> None:
        """Count the lines of both periods.

        Where only some of the quiet time's lines were read, a template that is not among them may still have been there: it
        counts as one of the lines that were read, so that it is not called new.
        """
        for sample in (before, during):
            for line in sample.lines:
                self.count(entity, line, query=query, weight=sample.weight)
        if not before.is_whole:
            for tally in self.by_entity.get(entity, {}).values():
                tally.before = tally.before or before.weight

    def patterns(
        self, source: str, seconds: Mapping[Entity, tuple[float, float]], link: str = ""
    ) -> Iterator[LogPattern]:
        """Yield the most telling templates of each service; `seconds` are the lengths of its two periods."""
        for entity, tallies in sorted(self.by_entity.items()):
            own = sorted(
                tallies.values(),
                key=lambda one: (one.level not in {"fatal", "error"}, -one.during, -one.before, one.template),
            )
            before, during = seconds[entity]
            for tally in own[:MAX_PATTERNS]:
                yield LogPattern(
                    entity=entity, template=tally.template, count_before=round(tally.before),
                    count_during=round(tally.during), source=source, seconds_before=before, seconds_during=during,
                    level=tally.level, first_seen=min(tally.times), last_seen=max(tally.times), example=tally.example,
                    query=tally.query, link=link,
                )  # fmt: skip
