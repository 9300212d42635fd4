"""Nobody waits for an answer that is not begun: 503, and what hangs goes on by itself."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import FastAPI
from starlette.responses import StreamingResponse
from starlette.testclient import TestClient

from copilot.settings import _database
from copilot.web import patience
from copilot.web.patience import Patience

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class World:
    """An application whose database can be frozen."""

    def __init__(self) -> None:
        self.thaw = threading.Event()
        self.begun = asyncio.Event()
        self.ended: list[str] = []
        self.application = FastAPI()
        self.application.add_middleware(Patience, unhurried=("/mcp",))
        self.application.get("/asks")(self.asks)
        self.application.get("/fails")(self.fails)
        self.application.get("/quick")(lambda: {"well": True})
        self.application.get("/streams")(self.streams)
        self.application.get("/mcp")(self.tool)

    def asks(self) -> dict[str, bool]:
        self.thaw.wait(60)
        self.ended.append("asks")
        return {"well": True}

    def fails(self) -> None:
        self.thaw.wait(60)
        raise RuntimeError("the database is gone")

    async def streams(self) -> StreamingResponse:
        async def pieces() -> AsyncIterator[str]:
            yield "begun, "
            self.begun.set()
            await asyncio.sleep(0.05)
            yield "ended"

        return StreamingResponse(pieces())

    def tool(self) -> dict[str, bool]:
        time.sleep(0.4)
        return {"well": True}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(patience, "SECONDS", 0.2)
    return World()


def test_who_asks_a_database_that_hangs_is_told_to_come_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with TestClient(world.application) as client:
        answer = client.get("/asks")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json() == {
            "type": "about:blank", "title": "Service Unavailable", "status": 503, "detail": "no answer in time; try again",
        }  # fmt: skip
        monkeypatch.setattr(patience, "SECONDS", 60.0)
        assert client.get("/quick").json() == {"well": True}

        world.thaw.set()
        until = time.monotonic() + 60
        while not world.ended and time.monotonic() < until:
            time.sleep(0.01)
        assert world.ended == ["asks"]


def test_what_fails_after_it_was_given_up_harms_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with TestClient(world.application) as client:
        assert client.get("/fails").status_code == 503
        monkeypatch.setattr(patience, "SECONDS", 60.0)
        world.thaw.set()
        assert client.get("/quick").status_code == 200


def test_what_fails_in_time_is_told_as_ever(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "SECONDS", 60.0)
    world.thaw.set()
    with TestClient(world.application, raise_server_exceptions=False) as client:
        assert client.get("/fails").status_code == 500


def test_an_answer_that_is_begun_and_a_tool_may_take_their_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def wait(tasks: set[asyncio.Task[None]], **_: float) -> tuple[set[object], set[asyncio.Task[None]]]:
        """Let the time be over once the answer has begun, however fast this machine is."""
        await world.begun.wait()
        return set(), tasks

    with TestClient(world.application) as client:
        assert client.get("/mcp").json() == {"well": True}
        monkeypatch.setattr("copilot.web.patience.asyncio.wait", wait)
        assert client.get("/streams").text == "begun, ended"


def test_a_server_that_is_gone_without_a_word_is_given_up() -> None:
    silence: dict[str, Any] = {
        "connect_timeout": "5", "keepalives_idle": "10", "keepalives_interval": "5", "keepalives_count": "3",
        "tcp_user_timeout": "20000",
    }  # fmt: skip
    assert _database("postgresql://copilot_app@db/copilot")["OPTIONS"] == silence
    own = _database("postgresql://copilot_app@db/copilot?connect_timeout=9&sslmode=require")["OPTIONS"]
    assert own == silence | {"connect_timeout": "9", "sslmode": "require"}
