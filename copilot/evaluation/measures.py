"""The measures: is the answer among the first k, how sure is the ranking rightly, and what would chance have given."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from scoring.evidence import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from copilot.evaluation.solving import Solved
    from copilot.evaluation.truth import Truth

DEPTH: Final = 5


@dataclass(frozen=True, slots=True)
class Graded:
    """Hold an answer beside the truth: the place of the true entity (0 where it is absent), and what else was right."""

    solved: Solved
    truth: Truth
    place: int
    kind_right: bool | None
    indicator_place: int | None
    commit_right: bool | None

    @property
    def right(self) -> bool:
        """Say whether the first line names the true entity, or the true commit where commits are given."""
        return self.place == 1 if self.commit_right is None else self.commit_right


def grade(solved: Solved, truth: Truth) -> Graded:
    """Compare an answer with the truth."""
    order = list(dict.fromkeys(one.entity for one in solved.entries))
    place = order.index(truth.entity) + 1 if truth.entity in order else 0
    first = solved.entries[0] if solved.entries else None
    kind_right: bool | None = None
    if truth.kind in solved.kinds:
        kind_right = first is not None and first.entity == truth.entity and first.label == truth.kind
    indicator_place: int | None = None
    if truth.indicator:
        columns = list(dict.fromkeys(one.indicator for one in solved.entries if one.indicator))
        indicator_place = columns.index(truth.indicator) + 1 if truth.indicator in columns else 0
    commit_right = None
    if truth.commit is not None:
        commit_right = first is not None and first.commit == truth.commit
    return Graded(solved, truth, place, kind_right, indicator_place, commit_right)


def measure(graded: Sequence[Graded]) -> dict[str, Any]:
    """Return the measures over some cases; shares are in [0, 1]."""
    count = len(graded)
    if not count:
        return {"cases": 0}
    places = [one.place for one in graded]
    kinds = [one.kind_right for one in graded if one.kind_right is not None]
    indicators = [one.indicator_place for one in graded if one.indicator_place is not None]
    commits = [one.commit_right for one in graded if one.commit_right is not None]
    seconds = sorted(one.solved.seconds for one in graded)
    found: dict[str, Any] = {"cases": count}
    found |= _shares(places)
    found["random"] = random_ranking([one.solved.entities for one in graded])
    found["kind"] = _mean(kinds)
    found["indicator"] = _shares(indicators)["ac1"] if indicators else None
    found["commit"] = _mean(commits)
    found["commits_right"] = sum(commits) if commits else None
    found["median_seconds"] = median(seconds)
    found["p95_seconds"] = seconds[min(count - 1, math.ceil(0.95 * count) - 1)]
    found["verdicts"] = {
        verdict.value: sum(1 for one in graded if one.solved.verdict == verdict.value) for verdict in Verdict
    }
    return found


def random_ranking(sizes: Iterable[int]) -> dict[str, float]:
    """Return what a random order of each case's entities is expected to reach."""
    found = {"ac1": 0.0, "ac3": 0.0, "avg5": 0.0, "mrr": 0.0}
    sizes = [max(1, size) for size in sizes]
    for size in sizes:
        found["ac1"] += 1 / size
        found["ac3"] += min(1.0, 3 / size)
        found["avg5"] += sum(min(1.0, k / size) for k in range(1, DEPTH + 1)) / DEPTH
        found["mrr"] += sum(1 / place for place in range(1, size + 1)) / size
    return {name: value / max(1, len(sizes)) for name, value in found.items()}


@dataclass(frozen=True, slots=True)
class Quiet:
    """Hold how healthy windows were told: `said` among them, `wrongly` among cases with a fault."""

    windows: int
    said: int
    wrongly: int
    by_set: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def precision(self) -> float | None:
        """Return the share of `no fault seen` that was right."""
        return self.said / (self.said + self.wrongly) if self.said + self.wrongly else None

    @property
    def recall(self) -> float | None:
        """Return the share of healthy windows that were told as such."""
        return self.said / self.windows if self.windows else None


def groups(graded: Iterable[Graded]) -> dict[str, dict[str, list[Graded]]]:
    """Return the graded cases by set, by set and system, and by set and kind of fault."""
    found: dict[str, dict[str, list[Graded]]] = {
        "set": defaultdict(list),
        "system": defaultdict(list),
        "kind": defaultdict(list),
    }
    for one in graded:
        found["set"][one.solved.set].append(one)
        found["system"][f"{one.solved.set} · {one.solved.system}"].append(one)
        found["kind"][f"{one.solved.set} · {one.truth.kind}"].append(one)
    return {name: dict(sorted(group.items())) for name, group in found.items()}


def _shares(places: Sequence[int]) -> dict[str, float]:
    count = len(places)

    def within(depth: int) -> float:
        return sum(1 for place in places if 0 < place <= depth) / count

    return {
        "ac1": within(1),
        "ac3": within(3),
        "avg5": sum(within(depth) for depth in range(1, DEPTH + 1)) / DEPTH,
        "mrr": sum(1 / place for place in places if place) / count,
    }


def _mean(values: Sequence[bool]) -> float | None:
    return sum(values) / len(values) if values else None
