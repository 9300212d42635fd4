"""Record an incident: run the real integrations' gather through a proxy that keeps every question with its answer."""

from __future__ import annotations

import json
import re
import secrets
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx

from copilot.guard.http import HttpDoor
from copilot.guard.redact import Redactor
from copilot.replay import matrix, promql
from copilot.replay.prometheus import NAMES
from copilot.replay.questions import KUBERNETES, PROMETHEUS, asked_of_prometheus, question_of
from copilot.replay.recording import Exchange, Recording
from copilot.replay.times import unix
from integrations import registry
from scoring.observations import Gap, Window

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Mapping

    from copilot.replay.world import World

LOOK_BACK_SECONDS = 3600.0
# How long after the page is recorded: a replay may be looked at again for as long, and time goes on in it.
AFTER_SECONDS = 1800.0
DEADLINE_SECONDS = 300.0
MAX_BYTES = 64 * 1024 * 1024
_SECONDS_PER_REQUEST = 60.0
# Where each vendor's address is entered, and how a recording's place is told there.
ADDRESS_FIELDS = {PROMETHEUS: "url", KUBERNETES: "url", "pagerduty": "base_url", "github": "base_url"}
_KEPT_HEADERS = frozenset({"authorization", "accept", "content-type", "from"})
_LOOPBACK = ip_network("127.0.0.0/8")


@dataclass(frozen=True, slots=True, repr=False)
class Source:
    """Hold a vendor's API to record: its credentials as `copilot connect` takes them, and a TLS context of its own."""

    kind: str
    values: Mapping[str, Any]
    verify: ssl.SSLContext | bool = True

    @property
    def address(self) -> str:
        """Return where the vendor's API is."""
        return str(self.values[ADDRESS_FIELDS[self.kind]]).rstrip("/")


def record(world: World, *, alert_at: float, sources: list[Source], say: Callable[[str], None]) -> Recording:
    """Return what the sources answer to today's integrations around a page at `alert_at` (Unix seconds).

    Secrets in answers are masked as they are before evidence is stored; request headers are never kept. Kubernetes'
    `managedFields` are left out, numbers of Prometheus keep five digits.

    :raises ValidationError: where a source's values are wrong.
    :raises SourceError: where a source gives no answer at all.
    """
    for source in sources:
        # With the real address: what is asked below is the proxy's.
        registry.get(source.kind).Credentials.model_validate(dict(source.values))
    recording = Recording(alert_at=alert_at, world=world.model_dump(mode="json"))
    window = Window(start=alert_at - LOOK_BACK_SECONDS, end=alert_at + AFTER_SECONDS, alert_at=alert_at)
    for source in sources:
        integration = registry.get(source.kind)
        with _proxy(source, recording) as proxy:
            values = {**source.values, ADDRESS_FIELDS[source.kind]: proxy.url}
            credentials = integration.Credentials.model_validate(values)
            health = integration.check(_door(), credentials)
            say(f"{integration.title}: {health.detail}")
            seen = list(integration.gather(_door(), credentials, world.scope, window))
            gaps = [one for one in seen if isinstance(one, Gap)]
            if source.kind == PROMETHEUS:
                proxy.keep_all_names(window)
        count = sum(1 for exchange in recording.exchanges.values() if exchange.vendor == source.kind)
        say(f"{integration.title}: {len(seen) - len(gaps)} observations from {count} questions")
        for gap in gaps:
            say(f"{integration.title}: missing: {gap.question}: {gap.reason}")
    return recording


def _door() -> HttpDoor:
    return HttpDoor(deadline_seconds=DEADLINE_SECONDS, max_bytes=MAX_BYTES, allowed_private=(_LOOPBACK,))


class Proxy(ThreadingHTTPServer):
    """Pass requests on to one vendor's API, and keep questions and answers."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, source: Source, recording: Recording) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.source = source
        self.recording = recording
        self.redactor = Redactor(secrets.token_bytes(32))
        self._lock = threading.Lock()
        self._client = httpx.Client(
            base_url=source.address, verify=source.verify, timeout=_SECONDS_PER_REQUEST, trust_env=False
        )

    @property
    def url(self) -> str:
        """Return the proxy's address."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def server_close(self) -> None:
        """Close the listening socket and the client."""
        super().server_close()
        self._client.close()

    def forward(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> httpx.Response:
        """Ask the vendor, keep the exchange, and return the answer."""
        is_form = "form-urlencoded" in headers.get("content-type", "")
        path = urlsplit(target).path
        parameters = parse_qsl(urlsplit(target).query, keep_blank_values=True)
        if is_form:
            parameters += parse_qsl(body.decode(errors="replace"), keep_blank_values=True)
        if self.source.kind == PROMETHEUS and path == "/api/v1/query" and not dict(parameters).get("time"):
            # What is asked of now is asked of the page's time: then it is what the replay will be asked.
            target = f"{path}?{urlencode([*parameters, ('time', str(self.recording.alert_at))])}"
            method, body, headers = "GET", b"", {key: word for key, word in headers.items() if key == "authorization"}
        answer = self._client.request(method, target, headers=dict(headers), content=body)
        if self.source.kind == PROMETHEUS:
            self._keep_prometheus(path, parameters, answer, headers)
        else:
            self._keep(method, path, parameters, b"" if is_form else body, answer)
        return answer

    def keep_all_names(self, window: Window) -> None:
        """Keep which metrics there are, so that a replay can also answer for a pack that asks for others."""
        answer = self._client.get(NAMES, params={"start": window.start, "end": window.end})
        self._keep_prometheus(NAMES, [], answer, {})

    def _keep_prometheus(
        self, path: str, parameters: list[tuple[str, str]], answer: httpx.Response, headers: Mapping[str, str]
    ) -> None:
        given = dict(parameters)
        query = given.get("query", "")
        if path == "/api/v1/query_range" and query and answer.status_code == 200:
            parts = promql.parts(query)
            for part in parts:
                # Each part is asked by itself: how an integration puts questions together may change.
                alone = answer if len(parts) == 1 and not part.label else self._again(path, given, part.query, headers)
                body = alone.json()
                rows = body["data"]["result"]
                data = matrix.packed(rows, start=unix(given["start"]), step=float(given["step"]))
                self._add(
                    PROMETHEUS, "GET", path, asked_of_prometheus(part.query), 200, "application/json", {"data": data}
                )
            return
        self._keep("GET", path, parameters, b"", answer)

    def _again(self, path: str, given: dict[str, str], query: str, headers: Mapping[str, str]) -> httpx.Response:
        kept = {name: value for name, value in headers.items() if name == "authorization"}
        return self._client.get(path, params={**given, "query": query}, headers=kept).raise_for_status()

    def _keep(
        self, method: str, path: str, parameters: list[tuple[str, str]], body: bytes, answer: httpx.Response
    ) -> None:
        kind = answer.headers.get("content-type", "text/plain")
        question = question_of(self.source.kind, parameters, body)
        content: Any = answer.text
        if "json" in kind:
            content = answer.json()
            if self.source.kind == KUBERNETES:
                content = _without_noise(content)
                if dict(parameters).get("continue"):
                    content = self._joined(method, path, question, content)
        self._add(self.source.kind, method, path, question, answer.status_code, kind, self.redactor.data(content))

    def _joined(self, method: str, path: str, question: str, page: dict[str, Any]) -> dict[str, Any]:
        """Return a list with another page of it: a replay gives the whole at once."""
        before = self.recording.find(self.source.kind, method, path, question)
        items = before.body.get("items", []) if before else []
        return {**page, "items": [*items, *page.get("items", [])]}

    def _add(self, vendor: str, method: str, path: str, question: str, status: int, kind: str, body: Any) -> None:
        with self._lock:
            self.recording.add(Exchange(vendor, method, path, question, status, kind, body))


def _without_noise(content: Any) -> Any:
    """Take out what only servers read: who set which field, and where a list goes on."""
    if isinstance(content, dict):
        dropped = {"managedFields", "continue", "remainingItemCount"}
        return {key: _without_noise(value) for key, value in content.items() if key not in dropped}
    return [_without_noise(one) for one in content] if isinstance(content, list) else content


@contextmanager
def _proxy(source: Source, recording: Recording) -> Iterator[Proxy]:
    proxy = Proxy(source, recording)
    thread = threading.Thread(target=proxy.serve_forever, args=(0.05,), name="recording-proxy", daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        proxy.server_close()
        thread.join(timeout=5)


class _Handler(BaseHTTPRequestHandler):
    server: Proxy
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items() if name.lower() in _KEPT_HEADERS}
        try:
            answer = self.server.forward(self.command, self.path, headers, body)
        except httpx.HTTPError as error:
            status, kind = 502, "application/json"
            content = json.dumps({"message": f"{self.server.source.address}: {error or type(error).__name__}"}).encode()
        else:
            status, kind, content = answer.status_code, answer.headers.get("content-type", "text/plain"), answer.content
        self.send_response(status)
        self.send_header("Content-Type", re.sub(r"[\r\n]", "", kind))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = _pass_on  # noqa: N815 - http.server's own names

    def log_message(self, *_: object) -> None:
        """Say nothing: the recording is the log."""
