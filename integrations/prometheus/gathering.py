"""One gathering from Prometheus: which metrics there are, who is meant by which labels, and then all questions at once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from integrations.base import Rejected, ServiceScope, SourceError
from integrations.prometheus import pack as packs
from integrations.prometheus import stores
from integrations.prometheus.answers import SOURCE, missing, observations
from integrations.prometheus.api import Api
from integrations.prometheus.questions import ask, prepare
from integrations.prometheus.subjects import Subject, counted, identified
from scoring.observations import Gap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integrations.base import Door, Scope
    from integrations.prometheus import PrometheusCredentials
    from integrations.prometheus.pack import Pack
    from scoring.observations import Observation, Window

MAX_SERVICES = 20
POINTS = 240


def gathered(door: Door, credentials: PrometheusCredentials, scope: Scope, window: Window) -> Iterator[Observation]:
    """Yield what Prometheus knows about the scope, and gaps.

    :raises SourceError: where Prometheus does not answer at all.
    """
    with Api(door, credentials) as api:
        yield from _asked(api, credentials, scope, window)


def _asked(api: Api, credentials: PrometheusCredentials, scope: Scope, window: Window) -> Iterator[Observation]:
    pack = credentials.pack()
    step = step_of(window, credentials.step)
    # Whole steps let Prometheus and caches in front of it reuse what they know.
    start, end = math.floor(window.start / step) * step, math.ceil(window.end / step) * step
    services = scope.services[:MAX_SERVICES]
    for left_out in scope.services[MAX_SERVICES:]:
        yield Gap(SOURCE, f"metrics of {left_out.name}", f"asked about the first {MAX_SERVICES} services only")
    subjects = tuple(Subject(service) for service in services)
    metrics = tuple(dict.fromkeys((*pack.metrics(), *counted(pack.metrics(of_service=True)), *stores.UP)))
    names: frozenset[str] | None
    try:
        names = api.metric_names(metrics, start=start, end=end)
    except Rejected as error:
        # Without the list every convention is asked for: slower, and as good. A list of a few known names that is too large is
        # no list of theirs: then nothing is asked.
        yield Gap(SOURCE, "which metrics exist", error.reason)
        names = None
    try:
        subjects = identified(subjects, api, names, pack.metrics(of_service=True), start=start, end=end)
    except SourceError as error:
        yield Gap(SOURCE, "which labels name the services", error.reason)
    if names is None or not names.isdisjoint(stores.UP):
        try:
            subjects = stores.found(subjects, api, start=start, end=end)
            if names is not None and any(one.exporter for one in subjects):
                names |= api.metric_names(_of_exporters(pack, subjects), start=start, end=end)
        except SourceError as error:
            yield Gap(SOURCE, "which exporters speak of databases", error.reason)
    questions = prepare(pack, subjects, names, _durations(window, step))
    answers = ask(api, questions, start=start, end=end, step=step)
    if questions and answers.failures and not answers.results:
        raise next(iter(answers.failures.values()))
    external = credentials.external_url or credentials.url
    yield from observations(questions, answers, subjects, external_url=external, start=start, end=end)
    golden = [
        metric for one in pack.indicators if one.golden for query in one.queries for metric in packs.metrics_of(query)
    ]
    yield from missing(answers, subjects, tuple(dict.fromkeys(golden)))
    for warning in api.warnings:
        yield Gap(SOURCE, "completeness of the answers", warning)


def _of_exporters(pack: Pack, subjects: tuple[Subject, ...]) -> tuple[str, ...]:
    sorts = tuple(f"{sort}_" for one in subjects for sort in one.exporters)
    return tuple(name for name in pack.metrics(of_stores=True) if name.startswith(sorts))


def step_of(window: Window, wanted: int | None) -> int:
    """Return the seconds between samples: what is wanted, or a multiple of 15 s, from 30 s, for some 240 points."""
    fewest = math.ceil((window.end - window.start) / (4 * POINTS))
    if wanted:
        return max(wanted, fewest)
    return max(30, math.ceil((window.end - window.start) / POINTS / 15) * 15)


def _durations(window: Window, step: int) -> dict[str, str]:
    # A rate needs two samples: four steps hold them even where scrapes are as far apart as two steps.
    return {
        "rate": f"{max(120, 4 * step)}s",
        "step": f"{step}s",
        "window": f"{max(60, int(window.end - window.start))}s",
    }


def refused(api: Api, credentials: PrometheusCredentials) -> str:
    """Return what Prometheus says against one of the tenant's queries, or nothing."""
    if not credentials.queries:
        return ""
    own = packs.parse(credentials.queries)
    subject = Subject(ServiceScope(name="name", namespace="namespace", workload="workload", selector='job="name"'))
    subject = Subject(subject.scope, matchers=subject.scope.selector)
    durations = {"rate": "120s", "step": "30s", "window": "3600s"}
    for question in prepare(own, (subject,), None, durations)[:40]:
        try:
            api.instant(question.query)
        except Rejected as error:
            return f"indicator {question.indicator.key}: {error.reason} (asked: {question.query})"
    return ""
