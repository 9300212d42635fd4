"""Turn the words of a page or a change into stable ones."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scoring.observations import ChangeKind

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST = 200
_MARK = "#"

# In this order: the longer and more telling shapes first, so that a time is not read as three numbers.
_MASKS: tuple[tuple[re.Pattern[str], str], ...] = (
    # What the sender says about the state, which differs between a firing and its repeat: "[FIRING:3]", "RESOLVED:".
    (re.compile(r"\[\s*(?:firing|resolved|triggered|recovered|alerting|ok)(?:\s*:\s*[\d#]+)?\s*\]"), " "),
    (re.compile(r"^\s*(?:firing|resolved|triggered|recovered)\s*:\s*"), ""),
    (re.compile(r"https?://\S+"), _MARK),
    (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), _MARK),
    (re.compile(r"\b\d{4}-\d\d-\d\d(?:[t ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:\s?z|[+-]\d\d:?\d\d)?)?\b"), _MARK),
    (re.compile(r"\b\d{1,2}:\d\d(?::\d\d)?\b"), _MARK),
    (re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b"), _MARK),
    # The suffix of a pod of a Deployment: Kubernetes draws both parts from these letters, without vowels.
    (re.compile(r"-[bcdfghjklmnpqrstvwxz2456789]{8,10}-[bcdfghjklmnpqrstvwxz2456789]{5}\b"), f"-{_MARK}"),
    # A numbered host with its domain, e.g. "web-12.eu.example.com", "db03.example.com:9100".
    (re.compile(r"\b([a-z][a-z-]*?)-?\d+(?:\.[a-z0-9][a-z0-9-]*)+(?::\d+)?\b"), rf"\1-{_MARK}"),
    # A hexadecimal id: eight digits and more, of which at least one is a figure.
    (re.compile(r"\b(?:0x)?(?=[a-f]*\d)[0-9a-f]{8,}\b"), _MARK),
    # Numbers, with the unit that belongs to them. A figure inside a word stays: p99, 5xx, s3.
    (
        re.compile(
            r"(?<![\w.])[<>=≥≤~±+]*-?\d+(?:[.,]\d+)*(?:\s?%|\s?(?:ms|s|m|h|d|us|µs|ns|[kmgt]i?b|min|x)\b)?(?![\w])"
        ),
        _MARK,
    ),
    (re.compile(r"(?<=[-_])\d+\b"), _MARK),
    (re.compile(r"#(?:[-_.:/,]?#)+"), _MARK),
    (re.compile(r"\s+"), " "),
)

_SEVERITIES: Mapping[str, str] = {
    **dict.fromkeys(
        ("critical", "crit", "page", "emergency", "fatal", "disaster", "highest", "blocker", "p1", "sev1", "s1"),
        "critical",
    ),
    **dict.fromkeys(("error", "major", "high", "p2", "sev2", "s2"), "error"),
    **dict.fromkeys(("warning", "warn", "minor", "medium", "average", "ticket", "p3", "sev3", "s3"), "warning"),
    **dict.fromkeys(("info", "informational", "low", "lowest", "notice", "none", "p4", "p5", "sev4", "s4"), "info"),
}
_KINDS: tuple[tuple[re.Pattern[str], ChangeKind], ...] = (
    (re.compile(r"\bmigrat"), ChangeKind.MIGRATION),
    (re.compile(r"\b(?:feature.?)?(?:flag|toggle)s?\b"), ChangeKind.FLAG),
    (re.compile(r"\bcert(?:ificate)?s?\b|\btls\b"), ChangeKind.CERTIFICATE),
    (re.compile(r"\bcron"), ChangeKind.CRON),
    (re.compile(r"\b(?:auto)?scal(?:e|ed|ing)\b|\breplicas?\b"), ChangeKind.SCALING),
    (
        re.compile(r"\bdeploy|\breleas|\brollout|\brolled? ?(?:out|back)|\brollback|\bbuild\b|\bship(?:ped)?\b"),
        ChangeKind.DEPLOYMENT,
    ),
    (re.compile(r"\bconfig|\bsetting|\bterraform\b|\bhelm\b|\bparameter"), ChangeKind.CONFIG),
)


def symptom(title: str) -> str:
    """Return what stays the same when the same thing fires again.

    It is in lower case, with numbers, ids, times and hosts masked by #. Applying it twice changes nothing.
    At most 200 characters.
    """
    found = title.replace("\x00", " ").lower()[: 4 * _LONGEST]
    while True:
        masked = found
        for pattern, replacement in _MASKS:
            masked = pattern.sub(replacement, masked)
        masked = masked.strip()[:_LONGEST].strip()
        if masked == found:
            return masked
        found = masked


def severity(*words: str) -> str:
    """Return critical, error, warning or info for the first word that vendors use for one of them, else an empty text."""
    found = (word.strip().lower().replace("-", "") for word in words)
    return next((_SEVERITIES[word] for word in found if word in _SEVERITIES), "")


def change_kind(words: str) -> ChangeKind:
    """Return the sort of change that the words tell of, `OTHER` where they do not."""
    lowered = words.lower()
    return next((kind for pattern, kind in _KINDS if pattern.search(lowered)), ChangeKind.OTHER)
