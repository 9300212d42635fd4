"""One case through the code of a live run: detect, candidates, rank. Nothing here knows the answer."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from copilot.evaluation import vocabulary
from integrations import recorded
from scoring.candidates import candidates
from scoring.case import about
from scoring.confidence import beta_interval
from scoring.detect import detect
from scoring.evidence import Direction, EvidenceKind, RankInputs
from scoring.observations import Note, Series, State
from scoring.rank import rank

if TYPE_CHECKING:
    from collections.abc import Iterable

    from copilot.evaluation.cases import Place
    from integrations.recorded import RecordedCase
    from scoring.detect import Detection
    from scoring.evidence import Evidence, Precedent, Ranking, Score

# A ranking names so many entities where there are as many.
LEAST_ENTRIES = 5
_MOST_ENTRIES = 10


@dataclass(frozen=True, slots=True)
class Entry:
    """Hold one line of a ranking, in the words of the case's own lists; what a case does not have is None."""

    entity: str
    cause_kind: str | None
    label: str | None
    commit: str | None
    indicator: str | None
    confidence: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Kept:
    """Hold what is needed to rank a case again with a history: what was detected, and of the case what its words need."""

    case: RecordedCase
    detection: Detection


@dataclass(frozen=True, slots=True)
class Solved:
    """Hold the answer to one case; `seconds` is the time from observations to the ranking."""

    set: str
    case: str
    system: str
    verdict: str
    seconds: float
    read_seconds: float
    entries: tuple[Entry, ...]
    entities: int
    commits: int
    kinds: tuple[str, ...]
    has_metrics: bool
    kept: Kept | None = None

    def line(self) -> dict[str, Any]:
        """Return what `--rankings` writes of a case."""
        return {
            "set": self.set,
            "case": self.case,
            "verdict": self.verdict,
            "seconds": round(self.seconds, 4),
            "ranking": [
                {name: getattr(one, name) for name in Entry.__dataclass_fields__} for one in self.entries
            ],
        }  # fmt: skip


def run(case: RecordedCase) -> tuple[Detection, Ranking, RankInputs, float]:
    """Return what is found in a case and its ranking, with the seconds that took."""
    # Loads SciPy where this process has not yet: a process of the product does so once, not in each incident.
    beta_interval(1.0, 1.0)
    began = time.perf_counter()
    detection = detect(case.observations, case.window, subject=case.subject)
    ranking, inputs = weigh(case, detection)
    return detection, ranking, inputs, time.perf_counter() - began


def weigh(case: RecordedCase, detection: Detection, precedents: Iterable[Precedent] = ()) -> tuple[Ranking, RankInputs]:
    """Return the ranking of what was detected, in the light of similar past incidents."""
    precedents = tuple(precedents)
    inputs = RankInputs(
        window=case.window,
        subject=case.subject,
        evidence=detection.evidence,
        candidates=candidates(detection, window=case.window, subject=case.subject, precedents=precedents),
        dependencies=detection.dependencies,
        gaps=detection.gaps,
        precedents=precedents,
        sources_asked=case.sources,
        looked_at=detection.looked_at,
    )
    return rank(inputs), inputs


def solve(place: Place) -> Solved:
    """Return the answer to a recorded case.

    :raises integrations.recorded.BadCase: where it cannot be read.
    """
    began = time.perf_counter()
    case = recorded.read(place.directory)
    read_seconds = time.perf_counter() - began
    detection, ranking, _, seconds = run(case)
    return Solved(
        set=place.set,
        case=place.case,
        system=case.system,
        verdict=ranking.verdict.value,
        seconds=seconds,
        read_seconds=read_seconds,
        entries=entries(case, detection, ranking),
        entities=len(case.entities),
        commits=len(case.commits),
        kinds=vocabulary.labels(case.dataset),
        has_metrics=any(isinstance(one, Series) for one in case.observations),
        kept=_kept(case, detection),
    )


def again(solved: Solved, precedents: Iterable[Precedent]) -> tuple[Solved, Ranking]:
    """Return the answer to the same case in the light of similar past incidents.

    :raises ValueError: where nothing of the case was kept.
    """
    if solved.kept is None:
        raise ValueError(f"{solved.case}: nothing was kept to rank it again")
    case, detection = solved.kept.case, solved.kept.detection
    ranking, _ = weigh(case, detection, precedents)
    return replace(solved, verdict=ranking.verdict.value, entries=entries(case, detection, ranking)), ranking


def _kept(case: RecordedCase, detection: Detection) -> Kept:
    # Series and their plots are what is large; ranking and spelling need neither.
    words = tuple(one for one in case.observations if isinstance(one, State | Note))
    evidence = tuple(replace(item, plot=None) for item in detection.evidence)
    return Kept(replace(case, observations=words), replace(detection, evidence=evidence))


def entries(case: RecordedCase, detection: Detection, ranking: Ranking) -> tuple[Entry, ...]:
    """Return the best candidate of each entity, then the other entities by how badly something is wrong at them."""
    by_id = {item.id: item for item in detection.evidence}
    # Where commits are given, several of one entity may be meant.
    seen: set[tuple[str, str | None]] = set()
    found: list[Entry] = []
    for score in ranking.scores:
        cited = [by_id[one] for one in score.candidate.supporting if one in by_id]
        name = vocabulary.entity(case, score.candidate, cited)
        blamed = commit(case, score, cited)
        if name is None or (name, blamed) in seen:
            continue
        seen.add((name, blamed))
        found.append(
            Entry(
                entity=name,
                cause_kind=score.candidate.cause_kind.value,
                label=vocabulary.label(case, score.candidate, cited, name),
                commit=blamed,
                indicator=_indicator(score, cited),
                confidence=score.confidence,
                low=score.low,
                high=score.high,
            )
        )
    named = {one.entity for one in found}
    for name in (*_by_severity(case, detection), *case.entities):
        if len(found) >= max(LEAST_ENTRIES, len(ranking.scores)) or len(named) >= len(case.entities):
            break
        if name not in named:
            named.add(name)
            found.append(Entry(name, None, None, "none" if case.commits else None, None, 0.0, 0.0, 0.0))
    return tuple(found[:_MOST_ENTRIES])


def _by_severity(case: RecordedCase, detection: Detection) -> list[str]:
    worst: dict[str, float] = {}
    for item in detection.evidence:
        if item.direction is Direction.FOR:
            name = vocabulary.spelt(case, item.peer or item.entity)
            if name is not None:
                worst[name] = max(worst.get(name, 0.0), item.severity)
    return sorted(worst, key=lambda name: (-worst[name], name))


def commit(case: RecordedCase, score: Score, cited: list[Evidence]) -> str | None:
    """Return the commit that a candidate blames, `none` for any other cause, None where no commits are given."""
    if not case.commits:
        return None
    if score.candidate.cause_kind not in vocabulary.CHANGES:
        return "none"
    keys = [item.change_key for item in cited if item.kind is EvidenceKind.CHANGE]
    return next((one for key in keys for one in case.commits if one in key), "none")


def _indicator(score: Score, cited: list[Evidence]) -> str | None:
    """Return the column that shows the candidate best, of its own entity."""
    service = score.candidate.entity.service
    return next(
        (item.query for item in cited if item.kind is EvidenceKind.METRIC and item.query and about(item) == service),
        None,
    )
