"""Questions in a running Slack workspace: a mention in an incident's thread, the agent pane, Stop, feedback; without a model."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone
from slack_sdk import WebClient

from copilot import conversation
from copilot.guard.tenancy import tenant_scope
from copilot.models import AnswerFeedback, Question, Tenant
from slackbot import publish
from slackbot.plain_text import message_text
from tests.flow.slack_world import Workspace, store
from tests.unit.slackbot import briefings
from tests.waiting import until

if TYPE_CHECKING:
    from uuid import UUID


@pytest.fixture
def incident(tenant: Tenant, workspace: Workspace) -> UUID:
    """INC-42, ranked and posted."""
    made = store(tenant, briefings.LIKELY)
    publish.publish(tenant.id, made)
    return made


def root_ts(workspace: Workspace) -> str:
    return str(workspace.messages("checkout")[0]["ts"])


def ask(workspace: Workspace, words: str, *, person: str = "ada") -> dict[str, Any]:
    """Mention the bot in the incident's thread and return its finished answer."""
    thread_ts = root_ts(workspace)
    before = {one["ts"] for one in workspace.messages("checkout", thread_ts=thread_ts)}
    workspace.act("message", person, channel="checkout", thread_ts=thread_ts, text=f"@copilot {words}", wait=0)
    return finished(workspace, "checkout", thread_ts, before)


def finished(workspace: Workspace, channel: str, thread_ts: str, before: set[str]) -> dict[str, Any]:
    def done() -> dict[str, Any] | None:
        for one in workspace.messages(channel, thread_ts=thread_ts):
            if one["ts"] not in before and one.get("streaming_state") == "completed":
                return one
        return None

    found: dict[str, Any] | None = until(done)
    assert found, workspace.messages(channel, thread_ts=thread_ts)
    return found


def test_a_mention_in_the_thread_is_answered_there_with_what_it_rests_on(workspace: Workspace, incident: UUID) -> None:
    message = ask(workspace, "what changed?")

    assert message["thread_ts"] == root_ts(workspace)
    kinds = [block["type"] for block in message["blocks"]]
    assert kinds[0] == "plan"
    assert kinds[-2:] == ["context", "context_actions"]
    assert [(task["title"], task["status"]) for task in message["blocks"][0]["tasks"]] == [
        ("Reading INC-42", "complete")
    ]
    words = message_text(message)
    assert "2 changes around the onset (2026-11-20 14:00 UTC), the nearest first:" in words
    assert "Rests on" in words
    assert "Answered by rules, without a model: no ANTHROPIC_API_KEY" in words


def test_a_question_that_rules_cannot_answer_is_told_so(workspace: Workspace, incident: UUID) -> None:
    words = message_text(ask(workspace, "paint me a picture of a horse"))

    assert "I can't see that" in words
    assert "I answer: why, what changed" in words


def test_the_question_is_a_row_with_its_answer(tenant: Tenant, workspace: Workspace, incident: UUID) -> None:
    message = ask(workspace, "why?")

    def row() -> Question | None:
        with tenant_scope(tenant.id):
            return Question.objects.filter(status="answered").first()

    question = until(row)
    assert question is not None
    assert (question.text, question.incident_id, question.answered_by, question.place["ts"]) == (
        "why?",
        incident,
        "rules",
        message["ts"],
    )
    made = conversation.read(tenant.id, question.id)
    assert made.lines[1].text.startswith("1. ")
    assert set(made.lines[1].cites) <= {one.id for one in made.sources}


def test_a_retried_event_is_answered_once(tenant: Tenant, workspace: Workspace, incident: UUID) -> None:
    ask(workspace, "why?")
    (delivery,) = workspace.deliveries("event app_mention")
    resend(tenant, delivery["request"])

    with tenant_scope(tenant.id):
        assert Question.objects.count() == 1


def resend(tenant: Tenant, body: dict[str, Any]) -> None:
    """Hand the same event to the product once more, as Slack does where the first answer was lost."""
    import json
    import time

    from slack_sdk.signature import SignatureVerifier

    from slackbot import installs
    from slackbot.afterwards import settle
    from slackbot.app import answer_to

    found = installs.of_tenant(tenant.id)
    assert found is not None
    raw = json.dumps(body)
    stamp = str(int(time.time()))
    signature = SignatureVerifier(found.secrets.signing_secret).generate_signature(timestamp=stamp, body=raw)
    headers = {
        "content-type": "application/json",
        "x-slack-request-timestamp": stamp,
        "x-slack-signature": str(signature),
        "x-slack-retry-num": "1",
    }
    assert answer_to(found.secrets.endpoint_key, headers, raw.encode()).status == 200
    settle()
    time.sleep(0.3)


def test_a_message_to_the_app_alone_is_answered_in_its_own_thread(workspace: Workspace, incident: UUID) -> None:
    seen = workspace.act("message", channel="@copilot", text="have we seen this before?", wait=0)
    asked = seen["messages"][0]
    message = finished(workspace, "@copilot", asked["ts"], {asked["ts"]})

    # One incident is open: nobody need say which.
    assert "I see no past incident like this one." in message_text(message)


def test_what_is_written_in_a_channel_without_a_mention_is_none_of_ours(
    tenant: Tenant, workspace: Workspace, incident: UUID
) -> None:
    workspace.act("message", channel="checkout", thread_ts=root_ts(workspace), text="why is this happening?", wait=0.5)

    with tenant_scope(tenant.id):
        assert Question.objects.count() == 0


def test_feedback_on_an_answer_is_noted_and_taken_back(tenant: Tenant, workspace: Workspace, incident: UUID) -> None:
    message = ask(workspace, "why?")
    block = message["blocks"][-1]
    (buttons,) = block["elements"]

    def press(which: str) -> str:
        seen = workspace.act(
            "click", channel="checkout", ts=message["ts"], action_id="answer_feedback", block_id=block["block_id"],
            value=buttons[which]["value"], wait=60,
        )  # fmt: skip
        return "\n".join(message_text(one) for one in seen["messages"])

    def given() -> list[tuple[str, str]]:
        with tenant_scope(tenant.id):
            return list(AnswerFeedback.objects.values_list("person_name", "value"))

    assert press("negative_button") == "👎 noted, thank you."
    assert given() == [("ada", "down")]
    assert press("positive_button") == "👍 noted, thank you."
    assert given() == [("ada", "up")]
    assert press("positive_button") == "Taken back."
    assert given() == []


def test_words_of_outsiders_stay_inert_in_an_answer(tenant: Tenant, workspace: Workspace, incident: UUID) -> None:
    hostile = "<!channel> <@U0ADA> <https://evil.test|runbook> /sre feedback 42 up"
    from copilot.models import Incident

    with tenant_scope(tenant.id):
        Incident.objects.filter(id=incident).update(title=hostile)

    message = ask(workspace, "status?")

    live = [element["type"] for element in elements_of(message["blocks"])]
    assert not {"user", "usergroup", "broadcast", "channel"} & set(live)
    links = [one["url"] for one in elements_of(message["blocks"]) if one["type"] == "link"]
    assert not [url for url in links if "evil" in url]
    assert "<!channel>" in message_text(message)


def elements_of(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every rich text element of some blocks, however deep."""
    found: list[dict[str, Any]] = []
    for block in blocks:
        for part in block.get("elements") or []:
            found += [part, *elements_of([part])]
    return found


def test_where_streams_are_not_to_be_had_the_answer_comes_in_one_piece(workspace: Workspace, incident: UUID) -> None:
    workspace.fail("chat.startStream", "unknown_method", times=3)
    thread_ts = root_ts(workspace)
    before = {one["ts"] for one in workspace.messages("checkout", thread_ts=thread_ts)}
    workspace.act("message", channel="checkout", thread_ts=thread_ts, text="@copilot why?", wait=0)

    def posted() -> list[dict[str, Any]]:
        found = workspace.messages("checkout", thread_ts=thread_ts)
        return [one for one in found if one["ts"] not in before and one.get("bot_id")]

    (message,) = until(posted)
    assert "Rests on" in message_text(message)
    assert message["blocks"][-1]["type"] == "context_actions"


class Killed(BaseException):
    """What nothing catches, as nothing survives a SIGKILL."""


@pytest.mark.parametrize("method", ["chat_startStream", "chat_postMessage"])
@pytest.mark.parametrize("is_killed", [True, False], ids=["killed", "timed out"])
def test_an_answer_that_began_unnoticed_is_finished_in_the_same_message(
    method: str, is_killed: bool, tenant: Tenant, workspace: Workspace, incident: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread_ts = root_ts(workspace)
    before = {one["ts"] for one in workspace.messages("checkout", thread_ts=thread_ts)}
    if method == "chat_postMessage":
        workspace.fail("chat.startStream", "unknown_method", times=9)
    # Nobody answers by himself: the test is the process that dies.
    monkeypatch.setattr(conversation, "answer_soon", lambda *_: None)
    workspace.act("message", channel="checkout", thread_ts=thread_ts, text="@copilot why?", wait=0)
    with tenant_scope(tenant.id):
        question = until(Question.objects.first)
    call = getattr(WebClient, method)

    def dies_after(client: WebClient, **arguments: Any) -> Any:
        call(client, **arguments)
        raise Killed if is_killed else TimeoutError("Slack's answer did not come")

    with monkeypatch.context() as broken:
        broken.setattr(WebClient, method, dies_after)
        with contextlib.suppress(Killed, Exception):
            conversation.answer(tenant.id, question.id)
    with tenant_scope(tenant.id):
        Question.objects.filter(status="waiting").update(lease_until=timezone.now() - timedelta(seconds=60))
    conversation.answer(tenant.id, question.id)

    thread = workspace.messages("checkout", thread_ts=thread_ts)
    (message,) = [one for one in thread if one["ts"] not in before and one.get("bot_id")]
    assert "Rests on" in message_text(message)
    assert message.get("streaming_state") != "in_progress"
    with tenant_scope(tenant.id):
        done = Question.objects.get()
    assert (done.status, done.place["ts"]) == ("answered", message["ts"])


def test_an_answer_whose_process_died_is_given_again_in_the_same_message(
    tenant: Tenant, workspace: Workspace, incident: UUID
) -> None:
    message = ask(workspace, "why?")
    with tenant_scope(tenant.id):
        question = until(lambda: Question.objects.filter(status="answered").first())
        # As a process leaves it that is killed before it wrote the answer down.
        Question.objects.update(status="waiting", answered_at=None)
    assert conversation.sweep() == 0  # a moment of grace: it may just have been asked
    assert conversation.answer(tenant.id, question.id) is True

    thread = workspace.messages("checkout", thread_ts=message["thread_ts"])
    assert [one["ts"] for one in thread if one.get("bot_id") and "by rules" in message_text(one)] == [message["ts"]]
