"""Jaeger's HTTP API, that of its user interface: services, traces, dependencies (https://www.jaegertracing.io/docs/latest/architecture/apis/)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from integrations.base import Rejected, TooLarge
from integrations.payload import part, parts, text
from integrations.tracing.spans import Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from integrations.server import Server

# Traces of one answer; those of an answer that was too large are asked for again, fewer of them.
FEWER_TRACES = 4
_SYSTEMS = ("db.system.name", "db.system", "messaging.system")
_HOSTS = ("server.address", "net.peer.name", "http.host", "peer.hostname", "peer.address")
_LONGEST_NAME = 200


def ask(server: Server, path: str, *parameters: tuple[str, str]) -> list[Any]:
    """Return the list that Jaeger answers with, without the envelope around it.

    :raises SourceError: where it does not answer, or something else does.
    """
    answer = server.get(f"/api/{path}", parameters)
    data = answer.get("data")
    if data is None and "data" in answer:
        return []
    if not isinstance(data, list):
        raise Rejected(
            f"/api/{path} was answered in an unknown shape; is this address a Jaeger query service?", retryable=False
        )
    return data


def services(server: Server) -> list[str]:
    """Return which services send spans.

    :raises SourceError: where Jaeger does not answer.
    """
    return sorted(one for one in ask(server, "services") if isinstance(one, str))


def traces(
    server: Server, service: str, start: float, end: float, *, limit: int, least_milliseconds: int = 0
) -> list[Span]:
    """Return the spans of traces of a service that began in a time (Unix seconds), at most so many traces.

    :raises SourceError: where Jaeger does not answer.
    """
    longer = (("minDuration", f"{least_milliseconds}ms"),) if least_milliseconds else ()

    def some(most: int) -> list[Span]:
        found = ask(
            server, "traces", ("service", service), ("start", str(int(start * 1e6))), ("end", str(int(end * 1e6))),
            ("limit", str(most)), *longer,
        )  # fmt: skip
        return [span for trace in found[:most] if isinstance(trace, dict) for span in _spans(trace)]

    try:
        return some(limit)
    except TooLarge:
        return some(min(limit, FEWER_TRACES))


def dependencies(server: Server, start: float, end: float) -> list[tuple[str, str]]:
    """Return pairs of caller and callee, as Jaeger counted them in a time.

    :raises SourceError: where Jaeger does not answer.
    """
    lookback = str(int((end - start) * 1000))
    found = ask(server, "dependencies", ("endTs", str(int(end * 1000))), ("lookback", lookback))
    pairs = {(text(one, "parent"), text(one, "child")) for one in found}
    return sorted((parent, child) for parent, child in pairs if parent and child and parent != child)


def _spans(trace: Mapping[str, Any]) -> Iterator[Span]:
    processes = part(trace, "processes")
    for one in parts(trace, "spans"):
        service = text(part(processes, text(one, "processID")), "serviceName")
        start, length = _microseconds(one, "startTime"), _microseconds(one, "duration")
        if not service or start is None or length is None:
            continue
        tags = {key: tag.get("value") for tag in parts(one, "tags") if (key := text(tag, "key"))}
        yield Span(
            trace=text(one, "traceID") or text(trace, "traceID"), id=text(one, "spanID"), parent=_parent(one),
            service=service[:_LONGEST_NAME], operation=text(one, "operationName")[:_LONGEST_NAME],
            kind=text(tags, "span.kind").lower(), start=start, seconds=length,
            failed=str(tags.get("error")).lower() == "true" or text(tags, "otel.status_code").upper() == "ERROR",
            peer=text(tags, "peer.service")[:_LONGEST_NAME], host=text(tags, *_HOSTS)[:_LONGEST_NAME],
            system=text(tags, *_SYSTEMS)[:_LONGEST_NAME],
        )  # fmt: skip


def _parent(span: Mapping[str, Any]) -> str:
    """Return the id of the span that this one belongs to; what it merely follows comes second."""
    references = parts(span, "references")
    ordered = sorted(references, key=lambda one: text(one, "refType") != "CHILD_OF")
    return next((found for one in ordered if (found := text(one, "spanID"))), "")


def _microseconds(span: Mapping[str, Any], name: str) -> float | None:
    """Return a time or length in seconds, None where it is none."""
    value = span.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e17:
        return None
    return float(value) / 1e6
