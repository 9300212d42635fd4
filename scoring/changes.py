"""The detector for changes: which sightings are one change, how much it weighs, and how to say it."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from scoring import diffs, sightings
from scoring.evidence import CauseKind, EvidenceKind
from scoring.observations import ChangeKind
from scoring.units import format_onset

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scoring.evidence import Evidence
    from scoring.observations import Change

CAUSE: Final[dict[ChangeKind, CauseKind]] = {
    ChangeKind.DEPLOYMENT: CauseKind.BAD_DEPLOY,
    ChangeKind.CONFIG: CauseKind.CONFIG_CHANGE,
    ChangeKind.FLAG: CauseKind.CONFIG_CHANGE,
    ChangeKind.SCALING: CauseKind.CONFIG_CHANGE,
    ChangeKind.MIGRATION: CauseKind.DATABASE_LOCKS,
    ChangeKind.CERTIFICATE: CauseKind.CREDENTIALS,
    ChangeKind.CRON: CauseKind.HUMAN_OR_JOB,
    ChangeKind.OTHER: CauseKind.HUMAN_OR_JOB,
}
_VERB: Final[dict[ChangeKind, str]] = {
    ChangeKind.DEPLOYMENT: "deployed",
    ChangeKind.CONFIG: "configuration changed",
    ChangeKind.FLAG: "flag changed",
    ChangeKind.SCALING: "scaled",
    ChangeKind.MIGRATION: "migration run",
    ChangeKind.CERTIFICATE: "certificate changed",
    ChangeKind.CRON: "job run",
    ChangeKind.OTHER: "changed",
}
# A change by itself is a lead, not a sign of a fault.
_SEVERITY: Final = 0.3
_NOT_DONE: Final = 0.1
# What was merged runs only when it is deployed.
_NOT_DONE_WORDS: Final = frozenset(
    {"cancelled", "canceled", "skipped", "queued", "pending", "waiting", "inactive", "merged"}
)
# "this was that, now it is this", in the signs that diffs are told with.
_ALTERED: Final = re.compile(r"\S\s*(→|->|=>)\s*\S")
_LONGEST: Final = 80
# What parts a change from why it fits or does not.
REASON: Final = " · "
_MOST_ALTERED: Final = 2
# How deployments' sources tell the environment.
_PLACE: Final = re.compile(r"(?:(?<=; )|^)environment ([^;]+)(?=; |$)")
# How a line ends that says when: counted from the onset, or in what was written before version 5, from the alert.
_WHEN: Final = re.compile(r", (?:(?:at|(?:[\d.]+ \w+ ){1,2}(?:before|after)) the (?:onset|alert)|as the alert fired)$")


def join(changes: Iterable[Change]) -> tuple[tuple[Change, str], ...]:
    """Return the usable changes in a stable order, each with the key of the change that it is a sighting of."""
    usable = {change: None for change in changes if math.isfinite(change.at)}
    keyed: list[tuple[Change, str]] = []
    twins: Counter[str] = Counter()
    for group in sightings.groups(usable, _sighting, order):
        label = next((c.key or c.version for c in group if c.key or c.version), group[0].title)
        key = f"{group[0].entity.service}:{label}"
        twins[key] += 1
        # Two changes may share a title; their order tells them apart without naming a moment.
        joined = key if twins[key] == 1 else f"{key}#{twins[key]}"
        keyed += [(change, joined) for change in group]
    return tuple(keyed)


def severity(change: Change) -> float:
    """Return the fixed weight of a change; less for one that was not carried out."""
    return _NOT_DONE if change.status.lower() in _NOT_DONE_WORDS else _SEVERITY


def name(change: Change) -> str:
    """Return what was done in words: `payments v2.14.0 deployed`, `catalog flag changed`."""
    service = change.entity.service
    version = change.version.strip()
    if len(version) == 40 and all(letter in "0123456789abcdef" for letter in version.lower()):
        version = version[:7]
    words = service if not version or version == service else f"{service} {version}"
    return f"{words} {_VERB[change.kind]}"


def places(changes: Iterable[Change]) -> frozenset[str]:
    """Return the environments that changes say they were made in; where there is one only, none needs to be told."""
    return frozenset(found[1] for change in changes for found in _PLACE.finditer(change.detail))


def statement(change: Change, *, tell_place: bool = True) -> str:
    """Return one line: what was done, from which version, and the change's own title where it says more."""
    text = name(change)
    if change.previous_version and change.previous_version != change.version:
        text += f", was {change.previous_version}"
    if change.status and change.status.lower() not in {"success", "succeeded", "complete", "completed", "done"}:
        text += f" ({change.status})"
    told = change.detail or change.title
    if not tell_place and change.detail:
        told = "; ".join(part for part in change.detail.split("; ") if not _PLACE.fullmatch(part))
    title = " ".join(told.split())
    if title and title not in text:
        text += f": {title[:157] + '…' if len(title) > 158 else title}"
    # What parts the words from why the change fits is kept for that.
    return text.replace(REASON, ", ")


def dated(evidence: Iterable[Evidence], onset: float) -> tuple[Evidence, ...]:
    """Return the evidence with the time of changes in their lines: counted from the onset, one for all sightings of one."""
    evidence = tuple(evidence)
    earliest: dict[str, float] = {}
    for item in evidence:
        if item.kind is EvidenceKind.CHANGE and item.onset is not None:
            earliest[item.change_key] = min(earliest.get(item.change_key, math.inf), item.onset)
    return tuple(
        replace(item, statement=_dated(item.statement, onset - earliest[item.change_key]))
        if item.kind is EvidenceKind.CHANGE and item.onset is not None
        else item
        for item in evidence
    )


def parts(statement: str) -> tuple[str, str]:
    """Return a change's line in two: what was done, without when, and why it fits or does not (empty where nobody knows)."""
    told, _, why = statement.partition(REASON)
    return _WHEN.sub("", told), why


def _dated(statement: str, lead: float) -> str:
    told, mark, why = statement.partition(REASON)
    return f"{told}, {format_onset(lead)}{mark}{why}"


def reason(sightings: Iterable[Evidence]) -> str:
    """Return why a change fits or does not, in a phrase, as its evidence says it; empty where nobody knows what it altered."""
    return next((told for item in sightings if (told := item.statement.partition(REASON)[2])), "")


def altered(change: Change) -> str:
    """Return what a change altered besides its version, e.g. `DB_POOL_SIZE 20 → 5`, or nothing where it does not say."""
    versions = {change.version, change.previous_version} - {""}
    parts = [_without_words(" ".join(part.split())) for part in re.split(r"[;\n]", change.detail)]
    telling = [
        part
        for part in parts
        if _ALTERED.search(part) and len(part) <= _LONGEST and not any(version in part for version in versions)
    ]
    if not telling and (diff := diffs.parse((change,))) is not None:
        telling = [one.words for one in diff.moved if len(one.words) <= _LONGEST]
    return "; ".join(telling[:_MOST_ALTERED])


def _without_words(part: str) -> str:
    """Return a part without the words in brackets that follow what was altered, and without what sort of thing it is."""
    head = part.partition(" (")[0]
    return (head if _ALTERED.search(head) else part).removeprefix("env ")


def order(change: Change) -> tuple[float, str, str, str, str, str, str]:
    """Return a key that puts changes into a total order, earliest first."""
    return (change.at, change.entity.key, change.kind.value, change.source, change.version, change.key, change.title)


def _sighting(change: Change) -> sightings.Sighting:
    return sightings.Sighting(
        service=change.entity.service,
        kind=change.kind,
        at=change.at,
        source=change.source,
        version=change.version,
        key=change.key,
        status=change.status.lower(),
    )
