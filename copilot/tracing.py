"""Traces of OpenTelemetry, where an operator names a collector; a span costs nothing where none is named.

A trace follows the rows, not the messages: what begins a piece of work leaves its W3C `traceparent` in the row, and who
works the row goes on from there, so that one trace runs from the webhook to the post in Slack whatever was killed between.
Spans hold no tenant's name and no text from outside.
"""

from __future__ import annotations

import contextvars
from contextlib import contextmanager
from functools import cache, partial
from typing import TYPE_CHECKING, Any, TypeVar

from copilot.config import config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, MutableMapping

    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

Result = TypeVar("Result")
Attribute = str | int | float | bool
# Under this name a delivery's headers and a run's plan keep where their trace stands.
TRACEPARENT = "traceparent"


class Noted:
    """Take what there is to say of a span, and tell nobody: what is handed out where no collector is named."""

    def note(self, attributes: Mapping[str, Attribute]) -> None:
        """Say more of the work, once it is known."""

    def failed(self, reason: str) -> None:
        """Say that the work came to nothing, in a word of ours."""


class _Traced(Noted):
    def __init__(self, span: Span) -> None:
        self._span = span

    def note(self, attributes: Mapping[str, Attribute]) -> None:
        self._span.set_attributes(attributes)

    def failed(self, reason: str) -> None:
        from opentelemetry.trace import StatusCode

        self._span.set_status(StatusCode.ERROR, reason)


_NOBODY = Noted()


@contextmanager
def span(
    name: str, attributes: Mapping[str, Attribute] | None = None, *, parent: str = "", kind: str = "internal"
) -> Iterator[Noted]:
    """Trace a piece of work, below the `traceparent` given or else below the work that surrounds it.

    `kind` is OpenTelemetry's: server for what is asked of us, client for what we ask of others. An exception marks the span as
    failed, by its class alone: its text may come from outside.
    """
    provider = _provider()
    if provider is None:
        yield _NOBODY
        return
    from opentelemetry.propagate import extract
    from opentelemetry.trace import SpanKind

    tracer = provider.get_tracer("copilot")
    context = extract({TRACEPARENT: parent}) if parent else None
    with tracer.start_as_current_span(
        name,
        context=context,
        kind=SpanKind[kind.upper()],
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as begun:
        traced = _Traced(begun)
        try:
            yield traced
        except Exception as error:
            traced.failed(type(error).__name__)
            raise


def is_on() -> bool:
    """Return whether a collector is named."""
    return bool(config().otlp_url)


def here() -> str:
    """Return the `traceparent` of the work that is being done, empty where it is not traced."""
    if not is_on():
        return ""
    from opentelemetry.propagate import inject

    carrier: dict[str, str] = {}
    inject(carrier)
    return carrier.get(TRACEPARENT, "")


def kept(mapping: Mapping[str, Any] | None) -> str:
    """Return the `traceparent` that a row's headers or plan hold, empty where there is none."""
    value = (mapping or {}).get(TRACEPARENT, "")
    return value if isinstance(value, str) else ""


def carried(work: Callable[..., Result], *arguments: Any) -> Callable[[], Result]:
    """Return work that another thread does as part of this trace; threads know nothing of it by themselves."""
    return partial(contextvars.copy_context().run, work, *arguments)


def ids(_: object, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Write into a log line the ids of the trace that it belongs to (a processor of structlog)."""
    if (traceparent := here()) and len(parts := traceparent.split("-")) == 4:
        line["trace_id"], line["span_id"] = parts[1], parts[2]
    return line


@cache
def _provider() -> TracerProvider | None:
    """Return what sends spans to the collector, None where none is named; made once a process."""
    address = config().otlp_url
    if not address:
        return None
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    resource = Resource.create({"service.name": "sre-copilot"})
    provider = TracerProvider(resource=resource, sampler=ParentBased(TraceIdRatioBased(config().trace_share)))
    exporter = OTLPSpanExporter(endpoint=f"{address.rstrip('/')}/v1/traces", timeout=5)
    # Spans that the collector does not take in time are dropped: traces must not hold up an incident.
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=1000))
    return provider


def send() -> None:
    """Hand to the collector what waits; at the end of a process, and in tests."""
    if (provider := _provider()) is not None:
        provider.force_flush(3000)
