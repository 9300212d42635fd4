"""The stand-in door answers each kind of client alike, and fails as the real one does."""

from __future__ import annotations

import httpx2
import pytest

from integrations.base import TimedOut, TooLarge
from tests.integrations.door import Answer, FakeDoor


def echo(method: str, url: str, headers: object, body: bytes) -> Answer:
    return 200, {"X-Seen": method}, {"url": url, "body": body.decode()}


def test_every_client_gets_the_handlers_answer() -> None:
    door = FakeDoor(echo)
    wanted = {"url": "http://source.test/a?b=c", "body": ""}

    with door.client("http://source.test") as client:
        first = client.get("/a", params={"b": "c"})
    with httpx2.Client(transport=door.transport2()) as client2:
        second = client2.get("http://source.test/a", params={"b": "c"})
    third = door.session().get("http://source.test/a", params={"b": "c"})
    fourth = door.pool_manager().request("GET", "http://source.test/a", fields={"b": "c"})

    assert [first.json(), second.json(), third.json(), fourth.json()] == [wanted] * 4
    assert [asked.path for asked in door.asked] == ["/a"] * 4
    assert door.asked[0].parameters == {"b": "c"}
    assert fourth.headers["x-seen"] == "GET"


def test_bodies_and_headers_reach_the_handler() -> None:
    door = FakeDoor(echo)

    door.session().post("http://source.test/", data="words", headers={"Authorization": "Bearer t"})
    door.pool_manager().request("POST", "http://source.test/", body=b"words", headers={"Authorization": "Bearer t"})

    assert [asked.body for asked in door.asked] == [b"words", b"words"]
    assert [asked.headers["authorization"] for asked in door.asked] == ["Bearer t"] * 2


@pytest.mark.parametrize("kind", ["httpx", "httpx2", "requests", "urllib3"])
def test_it_fails_over_the_size_cap_and_past_the_deadline(kind: str) -> None:
    def ask(door: FakeDoor) -> object:
        url = "http://source.test/"
        if kind == "httpx":
            with door.client(url) as client:
                return client.get("/")
        if kind == "httpx2":
            with httpx2.Client(transport=door.transport2()) as client2:
                return client2.get(url)
        return door.session().get(url) if kind == "requests" else door.pool_manager().request("GET", url)

    with pytest.raises(TooLarge, match="over 10 bytes"):
        ask(FakeDoor(echo, max_bytes=10))
    with pytest.raises(TimedOut):
        ask(FakeDoor(echo, seconds=0.0))
    with pytest.raises(TimedOut):
        ask(FakeDoor(echo, seconds=1.0, cost=1.5))
