"""From Prometheus's answers to observations: the first alternative that has data wins, and gaps say what is missing."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np

from integrations.peers import called
from integrations.prometheus import stores
from integrations.prometheus.questions import Answers, Question, is_number
from scoring.observations import Dependency, Entity, EntityKind, Gap, Series, Worse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from integrations.prometheus.api import Result
    from integrations.prometheus.pack import Indicator
    from integrations.prometheus.subjects import Subject

SOURCE = "prometheus"
SERIES_PER_QUESTION = 20

Points = tuple["NDArray[np.float64]", "NDArray[np.float64]"]


def observations(
    questions: Sequence[Question],
    answers: Answers,
    subjects: Sequence[Subject],
    *,
    external_url: str,
    start: float,
    end: float,
) -> Iterator[Series | Dependency | Gap]:
    """Yield the series, the calls that client metrics show, and a gap for each thing that could not be had."""
    asked: dict[tuple[str, str], list[Question]] = defaultdict(list)
    for question in questions:
        asked[question.indicator.key, question.subject.scope.name if question.subject else ""].append(question)
    edges: set[Dependency] = set()
    for alternatives in asked.values():
        indicator, subject = alternatives[0].indicator, alternatives[0].subject
        winner = _first([one for one in alternatives if not one.is_limit], answers)
        if winner is None:
            continue
        question, rows = winner
        limit = _limit(indicator, [one for one in alternatives if one.is_limit], answers)
        if len(rows) > SERIES_PER_QUESTION:
            yield Gap(SOURCE, f"all of `{question.query}`", f"kept {SERIES_PER_QUESTION} of {len(rows)} series")
        link = graph_link(external_url, question.query, start=start, end=end)
        for labels, (times, values) in rows[:SERIES_PER_QUESTION]:
            entity = _node(indicator, labels) if subject is None else _of(indicator, subject)
            peer = _peer(indicator, labels, subjects)
            if entity is None or (indicator.peer and (peer is None or peer.service == entity.service)):
                continue
            if peer is not None:
                edges.add(Dependency(entity, peer, "prometheus client metrics"))
            yield Series(
                entity=entity, indicator=indicator.name, unit=indicator.unit, times=times, values=values, source=SOURCE,
                worse=indicator.worse, counter=indicator.counter, limit=limit, query=question.query, link=link,
                peer=peer, labels=labels,
            )  # fmt: skip
    yield from sorted(edges)
    yield from _failures(answers)


def missing(answers: Answers, subjects: Sequence[Subject], golden: Sequence[str]) -> Iterator[Gap]:
    """Yield one gap for each service that has no golden signal at all, saying what was tried."""
    heard = {
        question.subject.scope.name
        for question, rows in answers.results.items()
        if question.subject and question.indicator.golden and not question.is_limit and any(map(_points, rows))
    }
    failed = {question.subject.scope.name for question in answers.failures if question.subject}
    for subject in subjects:
        name = subject.scope.name
        if name in heard or name in failed:
            continue
        tried = subject.matchers or " or ".join(subject.tried[:4])
        tried = (f"`{tried}` on " if tried else "") + ", ".join(golden[:4])
        yield Gap(
            SOURCE,
            f"golden signals of {name}",
            f"no latency, error or traffic metric found for {name}; tried {tried} and others. "
            "Set the service's selector, or add a query to the connection.",
        )


def _failures(answers: Answers) -> Iterator[Gap]:
    reasons: dict[str, list[Question]] = defaultdict(list)
    for question, error in answers.failures.items():
        reasons[error.reason].append(question)
    for reason, questions in sorted(reasons.items()):
        words = sorted({
            question.indicator.key + (f" of {question.subject.scope.name}" if question.subject else " of nodes")
            for question in questions
        })  # fmt: skip
        more = f" and {len(words) - 6} more" if len(words) > 6 else ""
        yield Gap(SOURCE, ", ".join(words[:6]) + more, reason)


def _first(
    alternatives: list[Question], answers: Answers
) -> tuple[Question, list[tuple[dict[str, str], Points]]] | None:
    for question in sorted(alternatives, key=lambda one: one.rank):
        rows = [
            ({str(key): str(value) for key, value in row["metric"].items()}, points)
            for row in answers.results.get(question, ())
            if (points := _points(row)) is not None
        ]
        if rows:
            return question, sorted(
                rows, key=lambda row: (-_badness(question.indicator, row[1]), sorted(row[0].items()))
            )
    return None


def _badness(indicator: Indicator, points: Points) -> float:
    return -float(np.min(points[1])) if indicator.worse is Worse.LOW else float(np.max(points[1]))


def _points(row: Mapping[str, Any]) -> Points | None:
    """Return the finite samples of a series: `NaN` means no traffic, and an infinity cannot be compared."""
    samples = row.get("values")
    if not isinstance(samples, list) or not samples:
        return None
    try:
        table = np.array([(float(at), float(value)) for at, value in samples], dtype=np.float64)
    except (TypeError, ValueError):
        return None
    table = table[np.isfinite(table).all(axis=1)]
    return (table[:, 0], table[:, 1]) if len(table) else None


def _limit(indicator: Indicator, alternatives: list[Question], answers: Answers) -> float | None:
    numbers = [float(expression) for expression in indicator.limit if is_number(expression)]
    if numbers:
        return numbers[0]
    for question in sorted(alternatives, key=lambda one: one.rank):
        result: Result = answers.results.get(question, [])
        points = _points(result[0]) if result else None
        if points is not None and points[1][-1] > 0:
            return float(points[1][-1])
    return None


def _of(indicator: Indicator, subject: Subject) -> Entity:
    return stores.entity(subject) if indicator.of == "store" else subject.entity


def _node(indicator: Indicator, labels: Mapping[str, str]) -> Entity | None:
    name = next((labels[label] for label in indicator.node if labels.get(label)), "")
    host = name.rpartition(":")[0] if name.rpartition(":")[2].isdecimal() else name
    return Entity(EntityKind.NODE, host or name) if name else None


def _peer(indicator: Indicator, labels: Mapping[str, str], subjects: Sequence[Subject]) -> Entity | None:
    address = next((labels[label] for label in indicator.peer if labels.get(label)), "")
    return called(address, (subject.scope for subject in subjects))


def graph_link(external_url: str, query: str, *, start: float, end: float) -> str:
    """Return the address of Prometheus's own graph of a query over the window."""
    minutes = max(1, round((end - start) / 60))
    at = np.datetime64(int(end), "s").astype(str).replace("T", " ")
    return (
        f"{external_url.rstrip('/')}/graph?g0.expr={quote(query, safe='')}&g0.tab=0"
        f"&g0.range_input={minutes}m&g0.end_input={quote(at)}"
    )
