"""The agent's health, for Kubernetes and for people: /live, /ready and /metrics on a port of their own."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

if TYPE_CHECKING:
    from copilot.agent.loop import Agent

# Longer than the longest poll and the longest pause after a refusal together.
STUCK_SECONDS = 150.0
UNHEARD_SECONDS = 90.0


def answer_of(agent: Agent, path: str) -> tuple[int, str, bytes]:
    """Return status, content type and body for a path."""
    now, standing = time.monotonic(), agent.standing
    if path == "/metrics":
        return 200, CONTENT_TYPE_LATEST, generate_latest()
    if path == "/live":
        is_well = now - standing.turned_at < STUCK_SECONDS
    elif path == "/ready":
        is_well = standing.state == "connected" and now - standing.answered_at < UNHEARD_SECONDS
    else:
        return 404, "application/json", b'{"detail": "there is /live, /ready and /metrics"}'
    said = {
        "state": standing.state,
        "detail": standing.detail,
        "working": agent.working,
        "sources": [one.model_dump() for one in agent.sources],
    }
    return 200 if is_well else 503, "application/json", json.dumps(said).encode()


def serve(agent: Agent, port: int, *, host: str = "") -> ThreadingHTTPServer:
    """Answer on a port in a thread of this process.

    :raises OSError: where the port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        """Answer GET, and log nothing: probes come every few seconds."""

        timeout = 5

        def do_GET(self) -> None:
            """Answer."""
            status, kind, body = answer_of(agent, self.path.partition("?")[0])
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer((host, port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    return server
