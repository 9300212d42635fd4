"""One gathering from Tempo: each service's calls, counted by Tempo, or from spans where it does not count."""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

from integrations.questions import Questions
from integrations.server import SIDE_BY_SIDE, Server
from integrations.tempo import api
from integrations.tempo.queries import selections
from integrations.tracing.edges import LEAST_CALLS, Edge, Point, dependencies, series
from integrations.tracing.names import Names, missing, templates
from integrations.tracing.spans import Calls, observed
from scoring.observations import Gap

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from integrations.base import Door, Scope, ServiceScope
    from integrations.tempo import TempoCredentials
    from integrations.tempo.queries import Selection
    from scoring.observations import Observation, Window

SOURCE = "tempo"
VENDOR = "Tempo"
MAX_SERVICES = 6
# Seconds that calls are counted over; the longer ones where there are few.
STEPS = (60, 300)
# Where Tempo does not count: of so many services, in so many parts of the window, so many traces.
SEARCHED_SERVICES = 3
PARTS = 10
TRACES = 40


def gathered(door: Door, credentials: TempoCredentials, scope: Scope, window: Window) -> Iterator[Observation]:
    """Yield edges and how calls went, and gaps.

    :raises SourceError: where Tempo does not answer at all.
    """
    questions = Questions(source=SOURCE, door=door)
    services = scope.services[:MAX_SERVICES]
    for left_out in scope.services[MAX_SERVICES:]:
        yield Gap(SOURCE, f"traces of {left_out.name}", f"asked about the first {MAX_SERVICES} services only")
    with Server(door, credentials, vendor=VENDOR) as server:
        known = questions.ask("which services send traces", partial(api.services, server, window.start, window.end))
        if known is not None:
            names = Names.of(scope.services, known, templates(credentials.service_names))
            yield from (missing(SOURCE, one.name, known) for one in services[:1] if one.name not in names.written)
            sending = [one for one in services if one.name in names.written]
            asking = _Asking(server, credentials, questions, names, window)
            with ThreadPoolExecutor(max_workers=SIDE_BY_SIDE, thread_name_prefix="tempo") as pool:
                wanted = [(one, selection) for one in sending for selection in selections(names.written[one.name])]
                answers = list(pool.map(lambda pair: asking.counted(*pair), wanted))
                if all(answer is None for answer in answers) and wanted:
                    yield from asking.searched(sending[:SEARCHED_SERVICES], pool)
            for answer in answers:
                yield from answer or ()
    yield from questions.close()


class _Asking:
    """Ask one Tempo about services' calls in one window."""

    def __init__(
        self, server: Server, credentials: TempoCredentials, questions: Questions, names: Names, window: Window
    ) -> None:
        self.server, self.credentials, self.questions = server, credentials, questions
        self.names, self.window = names, window
        self.is_uncounted = False

    def counted(self, service: ServiceScope, selection: Selection) -> list[Observation] | None:
        """Return the calls of a selection as Tempo counts them, None where it does not count."""
        if self.is_uncounted:
            return None
        question = f"{selection.words} of {service.name}"
        try:
            found = self.questions.ask(question, partial(self._tallied, service, selection))
        except _NoMetrics:
            self.is_uncounted = True
            return None
        return [] if found is None else found

    def _tallied(self, service: ServiceScope, selection: Selection) -> list[Observation]:
        caller = self.names.service(self.names.written[service.name])
        start, end = self.window.start, self.window.end
        tallies: dict[Edge, dict[float, list[float]]] = {}
        step = STEPS[0]
        for step in STEPS:
            tallies = defaultdict(lambda: defaultdict(lambda: [0.0, 0.0]))
            for labels, values in self._series(selection.counted, step):
                edge = selection.edge(caller, labels, self.names)
                for at, calls in values.items():
                    if edge is not None and start <= at <= end and calls > 0:
                        tallies[edge][at][0] += calls
                        tallies[edge][at][1] += calls * (labels.get("status") == "error")
            loudest = max((median(one[0] for one in tally.values()) for tally in tallies.values()), default=0.0)
            if not tallies or loudest >= LEAST_CALLS["latency_p50"]:
                break
        if not tallies:
            return []
        timed: dict[Edge, dict[str, dict[float, float]]] = defaultdict(dict)
        for labels, values in self._series(selection.timed, step):
            edge = selection.edge(caller, labels, self.names)
            if edge is not None:
                timed[edge].setdefault(labels.get("p", ""), {}).update(values)
        return list(self._observed(selection, tallies, timed))

    def _observed(
        self, selection: Selection, tallies: Mapping[Edge, Mapping[float, Sequence[float]]],
        timed: Mapping[Edge, Mapping[str, Mapping[float, float]]],
    ) -> Iterator[Observation]:  # fmt: skip
        link = self.credentials.explore(SOURCE, {"query": selection.query, "queryType": "traceql"}, self.window)
        yield from dependencies(tallies, SOURCE)
        for edge, tally in sorted(tallies.items(), key=lambda pair: str(pair[0])):
            ratio = [Point(at, failed / calls, calls) for at, (calls, failed) in tally.items()]
            yield from series(edge, "error_ratio", ratio, source=SOURCE, query=selection.counted, link=link)
            for quantile, indicator in (("0.5", "latency_p50"), ("0.95", "latency_p95")):
                values = timed.get(edge, {}).get(quantile, {})
                points = [Point(at, values[at], calls) for at, (calls, _) in tally.items() if at in values]
                yield from series(edge, indicator, points, source=SOURCE, query=selection.timed, link=link)

    def _series(self, query: str, step: int) -> list[tuple[dict[str, str], dict[float, float]]]:
        try:
            return api.series(self.server, query, self.window.start, self.window.end, step)
        except api.Uncounted as error:
            raise _NoMetrics from error

    def searched(self, services: Sequence[ServiceScope], pool: ThreadPoolExecutor) -> Iterator[Observation]:
        """Yield edges from some spans of each part of the window, and that they were not counted."""
        yield Gap(
            SOURCE, "counts of all calls",
            "this Tempo answers no metrics queries (local blocks of its metrics generator): read some traces instead",
        )  # fmt: skip
        width = (self.window.end - self.window.start) / PARTS
        wanted = [
            (service, selection, self.window.start + width * number)
            for service in services
            for selection in selections(self.names.written[service.name])[:2]
            for number in range(PARTS)
        ]

        def some(one: tuple[ServiceScope, Selection, float]) -> Calls:
            service, selection, start = one
            ask = partial(self.some, service, selection, start, start + width, limit=TRACES)
            return self.questions.ask(f"{selection.words} of {service.name}", ask) or Calls()

        found = Calls()
        for answer in pool.map(some, wanted):
            for edge, made in answer.by_edge.items():
                found.by_edge[edge] += made
        yield from observed(found, source=SOURCE)

    def some(self, service: ServiceScope, selection: Selection, start: float, end: float, *, limit: int) -> Calls:
        """Return some calls of a selection in a time.

        :raises SourceError: where Tempo does not answer.
        """
        caller = self.names.service(self.names.written[service.name])
        found = Calls()
        for labels, call in api.calls(self.server, selection, start, end, limit=limit):
            edge = selection.edge(caller, labels, self.names)
            if edge is not None:
                found.by_edge[edge].append(call)
        return found


class _NoMetrics(Exception):
    """Leave a question that this Tempo cannot answer, without counting it as failed."""
