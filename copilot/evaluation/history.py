"""The same cases in order of time, each ranked with the causes that were confirmed in earlier ones of its system.

What the live product does once people have used it for a while: after a ranking, somebody confirms the hypothesis that was
right, and it is a precedent of the next similar incident. A cause that was not on the list cannot be confirmed.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from copilot.evaluation import solving, vocabulary
from copilot.evaluation import truth as truths
from copilot.evaluation.measures import Graded, grade
from integrations.wording import symptom
from scoring.evidence import Precedent
from scoring.observations import Note
from scoring.similarity import ALIKE, COMPARED, signature, similarity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from copilot.evaluation.cases import Place
    from copilot.evaluation.solving import Kept, Solved
    from copilot.evaluation.truth import Truth
    from scoring.evidence import Candidate, Ranking
    from scoring.similarity import Signature

_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Replayed:
    """Hold the graded answers with history, in how many cases a cause was confirmed, and in how many there was a precedent."""

    graded: tuple[Graded, ...]
    confirmed: int
    preceded: int


@dataclass(frozen=True, slots=True)
class _Past:
    at: float
    subject: str
    symptom: str
    signature: Signature
    service: str
    cause: Candidate
    name: str


def replay(solved: Iterable[Solved], places: Iterable[Place]) -> Replayed:
    """Rank the cases of each system in order of time, and open the truth of each after its ranking.

    Cases without a time come in the order of their names. Cases that began at the same moment are no history of each other.
    """
    by_case = {(one.set, one.case): one for one in places}
    systems: dict[tuple[str, str], list[tuple[float, str, Solved, Kept]]] = defaultdict(list)
    for one in solved:
        if one.kept is not None:
            systems[one.set, one.system].append((one.kept.case.window.alert_at, one.case, one, one.kept))
    graded: list[Graded] = []
    confirmed = preceded = 0
    for _, ones in sorted(systems.items()):
        past: list[_Past] = []
        for at, name, one, kept in sorted(ones, key=lambda row: row[:2]):
            history = _precedents(past, kept, at)
            answer, ranking = solving.again(one, history)
            # The ranking is made: now the truth of this case may be opened, and is history for the next.
            truth = truths.read(by_case[one.set, one.case])
            if truth is None:
                continue
            preceded += bool(history)
            graded.append(grade(answer, truth))
            cause = _confirmed(kept, ranking, truth)
            if cause is not None:
                confirmed += 1
                past.append(
                    _Past(
                        at, kept.case.subject.service, _symptom(kept), signature(kept.detection.evidence),
                        cause.entity.service, cause, name,
                    )
                )  # fmt: skip
    return Replayed(tuple(graded), confirmed, preceded)


def _precedents(past: list[_Past], kept: Kept, at: float) -> tuple[Precedent, ...]:
    now, words = signature(kept.detection.evidence), _symptom(kept)
    found = []
    for one in past[-COMPARED:]:
        if at > 0.0 and one.at >= at:
            continue
        alike, _ = similarity(
            same_service=one.subject == kept.case.subject.service,
            same_symptom=bool(words) and one.symptom == words,
            signature=now,
            other=one.signature,
        )
        if alike >= ALIKE:
            age = max(0.0, (at - one.at) / _DAY)
            found.append(
                Precedent(
                    service=one.service, cause_kind=one.cause.cause_kind, similarity=round(alike, 6),
                    age_days=round(age, 3), confirmed=True, reference=one.name,
                )
            )  # fmt: skip
    return tuple(sorted(found, key=lambda one: (one.reference, one.service, one.cause_kind.value)))


def _symptom(kept: Kept) -> str:
    """Return what fired, as the product tells it from one time to the next."""
    return symptom(next((one.text for one in kept.case.observations if isinstance(one, Note)), ""))


def _confirmed(kept: Kept, ranking: Ranking, truth: Truth) -> Candidate | None:
    """Return the hypothesis that somebody who knows the truth would confirm: of the true entity, the one that says most of it."""
    by_id = {item.id: item for item in kept.detection.evidence}
    best: tuple[tuple[bool, bool], Candidate] | None = None
    for score in ranking.scores:
        cited = [by_id[one] for one in score.candidate.supporting if one in by_id]
        name = vocabulary.entity(kept.case, score.candidate, cited)
        if name != truth.entity:
            continue
        right = (
            truth.commit is None or solving.commit(kept.case, score, cited) == truth.commit,
            vocabulary.label(kept.case, score.candidate, cited, name) == truth.kind,
        )
        if best is None or right > best[0]:
            best = (right, score.candidate)
    return None if best is None else best[1]
