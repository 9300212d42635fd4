"""The bell between processes: who waits for an agent's request, or for its answer, hears of it at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

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
from tests.waiting import PATIENCE, until

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.testclient import TestClient

__all__ = ["fresh_pace", "inside", "line", "played"]


def test_a_request_is_handed_over_and_its_answer_comes_back_at_once(
    played: Played, line: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither side looks often: the database's bell wakes both."""
    monkeypatch.setattr(web, "HEARD_SECONDS", 2 * PATIENCE)
    monkeypatch.setattr(asking, "HEARD_SECONDS", 2 * PATIENCE)
    rung: list[str] = []
    wake = bell._wake

    def noted(keys: Iterable[str] | None) -> None:
        rung.extend(keys or ())
        wake(keys)

    monkeypatch.setattr(bell, "_wake", noted)
    instance = str(uuid4())
    with ThreadPoolExecutor(max_workers=1) as pool:
        poll = pool.submit(post, line, "/agent/v1/poll", played.made.token, said(instance=instance, wait_seconds=20))
        # Whoever was never seen is not asked at all; the bell may be heard already, for others.
        until(lambda: bell.is_heard and is_seen(played), what="the poll, and the bell")
        with played.asked(what=lambda: asking.check(played.way, seconds=PATIENCE)) as future:
            (handed,) = poll.result(PATIENCE).json()["requests"]
            assert played.made.agent_id.hex in rung
            answered = {
                "instance": instance,
                "attempt": 1,
                "answer": {"result": "checked", "works": True, "detail": "12 up"},
            }
            assert post(line, f"/agent/v1/answers/{handed['id']}", played.made.token, answered).status_code == 204
            # With looks alone it would be found at the deadline, which is as far away as the end of this patience.
            assert future.result(PATIENCE / 2).detail == "through the agent: 12 up"
            assert UUID(handed["id"]).hex in rung


def test_where_the_bell_is_not_heard_rows_are_looked_at(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    def deaf(address: object) -> None:
        raise psycopg.OperationalError("no more connections")

    monkeypatch.setattr(bell_module, "_connected", deaf)
    monkeypatch.setattr(asking, "bell", Bell())
    played.agent.turn()
    with played.asked(what=lambda: asking.check(played.way, seconds=PATIENCE)) as future:
        played.agent.turn()
        assert played.agent.finish(PATIENCE)
        assert future.result(PATIENCE).detail == "through the agent: 12 targets are up"


def test_nobody_waits_and_nothing_listens(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bell_module, "IDLE_SECONDS", 0.0)
    monkeypatch.setattr(bell_module, "_WAKE_SECONDS", 0.05)
    own, woken = Bell(), threading.Event()
    with own.waiting(played.made.agent_id, woken.set):
        assert woken.wait(PATIENCE)  # when it begins to listen
        woken.clear()
        with tenant_scope(played.tenant.id):
            bell_module.ring(uuid4())
            assert not woken.wait(0.3)
            bell_module.ring(played.made.agent_id)
            assert not woken.wait(0.3), "rung before the transaction was committed"
        assert woken.wait(PATIENCE)
        assert own.is_heard
    until(lambda: not own.is_heard, what="the bell's connection to be given back")
    with own.waiting(played.made.agent_id, woken.set):
        until(lambda: own.is_heard, what="the bell to be heard again")


def is_seen(played: Played) -> bool:
    with tenant_scope(played.tenant.id):
        return state_of(Agent.objects.get(id=played.made.agent_id)).works
