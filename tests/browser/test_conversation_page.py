"""The local workspace's page while an app answers: streams, steps, Stop, suggested questions; dark, and by keyboard alone."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from slackbot.local.testing import Json, Received, ReceivingApp, Team

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def words(text: str) -> Json:
    section = {"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}
    return {"type": "blocks", "blocks": [{"type": "rich_text", "elements": [section]}]}


def task(status: str) -> Json:
    return {"type": "task_update", "id": "Q1", "title": "Prometheus: pool size", "status": status}


@pytest.fixture
def asked(page: Page, team: Team) -> str:
    """A question in #incidents with its thread open in the page."""
    ts = str(team.act(type="message", channel="#incidents", text="@copilot why?", wait=0)["messages"][0]["ts"])
    page.goto(team.page(**{"as": "alice", "channel": "incidents", "thread": ts}))
    expect(page.locator("#replies .message")).to_have_count(1)
    return ts


def start(team: Team, thread_ts: str, *chunks: Json) -> Any:
    channel = team.channel_id("incidents")
    team.client.agents_sessions_setStatus(channel_id=channel, thread_ts=thread_ts, status="processing", title="why?")
    return team.client.chat_startStream(
        channel=channel, thread_ts=thread_ts, recipient_team_id="T1", recipient_user_id=team.user_id("alice"),
        task_display_mode="plan", chunks=list(chunks),
    )  # fmt: skip


def test_an_answer_grows_while_it_is_read(page: Page, team: Team, asked: str) -> None:
    stream = start(team, asked, {"type": "plan_update", "title": "Looking into it"}, task("in_progress"))
    answer = page.locator("#replies .message").nth(1)
    expect(answer.locator(".plan summary").first).to_contain_text("Looking into it")
    expect(answer.locator(".plan")).to_have_attribute("open", "")
    expect(answer).to_have_attribute("aria-busy", "true")
    expect(page.locator("#thread-working")).to_contain_text("is working")

    team.client.chat_appendStream(
        channel=stream["channel"], ts=stream["ts"], chunks=[task("complete"), words("The pool is full.")]
    )
    expect(answer).to_contain_text("The pool is full.")

    team.client.chat_stopStream(
        channel=stream["channel"], ts=stream["ts"], session_status="active",
        blocks=[{"type": "context", "elements": [{"type": "plain_text", "text": "Answered by rules"}]}],
    )  # fmt: skip
    expect(answer).to_contain_text("Answered by rules")
    expect(answer).not_to_have_attribute("aria-busy", "true")
    # What led to it is folded away; the answer is what is read.
    expect(answer.locator("details.plan")).not_to_have_attribute("open", "")
    expect(page.locator("#thread-working")).to_be_hidden()


def test_stop_ends_the_stream_and_tells_the_app(page: Page, team: Team, app: ReceivingApp, asked: str) -> None:
    stream = start(team, asked, words("One moment."))
    page.locator("#thread-working").get_by_role("button", name="Stop").click()

    (told,) = app.wait_for("agent_session_stopped")
    assert told.body["event"]["thread_ts"] == asked
    assert told.body["event"]["streaming_message_ts"] == [stream["ts"]]
    with pytest.raises(Exception, match="message_not_in_streaming_state"):
        team.client.chat_appendStream(channel=stream["channel"], ts=stream["ts"], markdown_text="more")


def test_a_suggested_question_is_asked_by_pressing_it(page: Page, team: Team, app: ReceivingApp) -> None:
    def offer(received: Received) -> tuple[int, Any]:
        team.client.assistant_threads_setSuggestedPrompts(
            channel_id=received.body["event"]["channel"],
            title="Ask",
            prompts=[{"title": "Why?", "message": "Why so slow?"}],
        )
        return 200, ""

    app.on("app_home_opened", offer)
    page.goto(team.page(**{"as": "alice", "channel": "@copilot", "tab": "messages"}))
    page.locator("#prompts").get_by_role("button", name="Why?").click()

    (message,) = app.wait_for("message")
    assert message.body["event"]["text"] == "Why so slow?"
    expect(page.locator("#messages")).to_contain_text("Why so slow?")


def test_what_an_app_streams_is_checked_as_slack_checks_it(team: Team) -> None:
    ts = str(team.act(type="message", channel="#incidents", text="@copilot why?", wait=0)["messages"][0]["ts"])
    with pytest.raises(Exception, match="invalid_chunks"):
        start(team, ts, {"type": "task_update", "id": "1", "title": "x", "status": "completed"})
    with pytest.raises(Exception, match="invalid_blocks"):
        start(team, ts, {"type": "blocks", "blocks": [{"type": "nonsense"}]})
    with pytest.raises(Exception, match="missing_recipient_team_id"):
        team.client.chat_startStream(channel=team.channel_id("incidents"), thread_ts=ts, markdown_text="x")


def test_it_is_dark_where_the_system_is_and_where_the_reader_says(page: Page, team: Team) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto(team.page(**{"as": "alice", "channel": "incidents"}))
    background = "getComputedStyle(document.querySelector('main')).backgroundColor"
    assert page.evaluate(background) == "rgb(26, 29, 33)"

    page.get_by_role("button", name="Switch between light and dark").click()
    assert page.evaluate(background) == "rgb(255, 255, 255)"
    page.reload()
    assert page.evaluate(background) == "rgb(255, 255, 255)"


def test_a_thread_is_opened_answered_and_closed_by_keyboard_alone(page: Page, team: Team, app: ReceivingApp) -> None:
    for text in ("first", "second", "third"):
        team.client.chat_postMessage(channel="#incidents", text=text)
    page.goto(team.page(**{"as": "alice", "channel": "incidents"}))
    expect(page.locator("#messages .message")).to_have_count(3)

    page.locator("#messages").focus()
    page.keyboard.press("ArrowUp")
    expect(page.locator("#messages .message").nth(2)).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page.locator("#replies")).to_contain_text("second")

    page.keyboard.press("/")
    page.keyboard.type("looking")
    page.keyboard.press("Enter")
    expect(page.locator("#replies")).to_contain_text("looking")
    page.keyboard.press("Escape")
    expect(page.locator("#thread")).to_be_hidden()


def test_messages_are_named_for_those_who_hear_the_page(page: Page, team: Team) -> None:
    team.client.chat_postMessage(channel="#incidents", text="INC-42")
    page.goto(team.page(**{"as": "alice", "channel": "incidents"}))

    expect(page.get_by_role("article", name="SRE Copilot")).to_have_count(1)
    unnamed = "[...document.querySelectorAll('button')].filter(one => one.offsetParent && !(one.ariaLabel || one.innerText.trim() || one.title)).length"
    assert page.evaluate(unnamed) == 0
