"""A tenant's server: what is asked of it stays within bounds, and its refusals come in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from integrations.base import Rejected, SourceError, TimedOut, TooLarge, Unauthorised, Unreachable
from integrations.server import MOST_BYTES, NotFound, Server, ServerCredentials
from tests.integrations.door import FakeDoor

if TYPE_CHECKING:
    from tests.integrations.door import Body

CREDENTIALS = ServerCredentials(url="http://server.test/base/")


def ask(status: int, body: Body, kind: str = "application/json") -> object:
    door = FakeDoor(lambda *_: (status, {"content-type": kind}, body))
    with Server(door, CREDENTIALS, vendor="Acme") as server:
        return server.get("/api/things", (("a", "1"), ("a", "2")))


@pytest.mark.parametrize(
    ("status", "body", "kind", "error", "words"),
    [
        (400, "parse error at 1:3", "text/plain", Rejected, "Acme answered /api/things with 400: parse error at 1:3"),
        (
            400,
            {"message": "no such tag"},
            "application/json",
            Rejected,
            "Acme answered /api/things with 400: no such tag",
        ),
        (404, {"error": {"reason": "no such index"}}, "application/json", NotFound, "with 404: no such index"),
        (401, "<html>sign in</html>", "text/html", Unauthorised, "with 401; check how this connection signs in"),
        (403, {"errors": [{"msg": "not yours"}]}, "application/json", Unauthorised, "with 403: not yours; check"),
        (302, "", "text/html", Rejected, "it leads to another address; enter that one"),
        (413, "", "text/plain", TooLarge, "with 413"),
        (429, "slow down", "text/plain", SourceError, "with 429: slow down"),
        (502, "<h1>Bad Gateway</h1>", "text/plain", Unreachable, "with 502"),
        (504, "", "text/plain", TimedOut, "with 504"),
        (200, "[1, 2]", "application/json", Rejected, "in an unknown shape; is it Acme?"),
        (200, "<html>", "text/html", Rejected, "with something that is no JSON; is it Acme?"),
        (200, b'{"a":"' + b"x" * MOST_BYTES + b'"}', "application/json", TooLarge, "with more than 6 MiB"),
    ],
)
def test_every_refusal_is_told_in_words(
    status: int, body: Body, kind: str, error: type[SourceError], words: str
) -> None:
    with pytest.raises(error) as caught:
        ask(status, body, kind)
    assert type(caught.value) is error
    assert words in caught.value.reason
    assert "<" not in caught.value.reason


def test_a_path_is_asked_for_below_the_address_and_parameters_may_repeat() -> None:
    door = FakeDoor(lambda *_: (200, {}, {"a": 1}))
    with Server(door, CREDENTIALS, vendor="Acme") as server:
        assert server.get("/api/things", (("a", "1"), ("a", "2"))) == {"a": 1}
        server.post("/api/search", body={"size": 1})
    assert [one.url for one in door.asked] == [
        "http://server.test/base/api/things?a=1&a=2",
        "http://server.test/base/api/search",
    ]
    assert door.asked[1].body.replace(b" ", b"") == b'{"size":1}'
