"""The questions of one gathering: the pack's templates filled in, put side by side into few requests, and asked."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from string import Template
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from integrations.base import Rejected, SourceError, TooLarge
from integrations.prometheus.pack import metrics_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from integrations.prometheus.api import Api, Result
    from integrations.prometheus.pack import Indicator, Pack
    from integrations.prometheus.subjects import Subject

MAX_QUESTIONS = 1200
# Proxies in front of a Prometheus often refuse addresses over 8 KiB.
MAX_ENCODED = 6000
MAX_TOGETHER = 24
SIDE_BY_SIDE = 4
# Each answer over the cap costs as much time as the cap allows: so many, and smaller questions are not tried any more.
MAX_TOO_LARGE = 8
MARK = "copilot_question"


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """Hold one filled-in query: `rank` is its place among the alternatives; about nodes `subject` is None."""

    indicator: Indicator
    subject: Subject | None
    query: str
    rank: int
    is_limit: bool = False


@dataclass(slots=True)
class Answers:
    """Hold what came back for each question, and why some have no answer."""

    results: dict[Question, Result] = field(default_factory=dict)
    failures: dict[Question, SourceError] = field(default_factory=dict)
    too_large: list[TooLarge] = field(default_factory=list)


def prepare(
    pack: Pack, subjects: tuple[Subject, ...], names: frozenset[str] | None, durations: dict[str, str]
) -> list[Question]:
    """Return the questions whose metrics exist and whose placeholders are known, golden signals first."""
    ordered = sorted(pack.indicators, key=lambda indicator: not indicator.golden)
    questions = [
        question
        for indicator in ordered
        for subject in _asked_about(indicator, subjects)
        for question in _of(indicator, subject, names, durations)
    ]
    return questions[:MAX_QUESTIONS]


def _asked_about(indicator: Indicator, subjects: tuple[Subject, ...]) -> tuple[Subject | None, ...]:
    if indicator.of == "node":
        return (None,)
    return tuple(one for one in subjects if one.exporter) if indicator.of == "store" else subjects


def _of(
    indicator: Indicator, subject: Subject | None, names: frozenset[str] | None, durations: dict[str, str]
) -> Iterator[Question]:
    values = {**durations, **(subject.placeholders() if subject else {}), **indicator.constants}
    own = subject.metrics if subject else None
    for is_limit, expressions in ((False, indicator.queries), (True, indicator.limit)):
        for rank, expression in enumerate(expressions):
            if is_number(expression):
                continue
            template = Template(expression)
            metrics = metrics_of(expression)
            if not set(template.get_identifiers()) <= set(values):
                continue
            if names is not None and not set(metrics) <= names:
                continue
            if subject and "$exporter" in expression and not _is_of(subject.exporters, metrics):
                continue
            if own is not None and "$service" in expression and not own.intersection(metrics):
                continue
            yield Question(indicator, subject, template.substitute(values), rank, is_limit)


def _is_of(exporters: frozenset[str], metrics: tuple[str, ...]) -> bool:
    return any(metric.startswith(f"{sort}_") for sort in exporters for metric in metrics)


def is_number(expression: str) -> bool:
    """Return whether a limit is a plain number, which nobody need be asked for."""
    try:
        float(expression)
    except ValueError:
        return False
    return True


def ask(api: Api, questions: Iterable[Question], *, start: float, end: float, step: float) -> Answers:
    """Ask all questions, many to a request and some requests at once; a bad query does not lose the others."""
    answers = Answers()

    def send(batch: list[Question]) -> None:
        if len(answers.too_large) >= MAX_TOO_LARGE:
            answers.failures.update(dict.fromkeys(batch, answers.too_large[-1]))
            return
        try:
            rows = api.range(together(batch), start=start, end=end, step=step)
        except (Rejected, TooLarge) as error:
            if isinstance(error, TooLarge):
                answers.too_large.append(error)
            if len(batch) == 1:
                answers.failures[batch[0]] = error
                return
            middle = len(batch) // 2
            send(batch[:middle])
            send(batch[middle:])
        except SourceError as error:
            answers.failures.update(dict.fromkeys(batch, error))
        else:
            results: dict[Question, Result] = {question: [] for question in batch}
            for row in rows:
                labels = dict(row.get("metric") or {})
                mark = str(labels.pop(MARK, ""))
                if mark.isdecimal() and int(mark) < len(batch):
                    results[batch[int(mark)]].append({**row, "metric": labels})
            answers.results.update(results)

    with ThreadPoolExecutor(max_workers=SIDE_BY_SIDE, thread_name_prefix="prometheus") as pool:
        for done in [pool.submit(send, batch) for batch in batches(questions)]:
            done.result()
    return answers


def batches(questions: Iterable[Question]) -> Iterator[list[Question]]:
    """Yield the questions in groups that fit into one request each."""
    batch: list[Question] = []
    length = 0
    for question in questions:
        size = len(quote_plus(question.query)) + 60
        if batch and (length + size > MAX_ENCODED or len(batch) == MAX_TOGETHER):
            yield batch
            batch, length = [], 0
        batch.append(question)
        length += size
    if batch:
        yield batch


def together(batch: list[Question]) -> str:
    """Return one query whose series are those of all questions, each marked with its question's number."""
    return " or ".join(
        f'label_replace({question.query}, "{MARK}", "{number}", "", "")' for number, question in enumerate(batch)
    )
