"""Run recorded cases and healthy windows, then, and only then, judge the rankings by the truth."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from copilot.evaluation import truth as truths
from copilot.evaluation.measures import Graded, Quiet, grade
from copilot.evaluation.solving import Solved, run, solve
from integrations import recorded
from scoring.evidence import Verdict

Found = TypeVar("Found")

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from copilot.evaluation.cases import Place


@dataclass(frozen=True, slots=True)
class Failure:
    """Say which case could not be answered, and why."""

    place: Place
    reason: str


def answer(places: Sequence[Place], *, jobs: int = 1) -> Iterator[Solved | Failure]:
    """Yield the answer to each case, in order; what cannot be read is told and does not stop the rest."""
    yield from _each(_answer, places, jobs)


def watch(places: Sequence[Place], *, jobs: int = 1) -> Iterator[tuple[Place, str | None]]:
    """Yield the verdict on the healthy window of each case, None where there is none."""
    yield from _each(_watch, places, jobs)


def judge(solved: Iterable[Solved], places: Iterable[Place]) -> list[Graded]:
    """Open the truth and grade the answers; cases without a truth are left out."""
    by_case = {(one.set, one.case): one for one in places}
    graded = []
    for one in solved:
        found = truths.read(by_case[one.set, one.case])
        if found is not None:
            graded.append(grade(one, found))
    return graded


def quiet(verdicts: Iterable[tuple[Place, str | None]], solved: Iterable[Solved]) -> Quiet:
    """Return how healthy windows were told apart from cases with a fault."""
    by_set: dict[str, list[int]] = {}
    for place, verdict in verdicts:
        if verdict is not None:
            counts = by_set.setdefault(place.set, [0, 0])
            counts[0] += 1
            counts[1] += verdict == Verdict.NO_FAULT.value
    return Quiet(
        windows=sum(windows for windows, _ in by_set.values()),
        said=sum(said for _, said in by_set.values()),
        wrongly=sum(1 for one in solved if one.verdict == Verdict.NO_FAULT.value),
        by_set={name: (windows, said) for name, (windows, said) in sorted(by_set.items())},
    )


def _answer(place: Place) -> Solved | Failure:
    # Scoring imports it where it is needed; the first case is not to be charged for what a worker has long imported.
    import scipy.special  # noqa: F401

    try:
        return solve(place)
    except recorded.BadCase as error:
        return Failure(place, str(error))


def _watch(place: Place) -> tuple[Place, str | None]:
    try:
        case = recorded.quiet(place.directory)
    except recorded.BadCase:
        return place, None
    return (place, None) if case is None else (place, run(case)[1].verdict.value)


def _each(work: Callable[[Place], Found], places: Sequence[Place], jobs: int) -> Iterator[Found]:
    if jobs <= 1:
        yield from map(work, places)
        return
    with ProcessPoolExecutor(max_workers=jobs) as pool:
        yield from pool.map(work, places, chunksize=4)
