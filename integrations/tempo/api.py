"""Tempo's HTTP API: names of services, TraceQL metrics, searches and whole traces (https://grafana.com/docs/tempo/latest/api_docs/)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from integrations.base import Rejected, SourceError
from integrations.payload import part, parts, text
from integrations.tracing.spans import Call, Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from integrations.server import Server
    from integrations.tempo.queries import Selection

_LONGEST_NAME = 200
_SYSTEMS = ("db.system.name", "db.system", "messaging.system")
_HOSTS = ("server.address", "net.peer.name", "http.host")
# How Tempo says that it cannot count: the metrics generator, or its local blocks, are not there.
_UNCOUNTED = ("localblocks", "local-blocks", "local blocks", "generator", "not found", "empty ring")


class Uncounted(SourceError):
    """Say that this Tempo answers no metrics queries."""


def services(server: Server, start: float, end: float) -> list[str]:
    """Return which services sent spans in a time (Unix seconds).

    :raises SourceError: where Tempo does not answer.
    """
    return _services(server, ("start", str(int(start))), ("end", str(math.ceil(end))))


def recent_services(server: Server) -> list[str]:
    """Return which services sent spans lately, as far back as Tempo looks by itself.

    :raises SourceError: where Tempo does not answer.
    """
    return _services(server)


def _services(server: Server, *parameters: tuple[str, str]) -> list[str]:
    path = "/api/v2/search/tag/resource.service.name/values"
    answer = server.get(path, parameters)
    if not isinstance(answer.get("tagValues", []), list) or not ({"tagValues", "metrics"} & set(answer)):
        raise Rejected(f"{path} was answered in an unknown shape; is this address a Tempo?", retryable=False)
    return sorted({name for one in parts(answer, "tagValues") if (name := text(one, "value"))})


def series(
    server: Server, query: str, start: float, end: float, step: int
) -> list[tuple[dict[str, str], dict[float, float]]]:
    """Return labels and values by time (Unix seconds) of a metrics query.

    :raises Uncounted: where this Tempo has no metrics.
    :raises SourceError: where it does not answer.
    """
    path = "/api/metrics/query_range"
    asked = (("q", query), ("start", str(int(start))), ("end", str(math.ceil(end))), ("step", f"{step}s"))
    try:
        answer = server.get(path, asked)
    except SourceError as error:
        if any(word in error.reason.lower() for word in _UNCOUNTED):
            raise Uncounted(error.reason, retryable=False) from error
        raise
    found = []
    for one in parts(answer, "series"):
        values = {}
        for sample in parts(one, "samples"):
            at, value = _number(sample.get("timestampMs")), _number(sample.get("value", 0.0))
            if at is not None and value is not None:
                values[at / 1000] = value
        found.append((_attributes(one, "labels"), values))
    return found


def calls(
    server: Server, selection: Selection, start: float, end: float, *, limit: int
) -> list[tuple[dict[str, str], Call]]:
    """Return some of the calls of a selection that began in a time, with what tells whom they call.

    :raises SourceError: where Tempo does not answer.
    """
    found = []
    for _, one in _searched(server, selection.listed, start, end, limit=limit, spans=20):
        at, length = _number(one.get("startTimeUnixNano")), _number(one.get("durationNanos"))
        if at is None or length is None or not start <= at / 1e9 <= end:
            continue
        told = _attributes(one, "attributes")
        found.append((told, Call(at / 1e9, max(0.0, length / 1e9), told.get("status") == "error")))
    return found


def slow_traces(server: Server, query: str, start: float, end: float, *, limit: int) -> list[Span]:
    """Return the spans of some traces that a query finds.

    :raises SourceError: where Tempo does not answer.
    """
    ids = dict.fromkeys(trace for trace, _ in _searched(server, query, start, end, limit=limit, spans=1))
    # What Tempo gave as an id becomes a part of a path.
    return [span for trace in list(ids)[:limit] if trace.isalnum() for span in _trace(server, trace)]


def _searched(
    server: Server, query: str, start: float, end: float, *, limit: int, spans: int
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the matched spans of a search, each with its trace's id."""
    asked = (
        ("q", query), ("start", str(int(start))), ("end", str(math.ceil(end))), ("limit", str(limit)), ("spss", str(spans)),
    )  # fmt: skip
    answer = server.get("/api/search", asked)
    for trace in parts(answer, "traces")[:limit]:
        # Older ones give one set of spans, and newer ones that and a list of all sets.
        sets = parts(trace, "spanSets") or [part(trace, "spanSet")]
        for spanset in sets:
            for span in parts(spanset, "spans"):
                yield text(trace, "traceID"), span


def _trace(server: Server, trace: str) -> Iterator[Span]:
    answer = server.get(f"/api/traces/{trace}")
    for batch in parts(answer, "batches") or parts(answer, "resourceSpans"):
        service = _attributes(part(batch, "resource"), "attributes").get("service.name", "")
        for scope in parts(batch, "scopeSpans"):
            for one in parts(scope, "spans"):
                start, end = _number(one.get("startTimeUnixNano")), _number(one.get("endTimeUnixNano"))
                if not service or start is None or end is None:
                    continue
                told = _attributes(one, "attributes")
                yield Span(
                    trace=trace, id=text(one, "spanId"), parent=text(one, "parentSpanId"), service=service[:_LONGEST_NAME],
                    operation=text(one, "name")[:_LONGEST_NAME], kind=text(one, "kind").lower().removeprefix("span_kind_"),
                    start=start / 1e9, seconds=max(0.0, (end - start) / 1e9),
                    failed=text(part(one, "status"), "code") in {"STATUS_CODE_ERROR", "2"},
                    peer=told.get("peer.service", ""), host=text(told, *_HOSTS), system=text(told, *_SYSTEMS),
                )  # fmt: skip


def _attributes(holder: Mapping[str, Any], name: str) -> dict[str, str]:
    """Return OpenTelemetry's key value pairs; what is absent is not in it, nor what Tempo calls nil."""
    found = {}
    for one in parts(holder, name):
        key, value = text(one, "key"), text(part(one, "value"), "stringValue", "intValue", "doubleValue")
        if key and value not in {"", "nil", "<nil>"}:
            found[key] = value
    return found


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) and 0 <= number < 1e19 else None
