"""One gathering from Jaeger: traces through the paged service, some of every few minutes, as statistics of edges."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from integrations.base import Rejected
from integrations.jaeger import api
from integrations.questions import Questions
from integrations.server import SIDE_BY_SIDE, Server
from integrations.tracing.names import Names, missing, templates
from integrations.tracing.spans import calls, observed
from scoring.observations import Dependency

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integrations.base import Door, Scope
    from integrations.jaeger import JaegerCredentials
    from integrations.tracing.spans import Span
    from scoring.observations import Observation, Window

SOURCE = "jaeger"
VENDOR = "Jaeger"
# The window is looked at in so many parts, each of which gives so many traces; no part is shorter than so many seconds.
PARTS = 20
TRACES = 30
SHORTEST = 60.0
_MOST_DEPENDENCIES = 500


def gathered(door: Door, credentials: JaegerCredentials, scope: Scope, window: Window) -> Iterator[Observation]:
    """Yield edges and how calls went, and gaps.

    :raises SourceError: where Jaeger does not answer at all.
    """
    questions = Questions(source=SOURCE, door=door)
    with Server(door, credentials, vendor=VENDOR) as server:
        known = questions.ask("which services send traces", partial(api.services, server))
        if known is not None:
            yield from _asked(server, questions, credentials, scope, window, known)
    yield from questions.close()


def _asked(
    server: Server, questions: Questions, credentials: JaegerCredentials, scope: Scope, window: Window, known: list[str]
) -> Iterator[Observation]:
    names = Names.of(scope.services, known, templates(credentials.service_names))
    for service in scope.services[:1]:
        if service.name not in names.written:
            yield missing(SOURCE, service.name, known)
    # Traces through the paged service show its callers and all that it waits for.
    asked = next((names.written[one.name] for one in scope.services if one.name in names.written), "")
    drawn = questions.ask("who calls whom", partial(api.dependencies, server, window.start, window.end))
    ours = set(names.written.values())
    near = [pair for pair in drawn or () if ours.intersection(pair)][:_MOST_DEPENDENCIES]
    yield from (Dependency(names.service(caller), names.service(callee), SOURCE) for caller, callee in near)
    if not asked:
        return
    width = max(SHORTEST, (window.end - window.start) / PARTS)
    starts = [window.start + width * number for number in range(PARTS) if window.start + width * number < window.end]

    def some(start: float) -> list[Span] | None:
        ask = partial(api.traces, server, asked, start, min(start + width, window.end), limit=TRACES)
        return questions.ask(f"traces of {asked}", ask)

    with ThreadPoolExecutor(max_workers=SIDE_BY_SIDE, thread_name_prefix="jaeger") as pool:
        answers = list(pool.map(some, starts))
    # A trace that began in the window may end after it, and spans of skewed clocks lie anywhere.
    spans = [one for answer in answers for one in answer or () if window.start <= one.start <= window.end]
    link = search_link(credentials, asked, window)
    yield from observed(calls(spans, names), source=SOURCE, link=link)


def search_link(credentials: JaegerCredentials, service: str, window: Window) -> str:
    """Return a link to Jaeger's search."""
    asked = {
        "service": service, "start": int(window.start * 1e6), "end": int(window.end * 1e6), "limit": 20,
    }  # fmt: skip
    return f"{credentials.external_url or credentials.url}/search?{urlencode(asked)}"


def written(server: Server, credentials: JaegerCredentials, scope: Scope, name: str) -> tuple[Names, str]:
    """Return the names of the scope's services in traces, and that of one of them.

    :raises SourceError: where Jaeger does not answer, or the service sends no traces.
    """
    known = api.services(server)
    names = Names.of(scope.services, known, templates(credentials.service_names))
    if name not in names.written:
        raise Rejected(missing(SOURCE, name, known).reason, retryable=False)
    return names, names.written[name]
