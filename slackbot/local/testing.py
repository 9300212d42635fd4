"""For tests: a local workspace in a process of its own, and an app that receives its signed requests."""

import contextlib
import json
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import httpx
from slack_sdk import WebClient
from slack_sdk.signature import SignatureVerifier

Json = dict[str, Any]


def free_port() -> int:
    """Return a port that nothing listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@cache
def http() -> httpx.Client:
    """Return one client for all: making one reads the certificates of all authorities, 20 ms for each act otherwise."""
    # No connection is kept: the workspace may just be hanging up.
    return httpx.Client(trust_env=False, timeout=120, limits=httpx.Limits(max_keepalive_connections=0))


def _expect(answer: httpx.Response, status: int) -> None:
    if answer.status_code != status:
        raise AssertionError(f"{answer.status_code} instead of {status}: {answer.text}")


@dataclass
class Team:
    """One workspace of a running local Slack, as a test uses it."""

    server: str
    name: str
    installed: Json = field(default_factory=dict)

    @property
    def client(self) -> WebClient:
        """Return Slack's own client with this team's bot token."""
        return WebClient(token=self.installed["bot_token"], base_url=f"{self.server}/api/", timeout=120)

    def install(self, **body: object) -> Json:
        """Install the app, or change it."""
        answer = http().post(f"{self.server}/local/app", json={"team": self.name, **body})
        _expect(answer, 200)
        self.installed = answer.json()
        return self.installed

    def act(self, *, by: str = "alice", status: int = 200, **body: object) -> Json:
        """Do what a person does; `type` and its fields as in POST /local/act."""
        answer = http().post(f"{self.server}/local/act", json={"team": self.name, "as": by, **body})
        _expect(answer, status)
        shown: Json = answer.json()
        return shown

    def post(self, path: str, **body: object) -> Json:
        """Post to one of the local routes."""
        answer = http().post(f"{self.server}{path}", json={"team": self.name, **body})
        _expect(answer, 200)
        shown: Json = answer.json()
        return shown

    def get(self, path: str, **query: str) -> Json:
        """Read one of the local routes."""
        answer = http().get(f"{self.server}{path}", params={"team": self.name, **query})
        _expect(answer, 200)
        shown: Json = answer.json()
        return shown

    def channel_id(self, name: str) -> str:
        """Return the id of a channel."""
        channels: list[Json] = self.get("/local/workspace")["channels"]
        return next(str(channel["id"]) for channel in channels if channel.get("name") == name)

    def user_id(self, name: str) -> str:
        """Return the id of a person."""
        users: list[Json] = self.get("/local/workspace")["users"]
        return next(str(user["id"]) for user in users if user["name"] == name)

    def page(self, **query: str) -> str:
        """Return the address of this team's page."""
        return f"{self.server}/?{urllib.parse.urlencode({'team': self.name, **query})}"

    def messages(self, channel: str = "incidents", *, by: str = "alice", **query: str) -> list[Json]:
        """Return what a person sees in a channel, or with thread_ts in a thread."""
        found: list[Json] = self.get("/local/messages", channel=channel, **{"as": by}, **query)["messages"]
        return found


@contextlib.contextmanager
def running(*options: str, data: Path | None = None, port: int | None = None) -> Iterator[str]:
    """Run `python -m slackbot.local` and yield its address."""
    port = port or free_port()
    command = [sys.executable, "-m", "slackbot.local", "--port", str(port), *options]
    if data is not None:
        command += ["--data", str(data)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_until_healthy(process, address)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=120)


def _wait_until_healthy(process: "subprocess.Popen[bytes]", address: str) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"the local workspace ended with code {process.returncode}")
        with contextlib.suppress(httpx.HTTPError):
            if http().get(f"{address}/health", timeout=10).status_code == 200:
                return
        time.sleep(0.05)
    raise RuntimeError(f"the local workspace did not answer at {address} within 120 s")


@dataclass
class Received:
    """One request that reached the app, already verified."""

    headers: dict[str, str]
    body: Json
    genuine: bool

    @property
    def kind(self) -> str:
        """Return slash, or the type of the payload or event."""
        if "command" in self.body:
            return "slash"
        event = self.body.get("event")
        return str(event["type"] if isinstance(event, dict) else self.body.get("type"))


Answer = tuple[int, Any]


def _nothing(_received: Received) -> Answer:
    return 200, ""


def _challenge(received: Received) -> Answer:
    return 200, {"challenge": received.body["challenge"]}


class ReceivingApp:
    """An app at the other end: verifies, keeps what came, and answers as the test says."""

    def __init__(self) -> None:
        self.signing_secret = "0123456789abcdef0123456789abcdef"  # noqa: S105
        self.received: list[Received] = []
        self.answers: dict[str, Callable[[Received], Answer]] = {}
        app = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                app._take(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/slack/events/KEY"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def on(self, kind: str, answer: Callable[[Received], Answer] | Answer) -> None:
        """Answer requests of a kind (`slash`, `block_actions`, `app_mention`, …) so."""
        self.answers[kind] = answer if callable(answer) else lambda _received: answer

    def of(self, kind: str) -> list[Received]:
        """Return what came of a kind."""
        return [received for received in self.received if received.kind == kind]

    def wait_for(self, kind: str, *, count: int = 1, seconds: float = 120.0) -> list[Received]:
        """Wait until so many of a kind came."""
        end = time.monotonic() + seconds
        while len(self.of(kind)) < count and time.monotonic() < end:
            time.sleep(0.02)
        if len(self.of(kind)) < count:
            raise AssertionError(f"{len(self.of(kind))} {kind} came in {seconds} s, not {count}")
        return self.of(kind)

    def _take(self, handler: BaseHTTPRequestHandler) -> None:
        raw = handler.rfile.read(int(handler.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        verifier = SignatureVerifier(self.signing_secret)
        genuine = verifier.is_valid(raw, headers.get("x-slack-request-timestamp"), headers.get("x-slack-signature"))
        fields: Json = dict(urllib.parse.parse_qsl(raw.decode(), keep_blank_values=True))
        body: Json = fields
        if headers["content-type"] == "application/json":
            body = json.loads(raw)
        elif "payload" in fields:
            body = json.loads(fields["payload"])
        received = Received(headers=headers, body=body, genuine=genuine)
        self.received.append(received)
        answers = {"url_verification": _challenge, **self.answers}
        status, answer = answers.get(received.kind, _nothing)(received)
        content = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            handler.send_response(status)
            handler.send_header("Content-Type", "text/plain" if isinstance(answer, str) else "application/json")
            handler.send_header("Content-Length", str(len(content)))
            handler.end_headers()
            handler.wfile.write(content)
