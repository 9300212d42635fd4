"""What a candidate rests on: its own signs, its changes and what they did, and what speaks against it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from scoring.case import Case, about, began
from scoring.evidence import CauseKind, Direction, Evidence, EvidenceKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scoring.evidence import Candidate

# Signs weaker than this share of the suspect's strongest do not say when it began.
_DATING_SHARE: Final = 0.5


@dataclass(frozen=True, slots=True)
class Standing:
    """Hold a candidate with what it rests on: its own signs, its changes and what those changes did."""

    candidate: Candidate
    own: tuple[Evidence, ...]
    changes: tuple[tuple[Evidence, ...], ...]
    effects: tuple[Evidence, ...]
    against: tuple[Evidence, ...]

    @property
    def onset(self) -> float | None:
        """Return when the suspect first moved: the change that had effects, else its own earliest sign."""
        first = began(self.own)
        if self.effects:
            first = min(first, *(began(change) for change in self.changes))
        return None if math.isinf(first) else first


def stand(candidate: Candidate, case: Case) -> Standing:
    """Return what a candidate rests on; only evidence at its own service counts as its own."""
    service = candidate.entity.service
    against = set(candidate.contradicting)
    cited = [case.by_id[one] for one in candidate.supporting if one in case.by_id and one not in against]
    own = tuple(
        item
        for item in cited
        if about(item) == service
        and item.direction is Direction.FOR
        and item.kind not in (EvidenceKind.CHANGE, EvidenceKind.NOTE)
    )
    keys = {item.change_key or item.id for item in cited if item.kind is EvidenceKind.CHANGE}
    changes = tuple(change for change in case.changes(service) if (change[0].change_key or change[0].id) in keys)
    effective = tuple(change for change in changes if case.effects(change))
    effects = {item.id: item for change in effective for item in case.effects(change) if item in own}
    contradicting = {one: case.by_id[one] for one in candidate.contradicting if one in case.by_id}
    contradicting |= {item.id: item for item in deeper(candidate, case)}
    return Standing(
        candidate=candidate,
        own=own,
        changes=effective or changes,
        effects=tuple(effects.values()),
        against=tuple(contradicting[one] for one in sorted(contradicting)),
    )


def loud(own: Iterable[Evidence]) -> list[Evidence]:
    """Return the signs that may say when a suspect began: a weak one that came early may be chance, and dates nothing loud."""
    known = [item for item in own if item.onset is not None]
    loudest = max((item.severity for item in known), default=0.0)
    return [item for item in known if item.severity >= _DATING_SHARE * loudest]


def earlier(known: Iterable[Evidence], case: Case) -> list[Evidence]:
    """Return those of a suspect's loud signs that date it; none where they are the symptom itself, and nothing came before."""
    known = list(known)
    itself = any(item.is_symptom for item in known)
    return [item for item in known if not item.is_symptom and not (itself and began((item,)) >= case.onset)]


def is_lead(standing: Standing, case: Case) -> bool:
    """Say whether anything connects a candidate with what fired, so that it may be suggested.

    Signs of its own do, but for those that followed a change at a service which is known to be unconnected. A change after
    which nothing was seen to go wrong does at the service that fired and below it, unless that is known to be well.
    """
    service = standing.candidate.entity.service
    if standing.own:
        return not standing.effects or case.connects(service)
    return case.needs(service) and case.steady(service) is None


def fit(standing: Standing) -> float:
    """Return how well the changes that a candidate rests on fit what went wrong, by what they touch; 0 where there are none."""
    return max((item.severity for change in standing.changes for item in change), default=0.0)


def deeper(candidate: Candidate, case: Case) -> tuple[Evidence, ...]:
    """Return what is wrong below a candidate and explains its signs; a surge of traffic is not explained by what it hits."""
    found = case.deeper(candidate.entity.service)
    if candidate.cause_kind is CauseKind.TRAFFIC_SURGE:
        # A surge travels down: what gives way below it is what it does.
        surging = {about(item) for item in found if CauseKind.TRAFFIC_SURGE in item.cause_kinds}
        return tuple(item for item in found if about(item) not in surging)
    return found
