"""Serve a recording on loopback: one HTTP server, each vendor's API below a path of its own."""

from __future__ import annotations

import json
import logging
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qsl, urlsplit

from copilot.replay.kubernetes import KubernetesReplay
from copilot.replay.prometheus import PrometheusReplay
from copilot.replay.questions import KUBERNETES, PROMETHEUS, question_of
from copilot.replay.times import moved

if TYPE_CHECKING:
    from copilot.replay.questions import Parameters
    from copilot.replay.recording import Recording

log = logging.getLogger(__name__)

Answer = tuple[int, str, bytes]
MAX_REQUEST = 1024 * 1024
HEALTH, MISSES = "/health", "/replay/misses"


class Misses:
    """Remember questions that the recording has no answer to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[str, int] = {}

    def note(self, vendor: str, path: str, question: str) -> None:
        """Count one question without an answer."""
        text = f"{vendor} {path}{f'?{question}' if question else ''}"
        with self._lock:
            self._seen[text] = self._seen.get(text, 0) + 1
        log.info("not in the recording: %s", text)

    def seen(self) -> dict[str, int]:
        """Return the questions and how often each was asked."""
        with self._lock:
            return dict(self._seen)


class Replay(Protocol):
    """Be one vendor's API over a recording."""

    def answer(self, method: str, path: str, parameters: Parameters, body: bytes, *, now: float) -> Answer:
        """Return status, content type and body; `now` is Unix seconds."""


class PlainReplay:
    """Answer just what was recorded of any other vendor's REST API, its times moved."""

    def __init__(self, vendor: str, recording: Recording, *, shift: int, misses: Misses) -> None:
        self.vendor = vendor
        self.recording = recording
        self.shift = shift
        self.misses = misses

    def answer(self, method: str, path: str, parameters: Parameters, body: bytes, *, now: float) -> Answer:
        """Return status, content type and body."""
        del now
        question = question_of(self.vendor, parameters, body)
        found = self.recording.find(self.vendor, method, path, question)
        if found is None:
            self.misses.note(self.vendor, f"{method} {path}", question)
            return 404, "application/json", b'{"message":"Not Found","error":{"code":2100,"message":"Not Found"}}'
        text = found.body if isinstance(found.body, str) else json.dumps(found.body)
        return found.status, found.content_type, moved(text, self.shift).encode()


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
