"""Changes become evidence: those that may matter, each weighed by what went wrong and by what it touches."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from scoring import changes, logs, relevance
from scoring.case import about
from scoring.evidence import Direction, Evidence, EvidenceKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scoring.departures import Found
    from scoring.observations import Change, LogPattern, Note, State, Window

_MOST_CHANGES: Final = 30


def texts_of(
    found: list[Found], notes: list[Note], states: list[State], patterns: list[LogPattern]
) -> dict[str, tuple[str, ...]]:
    """Return the words of what went wrong at each service, whole; those of the alerts are under the empty name."""
    told: dict[str, list[str]] = {"": [note.text for note in notes if note.kind == "alert"]}
    telling = {
        (one.evidence.entity, one.evidence.indicator) for one in found if one.evidence.direction is Direction.FOR
    }
    for one in found:
        if one.evidence.direction is Direction.FOR and one.evidence.kind is not EvidenceKind.LOG:
            told.setdefault(about(one.evidence), []).append(f"{one.evidence.statement}\n{one.evidence.indicator}")
    for pattern in patterns:
        if (pattern.entity, logs.indicator(pattern)) in telling:
            told.setdefault(pattern.entity.service, []).append(f"{pattern.template}\n{pattern.example}")
    for state in states:
        if (state.entity, state.condition.strip() or "condition") in telling:
            told.setdefault(state.entity.service, []).append(state.detail)
    return {service: tuple(sorted(lines)) for service, lines in told.items()}


def from_changes(
    made: list[Change],
    window: Window,
    *,
    concerned: set[str],
    texts: Mapping[str, tuple[str, ...]],
    services: frozenset[str],
) -> list[Evidence]:
    """Return the changes that may matter: those of services that are concerned, then the nearest in time.

    `texts` are the words of what went wrong at each service, and under the empty name those of the alerts; `services` are all
    that are known.
    """
    usable = [change for change in made if math.isfinite(change.at) and change.at <= window.end]
    usable.sort(
        key=lambda change: (
            change.entity.service not in concerned,
            abs(window.alert_at - change.at),
            *changes.order(change),
        )
    )
    keyed = changes.join(usable[:_MOST_CHANGES])
    groups: dict[str, list[Change]] = {}
    for change, key in keyed:
        groups.setdefault(key, []).append(change)
    fits = {
        key: relevance.weigh(
            group,
            (*texts.get("", ()), *texts.get(group[0].entity.service, ())),
            common=(*texts, *concerned),
            services=services,
        )
        for key, group in groups.items()
    }
    tell_place = len(changes.places(change for change, _ in keyed)) > 1
    return [
        Evidence(
            id="",
            kind=EvidenceKind.CHANGE,
            entity=change.entity,
            indicator=changes.name(change),
            statement=changes.statement(change, tell_place=tell_place)
            + (f"{changes.REASON}{fits[key].words}" if fits[key].words else ""),
            severity=min(changes.severity(change), 1.0) if fits[key].value == relevance.UNKNOWN else fits[key].value,
            direction=Direction.CONTEXT,
            source=change.source,
            onset=change.at,
            link=change.link,
            author=change.author,
            cause_kinds=(changes.CAUSE[change.kind],),
            change_key=key,
            detail=changes.altered(change),
        )
        for change, key in keyed
    ]
