"""One gathering from Loki: whose streams are whose, and their telling lines before and since the onset."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from integrations.log_questions import MAX_SERVICES, compared
from integrations.loki import streams
from integrations.loki.api import sample
from integrations.matchers import quoted
from integrations.questions import Questions
from integrations.server import SIDE_BY_SIDE, Server
from integrations.templates import TROUBLE
from scoring.observations import Gap

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from integrations.base import Door, Scope, ServiceScope
    from integrations.loki import LokiCredentials
    from scoring.observations import LogPattern, Observation, Window

SOURCE = "loki"
VENDOR = "Loki"
_LEVELS = "(?i)(warn|err|fatal|crit|panic|alert|emerg).*"


def telling(selector: str, credentials: LokiCredentials) -> str:
    """Return the query for the lines of a selector's streams that tell of trouble."""
    if credentials.level_label:
        return f'{selector} | {credentials.level_label}=~"{_LEVELS}"'
    return f'{selector} |~ "(?i)({quoted(TROUBLE)}|warn)"'


def containing(selector: str, words: str) -> str:
    """Return the query for the lines of a selector's streams that hold the words, as they are written."""
    return f'{selector} |= "{quoted(words)}"' if words else selector


def selectors(
    server: Server, credentials: LokiCredentials, services: tuple[ServiceScope, ...], window: Window
) -> dict[str, str]:
    """Return the stream selectors of services by name; one without streams is absent.

    :raises SourceError: where Loki does not answer.
    """
    if credentials.selector:
        return {service.name: streams.written(credentials.selector, service) for service in services}
    return streams.known(server, services, window)


def gathered(door: Door, credentials: LokiCredentials, scope: Scope, window: Window) -> Iterator[Observation]:
    """Yield the templates of the services' telling lines, and gaps.

    :raises SourceError: where Loki does not answer at all.
    """
    questions = Questions(source=SOURCE, door=door)
    services = scope.services[:MAX_SERVICES]
    for left_out in scope.services[MAX_SERVICES:]:
        yield Gap(SOURCE, f"logs of {left_out.name}", f"asked about the first {MAX_SERVICES} services only")
    with Server(door, credentials, vendor=VENDOR) as server:
        known = questions.ask(
            "which streams are the services'", partial(selectors, server, credentials, services, window)
        )
        if known is not None:
            for service in services:
                if service.name not in known:
                    reason = "no stream carries its name in the labels that are known; enter a selector"
                    yield Gap(SOURCE, f"logs of {service.name}", reason)
            named = [service for service in services if service.name in known]
            with ThreadPoolExecutor(max_workers=SIDE_BY_SIDE, thread_name_prefix="loki") as pool:
                for found in pool.map(lambda one: _service(server, credentials, questions, one, known, window), named):
                    yield from found
    yield from questions.close()


def _service(
    server: Server, credentials: LokiCredentials, questions: Questions, service: ServiceScope, known: Mapping[str, str],
    window: Window,
) -> list[LogPattern | Gap]:  # fmt: skip
    query = telling(known[service.name], credentials)
    link = credentials.explore(SOURCE, {"expr": query}, window)
    return compared(questions, service.name, window, partial(sample, server, query), query=query, link=link)
