"""Questions in a running Slack workspace, answered by a Claude stand-in: streamed lines, look-ups as steps, Stop, and rules."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from copilot.config import config
from copilot.guard.tenancy import tenant_scope
from copilot.llm import client
from copilot.models import Membership, ModelCall, Question, Role, Tenant
from slackbot import publish
from slackbot.plain_text import message_text
from tests.flow.slack_world import Workspace, store
from tests.flow.test_slack_conversation import ask, elements_of, root_ts
from tests.servers.aimock import AiMock, aimock, aimock_server, answers, fails  # noqa: F401 - fixtures
from tests.unit.slackbot import briefings
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from uuid import UUID


@pytest.fixture
def incident(tenant: Tenant, workspace: Workspace) -> UUID:
    """INC-42, ranked and posted."""
    made = store(tenant, briefings.LIKELY)
    publish.publish(tenant.id, made)
    return made


@pytest.fixture
def claude(aimock: Callable[..., AiMock], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., AiMock]]:
    """Have questions asked of the stand-in."""

    def start(*fixtures: dict[str, Any]) -> AiMock:
        server = aimock(*fixtures)
        monkeypatch.setenv("ANTHROPIC_API_KEY", "test-key")
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.base_url)
        config.cache_clear()
        return server

    yield start
    client.close()
    monkeypatch.undo()
    config.cache_clear()


def wants(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """A fixture that wants a look-up first."""
    calls = [{"name": name, "arguments": json.dumps(arguments)}]
    usage = {"input_tokens": 900, "output_tokens": 30}
    return {"match": {"endpoint": "chat", "hasToolResult": False}, "response": {"toolCalls": calls, "usage": usage}}


def then(content: str) -> dict[str, Any]:
    made = answers(content)
    return {**made, "match": {**made["match"], "hasToolResult": True}}


def test_claude_answers_in_the_thread_with_steps_and_sources(
    workspace: Workspace, incident: UUID, claude: Callable[..., AiMock]
) -> None:
    server = claude(
        wants("evidence", {"ids": ["E1"]}),
        then("Checkout waits for payments [E1].\n- It has been so since 14:00 [Q1]\nUNKNOWN: who rolled it out"),
    )

    message = ask(workspace, "why is checkout slow?")

    plan = message["blocks"][0]
    assert [(task["title"], task["status"]) for task in plan["tasks"]] == [
        ("Reading INC-42", "complete"),
        ("Reading evidence in full", "complete"),
    ]
    words = message_text(message)
    assert "Checkout waits for payments.  E1" in words
    assert "I can't see that: who rolled it out" in words
    assert "evidence E1" in words
    assert "Written by claude-sonnet-5-5" in words
    assert len(server.journal()) == 2


def test_what_the_model_makes_up_is_not_shown_and_rules_answer(
    workspace: Workspace, incident: UUID, claude: Callable[..., AiMock]
) -> None:
    claude(
        answers("It is certainly the moon.\n<!channel> run kubectl delete ns shop [E1]\nSee https://evil.test [E99]")
    )

    message = ask(workspace, "why?")

    words = message_text(message)
    assert "moon" not in words
    assert "kubectl" not in words
    assert "Answered by rules, without a model: the model cited nothing that it was given" in words
    assert not {"user", "broadcast", "usergroup"} & {one["type"] for one in elements_of(message["blocks"])}


def test_when_the_model_fails_rules_answer_and_say_why(
    workspace: Workspace, incident: UUID, claude: Callable[..., AiMock]
) -> None:
    claude(fails(401, "authentication_error"))

    assert "the model's API refused the key (401)" in message_text(ask(workspace, "why?"))


def test_a_viewer_gets_answers_from_the_evidence_but_no_look_ups(
    tenant: Tenant, workspace: Workspace, incident: UUID, claude: Callable[..., AiMock]
) -> None:
    server = claude(answers("It is slow [E1]."))
    ada = workspace._local("GET", "workspace", params={"team": workspace.team})["users"]
    with tenant_scope(tenant.id):
        who = next(user["id"] for user in ada if user["name"] == "ada")
        Membership.objects.create(slack_user_id=who, role=Role.VIEWER)

    ask(workspace, "why?")
    assert not server.journal()[0]["body"].get("tools")

    ask(workspace, "why?", person="bo")
    names = [tool["function"]["name"] for tool in server.journal()[1]["body"]["tools"]]
    assert names == ["changes", "runbooks", "evidence", "topology"]


def test_stop_ends_the_answer_where_it_stands(
    tenant: Tenant, workspace: Workspace, incident: UUID, claude: Callable[..., AiMock]
) -> None:
    claude({**answers("".join(f"Fact {number} is so [E1].\n" for number in range(400))), "latency": 60})
    thread_ts = root_ts(workspace)
    workspace.act("message", channel="checkout", thread_ts=thread_ts, text="@copilot tell me everything", wait=0)

    def streaming() -> list[dict[str, Any]]:
        found = workspace.messages("checkout", thread_ts=thread_ts)
        return [one for one in found if one.get("streaming_state") == "in_progress" and "Fact 0" in message_text(one)]

    (growing,) = until(streaming)
    workspace.act("stop", channel="checkout", thread_ts=thread_ts, wait=0)

    def row() -> Question | None:
        with tenant_scope(tenant.id):
            return Question.objects.filter(status="stopped").first()

    assert until(row)
    shown = next(one for one in workspace.messages("checkout", thread_ts=thread_ts) if one["ts"] == growing["ts"])
    assert "stopped" in message_text(shown)
    assert "Fact 399" not in message_text(shown)
    with tenant_scope(tenant.id):
        # The bill of what was written stays.
        assert [(call.purpose, call.outcome, call.input_tokens) for call in ModelCall.objects.filter(run=None)] == [
            ("conversation", "stopped: by the person", 1200)
        ]


def test_earlier_questions_of_the_thread_are_known(
    workspace: Workspace, incident: UUID, claude: Callable[..., AiMock]
) -> None:
    server = claude(answers("It is slow [E1]."))
    ask(workspace, "why?")
    ask(workspace, "and since when?")

    said = server.journal()[1]["body"]["messages"][1]["content"]
    assert '"earlier":[{"question":"why?","answer":["It is slow."]}]' in said
