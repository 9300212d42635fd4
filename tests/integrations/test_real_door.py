"""PagerDuty's and GitHub's clients work through the real outbound door, against a server on loopback."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from copilot.guard.http import HttpDoor
from integrations.base import Scope, ServiceScope, SourceError, TimedOut, TooLarge, Unauthorised, Unreachable
from integrations.registry import get
from scoring.observations import Change, Note, Window
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scoring.observations import Observation

FIXTURES = Path(__file__).parent / "fixtures"
ALERT = 1795169106.0
WINDOW = Window(start=ALERT - 3600, end=ALERT + 600, alert_at=ALERT)
SCOPE = Scope(
    service=ServiceScope(name="payments", repository="shop/payments", pagerduty_id="PPAY001"),
    dedupe_key="Q1CHECKOUT0001",
)
LOOPBACK = (ip_network("127.0.0.0/8"),)
TOKENS = {"pagerduty": "api_token", "github": "token"}
ANSWERS: dict[str, Any] = {
    path: answer
    for slug in TOKENS
    for path, answer in json.loads((FIXTURES / slug / "answers.json").read_text()).items()
}
SLUGS = pytest.mark.parametrize("slug", sorted(TOKENS))


class Source(BaseHTTPRequestHandler):
    """Answer what the fixtures hold, to those who have the token."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path.split("?", maxsplit=1)[0].removeprefix("/api/v3")
        right = "right" in self.headers.get("Authorization", "")
        self.send(200 if right and path in ANSWERS else 404 if right else 401, ANSWERS.get(path, {}))

    def send(self, status: int, answer: object) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Source)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/api/v3"
    server.shutdown()
    server.server_close()
    thread.join()


def gather(slug: str, address: str, door: HttpDoor, tells: str = "right") -> list[Observation]:
    integration = get(slug)
    held = integration.Credentials.model_validate({TOKENS[slug]: tells, "base_url": address})
    return list(integration.gather(door, held, SCOPE, WINDOW))


@SLUGS
def test_it_gathers_and_checks(slug: str, address: str) -> None:
    found = gather(slug, address, HttpDoor(deadline_seconds=PATIENCE, allowed_private=LOOPBACK))
    assert any(isinstance(item, Change | Note) for item in found)

    held = get(slug).Credentials.model_validate({TOKENS[slug]: "right", "base_url": address})
    assert get(slug).check(HttpDoor(deadline_seconds=PATIENCE, allowed_private=LOOPBACK), held).works


@SLUGS
def test_a_wrong_token_is_told(slug: str, address: str) -> None:
    with pytest.raises(Unauthorised):
        gather(slug, address, HttpDoor(deadline_seconds=PATIENCE, allowed_private=LOOPBACK), tells="wrong")


@SLUGS
def test_a_private_address_is_refused_where_it_is_not_allowed(slug: str, address: str) -> None:
    with pytest.raises(Unreachable):
        gather(slug, address, HttpDoor(deadline_seconds=PATIENCE))


@SLUGS
def test_a_source_that_is_down_is_told_within_the_deadline(slug: str) -> None:
    with pytest.raises(SourceError) as caught:
        gather(slug, "http://127.0.0.1:1", HttpDoor(deadline_seconds=2, allowed_private=LOOPBACK))
    assert isinstance(caught.value, Unreachable | TimedOut)


@SLUGS
def test_the_size_cap_holds(slug: str, address: str) -> None:
    with pytest.raises(TooLarge):
        gather(slug, address, HttpDoor(deadline_seconds=PATIENCE, max_bytes=10, allowed_private=LOOPBACK))
