"""One gathering from Elasticsearch or OpenSearch: which fields there are, and each service's telling lines."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from integrations.elasticsearch import fields
from integrations.elasticsearch.api import Searches
from integrations.log_questions import MAX_SERVICES, compared
from integrations.questions import Questions
from integrations.server import SIDE_BY_SIDE, Server
from scoring.observations import Gap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integrations.base import Door, Scope, ServiceScope
    from integrations.elasticsearch import ElasticsearchCredentials
    from integrations.elasticsearch.fields import Fields
    from scoring.observations import LogPattern, Observation, Window

SOURCE = "elasticsearch"
VENDOR = "Elasticsearch"
TELLING = "and what tells of trouble"


def gathered(door: Door, credentials: ElasticsearchCredentials, scope: Scope, window: Window) -> Iterator[Observation]:
    """Yield the templates of the services' telling lines, and gaps.

    :raises SourceError: where the server does not answer at all.
    """
    questions = Questions(source=SOURCE, door=door)
    services = scope.services[:MAX_SERVICES]
    for left_out in scope.services[MAX_SERVICES:]:
        yield Gap(SOURCE, f"logs of {left_out.name}", f"asked about the first {MAX_SERVICES} services only")
    with Server(door, credentials, vendor=VENDOR) as server:
        known = questions.ask(f"the fields of {credentials.index}", partial(fields.found, server, credentials))
        if known is not None and (why := unusable(known, credentials)):
            yield Gap(SOURCE, f"logs in {credentials.index}", why)
        elif known is not None:
            searches = Searches(server, credentials, known)
            with ThreadPoolExecutor(max_workers=SIDE_BY_SIDE, thread_name_prefix="elasticsearch") as pool:
                for found in pool.map(lambda one: _service(searches, questions, one, window), services):
                    yield from found
    yield from questions.close()


def unusable(known: Fields, credentials: ElasticsearchCredentials) -> str:
    """Return why these fields are not enough to tell services' lines, or an empty text."""
    if not known.indices:
        return f"no index matches {credentials.index}: enter the one that holds logs"
    if not known.services:
        return "no field that is known names a service: enter service_field"
    return "" if known.messages else "no field that is known holds the message: enter message_field"


def _service(searches: Searches, questions: Questions, service: ServiceScope, window: Window) -> list[LogPattern | Gap]:
    credentials, words = searches.credentials, searches.fields.words_of(service)
    asked = searches.telling(searches.fields.of(service))
    return compared(
        questions, service.name, window, partial(searches.sample, asked), query=f"{credentials.index}: {words} {TELLING}",
        link=credentials.discover(words, window),
    )  # fmt: skip
