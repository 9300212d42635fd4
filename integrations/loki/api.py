"""Loki's HTTP API: times, and the lines and numbers in its answers (https://grafana.com/docs/loki/latest/reference/loki-http-api/)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from integrations.base import Rejected, TooLarge
from integrations.payload import clean, part, parts, text
from integrations.templates import Line, Sample

if TYPE_CHECKING:
    from collections.abc import Mapping

    from integrations.server import Server

# Lines of one answer; those of an answer that was too large are asked for again, fewer of them.
MOST_LINES = 500
FEWER_LINES = 60
# Where a stream or a line's structured metadata tells its level.
_LEVELS = ("detected_level", "level", "severity_text", "severity")
_NANO = 1_000_000_000


def nanoseconds(moment: float) -> str:
    """Return Unix seconds as Loki wants them."""
    return str(int(moment * 1000) * 1_000_000)


def ask(
    server: Server, path: str, *parameters: tuple[str, str], form: Mapping[str, str | list[str]] | None = None
) -> Any:
    """Return what Loki answers, without the envelope around it.

    :raises SourceError: where it does not answer, or something else does.
    """
    path = f"/loki/api/v1/{path}"
    answer = server.get(path, parameters) if form is None else server.post(path, form=form)
    if answer.get("status") != "success":
        raise Rejected(f"{path} was answered in an unknown shape; is this address a Loki?", retryable=False)
    return answer.get("data")


def rows(data: object) -> list[Mapping[str, Any]]:
    """Return the streams or series of an answer."""
    return parts(data, "result")


def lines(server: Server, query: str, start: float, end: float, *, limit: int, newest: bool = False) -> list[Line]:
    """Return the oldest lines of a time from `start` to before `end` in order of time, or the `newest`.

    :raises SourceError: where Loki does not answer, or not with lines.
    """
    answer = ask(
        server,
        "query_range",
        ("query", query),
        ("start", nanoseconds(start)),
        ("end", nanoseconds(end)),
        ("limit", str(limit)),
        ("direction", "backward" if newest else "forward"),
    )
    found = []
    for stream in rows(answer):
        level = text(part(stream, "stream"), *_LEVELS)
        values = stream.get("values")
        for value in values if isinstance(values, list) else ():
            at = _moment(value)
            if at is not None and start <= at < end:
                found.append(Line(at, clean(str(value[1])), level))
    found.sort(key=lambda one: (one.at, one.text))
    return found[-limit:] if newest else found[:limit]


def sample(server: Server, query: str, start: float, end: float) -> Sample:
    """Return the lines of a time: all of them, or the first and the last of them with the number of all.

    :raises SourceError: where Loki does not answer.
    """
    if end <= start:
        return Sample()
    limit = MOST_LINES
    try:
        first = lines(server, query, start, end, limit=limit)
    except TooLarge:
        limit = FEWER_LINES
        first = lines(server, query, start, end, limit=limit)
    if len(first) < limit:
        return Sample(tuple(first), len(first))
    last = [one for one in lines(server, query, start, end, limit=limit, newest=True) if one.at > first[-1].at]
    return Sample((*first, *last), total=max(len(first) + len(last), count(server, query, start, end)))


def count(server: Server, query: str, start: float, end: float) -> int:
    """Return how many lines there were in a time.

    :raises SourceError: where Loki does not answer.
    """
    length = max(1, round((end - start) * 1000))
    duration = f"{length // 1000}s" if length % 1000 == 0 else f"{length}ms"
    query = f"sum(count_over_time({query} [{duration}]))"
    # A range ends with its last moment and begins after its first; lines are asked for the other way round.
    answer = ask(server, "query", ("query", query), ("time", nanoseconds(end - 0.001)))
    values = [one.get("value") for one in rows(answer)]
    return sum(int(number(value[1])) for value in values if isinstance(value, list) and len(value) == 2)


def number(value: object) -> float:
    """Return a sample's value, 0 where it is no finite number."""
    try:
        found = float(value) if isinstance(value, str | int | float) else 0.0
    except ValueError:
        return 0.0
    return found if math.isfinite(found) and abs(found) < 1e15 else 0.0


def _moment(value: object) -> float | None:
    """Return when an entry was written, in Unix seconds: entries are a text of nanoseconds, a line, and perhaps metadata."""
    if not (isinstance(value, list) and len(value) >= 2 and isinstance(value[0], str)):
        return None
    stamp = value[0]
    return int(stamp) / _NANO if stamp.isascii() and stamp.isdigit() and len(stamp) <= 20 else None
