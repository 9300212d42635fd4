"""What many interactions at once must not do to each other."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from django.db import connection
from slack_sdk import WebClient

from copilot.guard.tenancy import tenant_scope
from copilot.models import Feedback, Hypothesis, Question, Tenant
from slackbot import afterwards
from tests.flow.slack_world import Workspace, store
from tests.unit.slackbot.briefings import LIKELY

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def all_busy() -> Iterator[threading.Event]:
    """Every thread that works after an acknowledgement is held up, until the event is set."""
    free = threading.Event()
    for _ in range(afterwards.SIDE_BY_SIDE):
        afterwards.afterwards(lambda: free.wait(30))
    yield free
    free.set()


@pytest.fixture
def hypothesis(tenant: Tenant) -> UUID:
    """The first hypothesis of an open incident."""
    incident_id = store(tenant, LIKELY)
    with tenant_scope(tenant.id):
        return Hypothesis.objects.get(run__incident_id=incident_id, rank=1).id


@pytest.mark.parametrize("text", ["help", "status", "changes checkout", "connect", "investigate", "nonsense"])
def test_a_command_is_acknowledged_while_all_work_is_held_up(
    text: str, workspace: Workspace, all_busy: threading.Event
) -> None:
    seen = workspace.act("slash", channel="checkout", command="/sre", text=text, wait=0)

    assert seen["status"] == 200
    assert seen["messages"] == []
    all_busy.set()


def test_what_was_pressed_or_asked_is_in_the_rows_when_it_is_acknowledged(
    workspace: Workspace, all_busy: threading.Event, tenant: Tenant, hypothesis: UUID
) -> None:
    posted = workspace.act("message", channel="checkout", text="hello", wait=0)["messages"][0]
    from tests.flow.slack_world import client_of

    card = client_of(tenant).chat_postMessage(
        channel=workspace.channel("checkout", bot=True)["id"],
        text="card",
        blocks=[{
            "type": "actions", "block_id": f"hypothesis:{hypothesis}",
            "elements": [{"type": "button", "action_id": "verdict_up", "value": str(hypothesis),
                          "text": {"type": "plain_text", "text": "👍"}}],
        }],
    )  # fmt: skip
    pressed = workspace.act("click", channel="checkout", ts=card["ts"], action_id="verdict_up", wait=0)
    asked = workspace.act("message", channel="@copilot", text="why?", wait=0)

    assert (posted["text"], pressed["status"]) == ("hello", 200)
    assert asked["messages"][0]["text"] == "why?"
    with tenant_scope(tenant.id):
        assert Feedback.objects.get().value == "up"
        assert Question.objects.get().text == "why?"
    all_busy.set()


def test_no_connection_of_the_pool_is_held_while_slack_is_called(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from copilot import config as configuration
    from copilot.web import db

    pooled = configuration.config().model_copy(update={"database_pool": 8})
    monkeypatch.setattr(db, "config", lambda: pooled)
    held: list[bool] = []
    call = WebClient.api_call

    def looked_at(self: WebClient, method: str, **arguments: Any) -> Any:
        held.append(connection.connection is not None)
        return call(self, method, **arguments)

    monkeypatch.setattr(WebClient, "api_call", looked_at)
    workspace.act("open_home", wait=60)
    afterwards.settle()

    assert held
    assert not any(held)
