"""Serve a recording on loopback: one HTTP server, each vendor's API below a path of its own."""

from __future__ import annotations

import json
import logging
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from copilot.replay.answers import Misses
from copilot.replay.kubernetes import KubernetesReplay
from copilot.replay.plain import PlainReplay
from copilot.replay.prometheus import PrometheusReplay
from copilot.replay.questions import KUBERNETES, PROMETHEUS

if TYPE_CHECKING:
    from copilot.replay.answers import Answer, Replay
    from copilot.replay.recording import Recording

log = logging.getLogger(__name__)

MAX_REQUEST = 1024 * 1024
HEALTH, MISSES = "/health", "/replay/misses"


class ReplayServer(ThreadingHTTPServer):
    """Serve a recording whose page fires at `anchor` (Unix seconds)."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, recording: Recording, *, port: int, anchor: float) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        shift = round(anchor - recording.alert_at)
        self.misses = Misses()
        self.replays: dict[str, Replay] = {
            vendor: PlainReplay(vendor, recording, shift=shift, misses=self.misses) for vendor in recording.vendors
        }
        self.replays[PROMETHEUS] = PrometheusReplay(recording, shift=shift, misses=self.misses)
        self.replays[KUBERNETES] = KubernetesReplay(recording, shift=shift, misses=self.misses)

    @property
    def url(self) -> str:
        """Return the server's address; a vendor's API is below it, at the vendor's name."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def answer(self, method: str, target: str, form: bytes, body: bytes) -> Answer:
        """Return the answer to a request."""
        parts = urlsplit(target)
        if parts.path == HEALTH:
            return 200, "text/plain", b"ok"
        if parts.path == MISSES:
            return 200, "application/json", json.dumps(self.misses.seen()).encode()
        vendor, _, rest = parts.path.removeprefix("/").partition("/")
        replay = self.replays.get(vendor)
        if replay is None:
            known = ", ".join(f"/{name}/" for name in sorted(self.replays))
            return 404, "text/plain; charset=utf-8", f"nothing is served here; there are: {known}\n".encode()
        parameters = [
            *parse_qsl(parts.query, keep_blank_values=True),
            *parse_qsl(form.decode(errors="replace"), keep_blank_values=True),
        ]
        return replay.answer(method, f"/{rest}", parameters, body, now=time.time())


class _Handler(BaseHTTPRequestHandler):
    server: ReplayServer
    protocol_version = "HTTP/1.1"
    # Headers and body leave in two writes: without this the second waits for the first's acknowledgement.
    disable_nagle_algorithm = True
    timeout = 60

    def _serve(self) -> None:
        try:
            length = int(self.headers.get("Content-Length") or 0)
        except ValueError:
            length = -1
        if not 0 <= length <= MAX_REQUEST:
            self._send((413 if length > 0 else 400, "text/plain", b"the body is too large or its length is wrong\n"))
            self.close_connection = True
            return
        content = self.rfile.read(length)
        is_form = self.headers.get_content_type() == "application/x-www-form-urlencoded"
        method = "GET" if self.command == "HEAD" else self.command
        self._send(self.server.answer(method, self.path, content if is_form else b"", b"" if is_form else content))

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - http.server's own names

    def _send(self, answer: Answer) -> None:
        status, content_type, body = answer
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's own name
        log.debug(format, *args)
