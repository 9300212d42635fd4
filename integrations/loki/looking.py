"""Small questions to Loki in a conversation: some lines of one service, how many there were, and which templates."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

from integrations.base import Rejected, Seen
from integrations.log_questions import (
    POINTS,
    Counts,
    Lines,
    Templates,
    counts_seen,
    lines_seen,
    templates_seen,
)
from integrations.loki.api import ask, lines, nanoseconds, number, rows, sample
from integrations.loki.gathering import SOURCE, VENDOR, containing, selectors, telling
from integrations.payload import seconds
from integrations.questions import in_scope
from integrations.server import Server
from scoring.observations import Window

if TYPE_CHECKING:
    from integrations.base import Door, Scope
    from integrations.loki import LokiCredentials


def look(
    door: Door, credentials: LokiCredentials, scope: Scope, window: Window, arguments: Lines | Counts | Templates
) -> Seen:
    """Return what Loki knows.

    :raises SourceError: where the service is not in scope, has no streams, or Loki does not answer.
    """
    service = in_scope(scope, arguments.service)
    start = window.end - 60 * arguments.minutes
    asked = Window(start=start, end=window.end, alert_at=start)
    with Server(door, credentials, vendor=VENDOR) as server:
        selector = selectors(server, credentials, (service,), asked).get(service.name)
        if selector is None:
            raise Rejected(f"no log stream carries the name of {service.name} in this time", retryable=False)
        if isinstance(arguments, Templates):
            query = telling(selector, credentials)
            link = credentials.explore(SOURCE, {"expr": query}, asked)
            return templates_seen(arguments, asked, partial(sample, server, query), query=query, link=link)
        query = containing(selector, arguments.containing)
        link = credentials.explore(SOURCE, {"expr": query}, asked)
        if isinstance(arguments, Lines):
            found = lines(server, query, asked.start, asked.end, limit=arguments.lines, newest=True)
            return lines_seen(found, query=query, link=link)
        return _counts(server, query, asked, link)


def _counts(server: Server, query: str, window: Window, link: str) -> Seen:
    step = max(15, math.ceil((window.end - window.start) / POINTS))
    counted = f"sum(count_over_time({query} [{step}s]))"
    answer = ask(
        server,
        "query_range",
        ("query", counted),
        ("start", nanoseconds(window.start + step)),
        ("end", nanoseconds(window.end)),
        ("step", f"{step}s"),
    )
    found: list[tuple[float, int]] = []
    for one in rows(answer):
        values = one.get("values")
        for value in values if isinstance(values, list) else ():
            at = seconds(value[0]) if isinstance(value, list) and len(value) == 2 else None
            if at is not None:
                found.append((at, int(number(value[1]))))
    return counts_seen(found, query=counted, link=link)
