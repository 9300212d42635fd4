"""The detector for logs: templates that are new or came far more often, and what their words hint at."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

from scoring import outside
from scoring.evidence import CauseKind

if TYPE_CHECKING:
    from scoring.observations import LogPattern

_K = CauseKind
_SERIOUS: Final = re.compile(
    r"error|exception|fatal|panic|fail|refused|timed? ?out|deadline|denied|unavailable|exhausted|cannot|unable|killed|critical",
    re.IGNORECASE,
)
# Whoever called lost patience, which says nothing against the one that was called.
_GIVEN_UP: Final = re.compile(
    r"cancel(l)?ed by (the )?(client|caller|peer|remote)|(client|caller) (has )?(closed|cancel(l)?ed|disconnected|gone|went away|gave up)",
    re.IGNORECASE,
)
_HINTS: Final[tuple[tuple[re.Pattern[str], tuple[CauseKind, ...]], ...]] = tuple(
    (re.compile(pattern, re.IGNORECASE), kinds)
    for pattern, kinds in (
        (
            r"pool.{0,40}(exhaust|full|timed? ?out|no (free|available))|waiting for .{0,8}connection|acquire.{0,20}connection",
            (_K.CONNECTION_SATURATION,),
        ),
        (r"too many (clients|connections)|remaining connection slots", (_K.DATABASE_CONNECTIONS,)),
        (r"out ?of ?memory|oomkill|cannot allocate memory|java heap space", (_K.MEMORY_SATURATION,)),
        (r"no space left|disk (is )?full|quota exceeded.*disk", (_K.DISK_SATURATION,)),
        (r"too many open files|cannot create thread|resource temporarily unavailable", (_K.THREAD_SATURATION,)),
        (r"deadlock|lock wait timeout|could not obtain lock", (_K.DATABASE_LOCKS,)),
        (r"slow query|statement timeout|canceling statement", (_K.DATABASE_SLOW_QUERY,)),
        (
            r"replication (lag|slot)|replica is behind|read.?only (transaction|replica|option|mode)",
            (_K.DATABASE_REPLICATION,),
        ),
        (
            r"no such host|name resolution|dns|getaddrinfo|nxdomain|unknown ?host|\blookup [\w.-]+ on \S+:53",
            (_K.DNS_FAULT,),
        ),
        (
            r"x509|certificate|tls handshake|unauthori[sz]ed|\b401\b|access denied|authentication failed|token.{0,20}expired",
            (_K.CREDENTIALS,),
        ),
        (r"rate.?limit|too many requests|\b429\b", (_K.THIRD_PARTY,)),
        (
            r"invalid config|missing (env|environment|config)|unknown (flag|option|key)|config.{0,30}(error|invalid|not found)",
            (_K.CONFIG_CHANGE,),
        ),
        (
            (
                r"connection (refused|reset)|upstream|server.?error.?exception|no (healthy )?(instance|host|endpoint)s? available"
                r"|deadline exceeded|timed? ?out|unavailable|\b50[234]\b|broken pipe|no route"
            ),
            (_K.FAILING_DEPENDENCY,),
        ),
    )
)
# Only the server can refuse connections for their number, or writes for its role.
_SAID_BY_STORES: Final = frozenset({_K.DATABASE_CONNECTIONS, _K.DATABASE_REPLICATION})
_STORES: Final = tuple(expression for expression, kinds in _HINTS if not _SAID_BY_STORES.isdisjoint(kinds))
# Fewer lines than this are chance.
_LEAST_LINES: Final = 3
# Standard deviations of a Poisson count above which a template counts, and at which it is fully loud.
_TELLING: Final = 3.0
_FULL: Final = 30.0
# Where nothing was recorded before, a line may come as it always does; what names its cause tells all the same.
_UNCOMPARED: Final = 0.5
# Lines that do not speak of trouble weigh less: a new template may only be a new feature.
_HARMLESS: Final = 0.35
_LONGEST: Final = 120
_LONGEST_TEXT: Final = 600


def severity(pattern: LogPattern) -> float:
    """Return how telling a template is, in [0, 1]: the Poisson surprise of its count, less for harmless words."""
    during, before = max(0, pattern.count_during), max(0, pattern.count_before)
    if during < _LEAST_LINES:
        return 0.0
    expected = before * _ratio(pattern.seconds_during, pattern.seconds_before)
    surprise = (during - expected) / math.sqrt(expected + 1.0)
    if surprise < _TELLING and not (before == 0 and during >= _LEAST_LINES):
        return 0.0
    loudness = min(1.0, math.log2(1.0 + max(surprise, 1.0)) / math.log2(1.0 + _FULL))
    if not _is_compared(pattern) and not cause_kinds(pattern):
        loudness *= _UNCOMPARED
    return loudness * (0.9 if is_serious(pattern) else _HARMLESS)


def _is_compared(pattern: LogPattern) -> bool:
    return pattern.count_before > 0 or not pattern.seconds_during or pattern.seconds_before > 0.0


def is_serious(pattern: LogPattern) -> bool:
    """Say whether a template speaks of trouble, by its level or its words."""
    if _GIVEN_UP.search(pattern.template):
        return False
    if pattern.level.lower() in {"error", "fatal", "critical", "panic", "severe", "emergency", "alert", "err", "crit"}:
        return True
    if pattern.level.lower() in {"debug", "trace"}:
        return False
    return _SERIOUS.search(pattern.template) is not None


def cause_kinds(pattern: LogPattern) -> tuple[CauseKind, ...]:
    """Return the cause kinds that a template's words hint at; the first that matches decides."""
    text = f"{pattern.template}\n{pattern.example}"
    beyond = outside.find((text[:_LONGEST_TEXT],))
    if beyond is not None:
        return (beyond.kind,)
    return next((kinds for expression, kinds in _HINTS if expression.search(text)), ())


def said_by_store(pattern: LogPattern) -> tuple[CauseKind, ...]:
    """Return the cause kinds of a line that a client was told by its store, empty where it is none."""
    text = f"{pattern.template}\n{pattern.example}"
    if not any(expression.search(text) for expression in _STORES):
        return ()
    kinds = cause_kinds(pattern)
    return () if _SAID_BY_STORES.isdisjoint(kinds) else kinds


def indicator(pattern: LogPattern) -> str:
    """Return what stands for a template: the beginning of its words."""
    return " ".join(pattern.template.split())[:_LONGEST] or "log line"


def statement(pattern: LogPattern) -> str:
    """Return one line: the template, and how often it came before and since."""
    template = " ".join(pattern.template.split())
    if len(template) > _LONGEST:
        template = template[: _LONGEST - 1] + "…"
    if not _is_compared(pattern):
        return f"log line {pattern.count_during} times: “{template}”"
    if pattern.count_before <= 0:
        return f"new log line, {pattern.count_during} times: “{template}”"
    return f"log line {pattern.count_during} times, {pattern.count_before} before: “{template}”"


def _ratio(during: float, before: float) -> float:
    """Return the ratio of the two periods' lengths; 1 where either is unknown."""
    if not (math.isfinite(during) and math.isfinite(before)) or during <= 0.0 or before <= 0.0:
        return 1.0
    return min(max(during / before, 1e-6), 1e6)
