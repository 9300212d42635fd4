"""Small questions in a conversation: some lines of one service, how many there were, and which templates."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

from integrations.base import Rejected, Seen
from integrations.elasticsearch import fields
from integrations.elasticsearch.api import Searches
from integrations.elasticsearch.gathering import TELLING, VENDOR, unusable
from integrations.log_questions import POINTS, Counts, Lines, Templates, counts_seen, lines_seen, templates_seen
from integrations.questions import in_scope
from integrations.server import Server
from scoring.observations import Window

if TYPE_CHECKING:
    from integrations.base import Door, Scope
    from integrations.elasticsearch import ElasticsearchCredentials


def look(
    door: Door,
    credentials: ElasticsearchCredentials,
    scope: Scope,
    window: Window,
    arguments: Lines | Counts | Templates,
) -> Seen:
    """Return what the server knows.

    :raises SourceError: where the service is not in scope, its fields are not known, or the server does not answer.
    """
    service = in_scope(scope, arguments.service)
    start = window.end - 60 * arguments.minutes
    asked = Window(start=start, end=window.end, alert_at=start)
    with Server(door, credentials, vendor=VENDOR) as server:
        known = fields.found(server, credentials)
        if why := unusable(known, credentials):
            raise Rejected(why, retryable=False)
        searches = Searches(server, credentials, known)
        own, words = known.of(service), known.words_of(service)
        link = credentials.discover(words, asked)
        if isinstance(arguments, Templates):
            sampling = partial(searches.sample, searches.telling(own))
            query = f"{credentials.index}: {words} {TELLING}"
            return templates_seen(arguments, asked, sampling, query=query, link=link)
        selected = searches.containing(own, arguments.containing)
        part = f" and “{arguments.containing}”" if arguments.containing else ""
        query = f"{credentials.index}: {words}{part}"
        if isinstance(arguments, Lines):
            found, _ = searches.lines(selected, start, window.end, limit=arguments.lines, newest=True)
            return lines_seen(found, query=query, link=link)
        step = max(15, math.ceil((window.end - start) / POINTS))
        return counts_seen(searches.counts(selected, start, window.end, step), query=query, link=link)
