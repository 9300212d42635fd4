"""A collector of traces that keeps them in memory: OTLP over HTTP, read with OpenTelemetry's own protobuf messages."""

from __future__ import annotations

import gzip
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Span:
    """One span, with the ids as hexadecimal digits; `parent` is empty for the first of a trace."""

    name: str
    trace: str
    id: str
    parent: str
    kind: int
    attributes: dict[str, Any]
    failed: str


@dataclass
class Collector:
    """What has come in."""

    url: str = ""
    spans: list[Span] = field(default_factory=list)

    def take(self, body: bytes) -> None:
        message = ExportTraceServiceRequest.FromString(body)
        for resource in message.resource_spans:
            for scope in resource.scope_spans:
                self.spans.extend(_span(one) for one in scope.spans)

    def trace_of(self, run: str) -> list[Span]:
        """Return all spans of the trace in which a run was worked."""
        traces = {one.trace for one in self.spans if one.attributes.get("copilot.run") == run}
        return [one for one in self.spans if one.trace in traces]


def _span(one: Any) -> Span:
    return Span(
        name=one.name,
        trace=one.trace_id.hex(),
        id=one.span_id.hex(),
        parent=one.parent_span_id.hex(),
        kind=one.kind,
        attributes={each.key: getattr(each.value, each.value.WhichOneof("value")) for each in one.attributes},
        failed=one.status.message,
    )


@contextmanager
def collecting() -> Iterator[Collector]:
    """Listen on a free port of this machine."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            collector.take(body)
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
