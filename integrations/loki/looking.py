"""Small questions to Loki in a conversation: some lines of one service, how many there were, and which templates."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from integrations.base import Look, Rejected, Seen
from integrations.loki.api import ask, count, lines, nanoseconds, number, rows, sample
from integrations.loki.gathering import SOURCE, VENDOR, containing, selectors, telling
from integrations.payload import seconds
from integrations.questions import in_scope
from integrations.server import Server
from integrations.templates import Tallies
from scoring.observations import Entity, EntityKind, Window

if TYPE_CHECKING:
    from integrations.base import Door, Scope
    from integrations.loki import LokiCredentials

MOST_MINUTES = 360
LINES = 40
LINE = 300
POINTS = 24
ServiceName = Annotated[str, Field(max_length=120, description="One of the services named in the document.")]
Minutes = Annotated[int, Field(ge=1, le=MOST_MINUTES, description="How far back from now, or the incident's end.")]
Words = Annotated[str, Field(max_length=120, description="Lines must hold this text, as it is written.")]


class Lines(BaseModel):
    """Ask for some log lines of one service."""

    model_config = ConfigDict(extra="forbid")

    service: ServiceName
    containing: Words = ""
    minutes: Minutes = 15
    lines: int = Field(default=20, ge=1, le=LINES)


class Counts(BaseModel):
    """Ask how many lines of one service there were over time."""

    model_config = ConfigDict(extra="forbid")

    service: ServiceName
    containing: Words = ""
    minutes: Minutes = 60


class Templates(BaseModel):
    """Ask which templates of one service's lines tell of trouble, against the same time before."""

    model_config = ConfigDict(extra="forbid")

    service: ServiceName
    minutes: Minutes = 30


LOOKS = (
    Look("log_lines", "Read the newest log lines of one service, at most 40, of at most six hours.", Lines),
    Look("log_counts", "Count the log lines of one service over time, all or those with a text.", Counts),
    Look("log_templates", "List the templates of one service's lines that tell of trouble, with how often they came "
         "and how often in the same time before.", Templates),
)  # fmt: skip


def look(
    door: Door, credentials: LokiCredentials, scope: Scope, window: Window, arguments: Lines | Counts | Templates
) -> Seen:
    """Return what Loki knows.

    :raises SourceError: where the service is not in scope, has no streams, or Loki does not answer.
    """
    service = in_scope(scope, arguments.service)
    end = window.end
    start = end - 60 * arguments.minutes
    asked = Window(start=start, end=end, alert_at=start)
    with Server(door, credentials, vendor=VENDOR) as server:
        selector = selectors(server, credentials, (service,), asked).get(service.name)
        if selector is None:
            raise Rejected(f"no log stream carries the name of {service.name} in this time", retryable=False)
        if isinstance(arguments, Templates):
            return _templates(server, credentials, selector, arguments, asked)
        query = containing(selector, arguments.containing)
        link = credentials.explore(SOURCE, {"expr": query}, asked)
        if isinstance(arguments, Lines):
            return _lines(server, query, arguments, asked, link)
        return _counts(server, query, asked, link)


def _lines(server: Server, query: str, asked: Lines, window: Window, link: str) -> Seen:
    found = lines(server, query, window.start, window.end, limit=asked.lines, newest=True)
    shown = tuple(
        {"at": _clock(one.at), "line": one.text[:LINE], **({"level": one.level} if one.level else {})} for one in found
    )
    return Seen(query=query, rows=shown, link=link, note="" if shown else "there are none in this time")


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
    found: list[dict[str, Any]] = []
    for one in rows(answer):
        values = one.get("values")
        for value in values if isinstance(values, list) else ():
            at = seconds(value[0]) if isinstance(value, list) and len(value) == 2 else None
            if at is not None:
                found.append({"until": _clock(at), "lines": int(number(value[1]))})
    return Seen(
        query=counted, rows=tuple(found[: POINTS + 1]), link=link, note="" if found else "there are none in this time"
    )


def _templates(server: Server, credentials: LokiCredentials, selector: str, asked: Templates, window: Window) -> Seen:
    query = telling(selector, credentials)
    entity = Entity(EntityKind.SERVICE, asked.service)
    length = window.end - window.start
    tallies = Tallies(window.start)
    during = sample(server, query, window.start, window.end)
    before = sample(server, query, window.start - length, window.start)
    tallies.sample(entity, before, during, query=query)
    shown = tuple(
        {"template": one.template, "lines": one.count_during, "same time before": one.count_before, "level": one.level}
        for one in tallies.patterns(SOURCE, {entity: (length, length)})
    )
    total = during.total if during.is_whole else count(server, query, window.start, window.end)
    note = f"{total} lines tell of trouble"
    if not (during.is_whole and before.is_whole):
        note += f"; templates are scaled from {len(during.lines) + len(before.lines)} lines that were read"
    return Seen(query=query, rows=shown, link=credentials.explore(SOURCE, {"expr": query}, window), note=note)


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S")
