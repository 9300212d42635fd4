"""The bell between processes: who waits for an agent's request, or for its answer, hears of it at once."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from uuid import uuid4

import psycopg
import pytest

from copilot.guard.tenancy import tenant_scope
from copilot.models import Agent
from copilot.relay import asking
from copilot.relay import bell as bell_module
from copilot.relay.bell import Bell, bell
from copilot.relay.states import state_of
from copilot.web import agents as web
from tests.flow.test_agent import Played, fresh_pace, inside, line, played, post, said

if TYPE_CHECKING:
    from starlette.testclient import TestClient

__all__ = ["fresh_pace", "inside", "line", "played"]


def test_a_request_is_handed_over_and_its_answer_comes_back_at_once(
    played: Played, line: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither side looks often: the database's bell wakes both."""
    monkeypatch.setattr(web, "HEARD_SECONDS", 30.0)
    monkeypatch.setattr(asking, "HEARD_SECONDS", 30.0)
    instance = str(uuid4())
    with ThreadPoolExecutor(max_workers=1) as pool:
        poll = pool.submit(post, line, "/agent/v1/poll", played.made.token, said(instance=instance, wait_seconds=20))
        until = time.monotonic() + 10
        # Whoever was never seen is not asked at all; the bell may be heard already, for others.
        while not (bell.is_heard and is_seen(played)) and time.monotonic() < until:
            time.sleep(0.02)
        with played.asked(what=lambda: asking.check(played.way, seconds=20)) as future:
            began = time.monotonic()
            (handed,) = poll.result(10).json()["requests"]
            answered = {
                "instance": instance,
                "attempt": 1,
                "answer": {"result": "checked", "works": True, "detail": "12 up"},
            }
            assert post(line, f"/agent/v1/answers/{handed['id']}", played.made.token, answered).status_code == 204
            assert future.result(10).detail == "through the agent: 12 up"
            # With looks alone each of the two ways would take up to half a minute here.
            assert time.monotonic() - began < 5


def test_where_the_bell_is_not_heard_rows_are_looked_at(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    def deaf(address: object) -> None:
        raise psycopg.OperationalError("no more connections")

    monkeypatch.setattr(bell_module, "_connected", deaf)
    monkeypatch.setattr(asking, "bell", Bell())
    played.agent.turn()
    with played.asked(what=lambda: asking.check(played.way, seconds=10)) as future:
        played.agent.turn()
        assert played.agent.finish(5)
        assert future.result(5).detail == "through the agent: 12 targets are up"


def test_nobody_waits_and_nothing_listens(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bell_module, "IDLE_SECONDS", 0.0)
    monkeypatch.setattr(bell_module, "_WAKE_SECONDS", 0.05)
    own, woken = Bell(), threading.Event()
    with own.waiting(played.made.agent_id, woken.set):
        assert woken.wait(5)  # when it begins to listen
        woken.clear()
        with tenant_scope(played.tenant.id):
            bell_module.ring(uuid4())
            assert not woken.wait(0.3)
            bell_module.ring(played.made.agent_id)
            assert not woken.wait(0.3), "rung before the transaction was committed"
        assert woken.wait(5)
        assert own.is_heard
    assert becomes(own, heard=False)
    with own.waiting(played.made.agent_id, woken.set):
        assert becomes(own, heard=True)


def is_seen(played: Played) -> bool:
    with tenant_scope(played.tenant.id):
        return state_of(Agent.objects.get(id=played.made.agent_id)).works


def becomes(own: Bell, *, heard: bool) -> bool:
    until = time.monotonic() + 5
    while own.is_heard is not heard and time.monotonic() < until:
        time.sleep(0.02)
    return own.is_heard is heard
