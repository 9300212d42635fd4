"""What a person does in the local workspace, and the signed requests the app gets for it."""

import time
from typing import Any

import pytest
from slack_sdk import WebClient

from slackbot.local.testing import Received, ReceivingApp, Team, http

BUTTONS: list[dict[str, Any]] = [
    {"type": "section", "block_id": "cause", "text": {"type": "mrkdwn", "text": "*payments* shrank its pool"}},
    {
        "type": "actions",
        "block_id": "verdict",
        "elements": [
            {
                "type": "button",
                "action_id": "confirm",
                "text": {"type": "plain_text", "text": "This was it"},
                "value": "h1",
            },
            {"type": "button", "action_id": "why:h1", "text": {"type": "plain_text", "text": "Why?"}, "value": "h1"},
            {"type": "button", "action_id": "why:h2", "text": {"type": "plain_text", "text": "Why?"}, "value": "h2"},
        ],
    },
    {
        "type": "context_actions",
        "block_id": "feedback",
        "elements": [
            {
                "type": "feedback_buttons",
                "action_id": "vote",
                "positive_button": {"text": {"type": "plain_text", "text": "Good"}, "value": "up:h1"},
                "negative_button": {"text": {"type": "plain_text", "text": "Bad"}, "value": "down:h1"},
            }
        ],
    },
]


def test_a_slash_command_reaches_the_app_signed_and_its_answer_is_shown_to_the_person_only(
    team: Team, app: ReceivingApp, incidents: str
) -> None:
    app.on("slash", (200, {"text": "no open incidents"}))
    seen = team.act(type="slash", command="/sre", text="status", channel="#incidents")
    sent = app.of("slash")[0]
    assert sent.genuine
    assert sent.headers["content-type"] == "application/x-www-form-urlencoded"
    assert {name: sent.body[name] for name in ("command", "text", "channel_id", "channel_name", "user_name")} == {
        "command": "/sre",
        "text": "status",
        "channel_id": incidents,
        "channel_name": "incidents",
        "user_name": "alice",
    }
    assert (seen["ok"], seen["status"]) == (True, 200)
    assert [message["text"] for message in seen["messages"]] == ["no open incidents"]
    assert [message["text"] for message in team.messages(by="alice")] == ["no open incidents"]
    assert team.messages(by="bob") == []


def test_an_in_channel_answer_is_shown_to_all_below_the_command(team: Team, app: ReceivingApp) -> None:
    app.on("slash", (200, {"response_type": "in_channel", "text": "INC-1 is open"}))
    team.act(type="slash", command="/sre", text="status", channel="incidents")
    assert [message["text"] for message in team.messages(by="bob")] == ["/sre status", "INC-1 is open"]


def test_a_slow_app_shows_operation_timeout(team: Team, app: ReceivingApp) -> None:
    def slow(_received: Received) -> tuple[int, str]:
        time.sleep(1.5)
        return 200, "too late"

    app.on("slash", slow)
    seen = team.act(type="slash", command="/sre", text="status", channel="incidents")
    assert (seen["ok"], seen["error"]) == (False, "http_timeout")
    assert [message["text"] for message in seen["messages"]] == ['/sre failed with the error "operation_timeout"']


def test_a_failing_app_shows_dispatch_failed(team: Team, app: ReceivingApp) -> None:
    app.on("slash", (500, "broken"))
    seen = team.act(type="slash", command="/sre", channel="incidents")
    assert [message["text"] for message in seen["messages"]] == ['/sre failed with the error "dispatch_failed"']


def test_an_unknown_command_never_reaches_the_app(team: Team, app: ReceivingApp) -> None:
    seen = team.act(type="slash", command="/deploy", channel="incidents")
    assert "`/deploy` is not a valid command" in seen["messages"][0]["text"]
    assert app.of("slash") == []


def test_a_pressed_button_sends_block_actions_and_shows_the_edit(
    team: Team, client: WebClient, app: ReceivingApp, incidents: str
) -> None:
    ts = client.chat_postMessage(channel=incidents, text="INC-1", blocks=BUTTONS)["ts"]

    def confirm(received: Received) -> tuple[int, str]:
        client.chat_update(channel=incidents, ts=received.body["message"]["ts"], text="INC-1 confirmed")
        return 200, ""

    app.on("block_actions", confirm)
    seen = team.act(type="click", channel="incidents", ts=ts, action_id="confirm")
    payload = app.of("block_actions")[0].body
    assert app.of("block_actions")[0].genuine
    action = payload["actions"][0]
    assert (action["type"], action["action_id"], action["block_id"], action["value"]) == (
        "button",
        "confirm",
        "verdict",
        "h1",
    )
    assert payload["container"] == {"type": "message", "message_ts": ts, "channel_id": incidents, "is_ephemeral": False}
    assert payload["team"]["id"] == team.installed["team_id"]
    assert [message["text"] for message in seen["messages"]] == ["INC-1 confirmed"]


def test_a_click_may_name_the_beginning_of_an_action_id_and_tell_several_apart_by_value(
    team: Team, client: WebClient, app: ReceivingApp, incidents: str
) -> None:
    ts = client.chat_postMessage(channel=incidents, text="INC-1", blocks=BUTTONS)["ts"]
    refused = team.act(type="click", channel="incidents", ts=ts, action_id="why", status=400)
    assert refused["field"] == "action_id"
    assert "why:h1" in refused["error"]
    assert "why:h2" in refused["error"]
    team.act(type="click", channel="incidents", ts=ts, action_id="why", value="h2", wait=0)
    assert app.of("block_actions")[0].body["actions"][0]["action_id"] == "why:h2"


@pytest.mark.parametrize(("pressed", "value"), [("positive", "up:h1"), ("down:h1", "down:h1"), ("👎", "down:h1")])
def test_feedback_buttons_send_the_value_of_the_pressed_side(
    team: Team, client: WebClient, app: ReceivingApp, incidents: str, pressed: str, value: str
) -> None:
    ts = client.chat_postMessage(channel=incidents, text="INC-1", blocks=BUTTONS)["ts"]
    team.act(type="click", channel="incidents", ts=ts, action_id="vote", value=pressed, wait=0)
    action = app.of("block_actions")[0].body["actions"][0]
    assert (action["type"], action["value"]) == ("feedback_buttons", value)


@pytest.mark.parametrize(
    ("element", "value", "field", "expected"),
    [
        ("static_select", "h2", "selected_option", "h2"),
        ("overflow", "Second", "selected_option", "h2"),
        ("radio_buttons", "h1", "selected_option", "h1"),
        ("checkboxes", ["h1", "h2"], "selected_options", ["h1", "h2"]),
        ("multi_static_select", ["h2"], "selected_options", ["h2"]),
    ],
)
def test_menus_send_the_chosen_option(
    team: Team,
    client: WebClient,
    app: ReceivingApp,
    incidents: str,
    element: str,
    value: Any,
    field: str,
    expected: Any,
) -> None:
    options = [
        {"text": {"type": "plain_text", "text": text}, "value": option}
        for text, option in (("First", "h1"), ("Second", "h2"))
    ]
    block: dict[str, Any] = {
        "type": "actions",
        "block_id": "b",
        "elements": [{"type": element, "action_id": "pick", "options": options}],
    }
    ts = client.chat_postMessage(channel=incidents, text="pick", blocks=[block])["ts"]
    team.act(type="select", channel="incidents", ts=ts, action_id="pick", value=value, wait=0)
    payload = app.of("block_actions")[0].body
    chosen = payload["actions"][0][field]
    assert (chosen["value"] if isinstance(chosen, dict) else [option["value"] for option in chosen]) == expected
    if element != "overflow":
        assert payload["state"]["values"]["b"]["pick"][field] == chosen
    refused = team.act(type="select", channel="incidents", ts=ts, action_id="pick", value="h9", status=400)
    assert refused["field"] == "value"
    assert "'h1', 'h2'" in refused["error"]


def test_a_response_url_answers_five_times_and_then_no_more(team: Team, app: ReceivingApp) -> None:
    team.act(type="slash", command="/sre", text="status", channel="incidents", wait=0)
    address = app.of("slash")[0].body["response_url"]
    for number in range(5):
        assert http().post(address, json={"text": f"part {number}"}).text == "ok"
    refused = http().post(address, json={"text": "part 5"})
    assert (refused.status_code, refused.text) == (404, "used_url")
    assert [message["text"] for message in team.messages()] == [f"part {number}" for number in range(5)]


def test_a_response_url_replaces_and_deletes_the_message_with_the_button(
    team: Team, client: WebClient, app: ReceivingApp, incidents: str
) -> None:
    ts = client.chat_postMessage(channel=incidents, text="INC-1", blocks=BUTTONS)["ts"]
    team.act(type="click", channel="incidents", ts=ts, action_id="confirm", wait=0)
    address = app.of("block_actions")[0].body["response_url"]
    http().post(address, json={"text": "thanks", "replace_original": True})
    assert [(message["ts"], message["text"]) for message in team.messages()] == [(ts, "thanks")]
    http().post(address, json={"text": "only you", "response_type": "ephemeral", "replace_original": False})
    assert [message["text"] for message in team.messages(by="bob")] == ["thanks"]
    http().post(address, json={"delete_original": True})
    assert [message["text"] for message in team.messages()] == ["only you"]


def test_a_response_url_refuses_what_slack_refuses(team: Team, app: ReceivingApp) -> None:
    team.act(type="slash", command="/sre", channel="incidents", wait=0)
    address = app.of("slash")[0].body["response_url"]
    assert http().post(address, content="nonsense").text == "invalid_payload"
    assert http().post(address, json={}).text == "no_text"
    long = [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}]
    assert http().post(address, json={"text": "x", "blocks": long}).text.startswith("invalid_blocks\n")


def test_a_mention_reaches_the_app_as_app_mention_and_as_message(
    team: Team, client: WebClient, app: ReceivingApp, incidents: str
) -> None:
    def reply(received: Received) -> tuple[int, str]:
        event = received.body["event"]
        client.chat_postMessage(channel=event["channel"], thread_ts=event["ts"], text="looking")
        return 200, ""

    app.on("app_mention", reply)
    seen = team.act(type="message", channel="incidents", text="@copilot why is checkout slow & sad?")
    mention, message = app.of("app_mention")[0], app.of("message")[0]
    bot = team.installed["bot_user_id"]
    assert mention.genuine
    assert message.genuine
    assert mention.body["event"]["text"] == f"<@{bot}> why is checkout slow &amp; sad?"
    assert "channel_type" not in mention.body["event"]
    assert message.body["event"]["channel_type"] == "channel"
    assert mention.body["event_id"] != message.body["event_id"]
    assert [said["text"] for said in seen["messages"]] == [mention.body["event"]["text"], "looking"]


def test_an_event_is_retried_three_times_with_the_same_id_and_the_reason(team: Team, app: ReceivingApp) -> None:
    app.on("message", (500, "broken"))
    seen = team.act(type="message", channel="incidents", text="hello")
    assert (seen["ok"], seen["status"], seen["error"]) == (False, 500, "http_error")
    attempts = app.wait_for("message", count=4)
    assert len({attempt.body["event_id"] for attempt in attempts}) == 1
    assert all(attempt.genuine for attempt in attempts)
    assert [attempt.headers.get("x-slack-retry-num") for attempt in attempts] == [None, "1", "2", "3"]
    assert [attempt.headers.get("x-slack-retry-reason") for attempt in attempts] == [None, *["http_error"] * 3]


def test_a_retry_that_is_taken_ends_the_retries(team: Team, app: ReceivingApp) -> None:
    answers = iter([(500, ""), (200, ""), (200, ""), (200, "")])
    app.on("message", lambda _received: next(answers))
    team.act(type="message", channel="incidents", text="hello")
    app.wait_for("message", count=2)
    journal = team.get("/local/deliveries", kind="event message")["deliveries"]
    assert [(entry["retry"], entry["status"]) for entry in journal] == [(0, 500), (1, 200)]


def test_a_reaction_is_an_event_and_the_same_again_takes_it_away(
    team: Team, client: WebClient, app: ReceivingApp, incidents: str
) -> None:
    ts = client.chat_postMessage(channel=incidents, text="INC-1")["ts"]
    team.act(type="react", channel="incidents", ts=ts, name="eyes")
    assert team.messages()[0]["reactions"][0]["name"] == "eyes"
    event = app.of("reaction_added")[0].body["event"]
    assert event["item"] == {"type": "message", "channel": incidents, "ts": ts}
    team.act(type="react", channel="incidents", ts=ts, name="eyes")
    assert app.of("reaction_removed")
    assert "reactions" not in team.messages()[0]


def test_looking_at_the_home_tab_is_an_event_and_shows_what_the_app_published(
    team: Team, client: WebClient, app: ReceivingApp
) -> None:
    home = {"type": "home", "blocks": [{"type": "header", "text": {"type": "plain_text", "text": "Open incidents"}}]}

    def publish(received: Received) -> tuple[int, str]:
        client.views_publish(user_id=received.body["event"]["user"], view=home)
        return 200, ""

    app.on("app_home_opened", publish)
    seen = team.act(type="open_home")
    assert app.of("app_home_opened")[0].body["event"]["tab"] == "home"
    assert seen["views"][0]["blocks"][0]["text"]["text"] == "Open incidents"
    assert team.get("/local/views", **{"as": "alice"})["home"]["type"] == "home"
    assert team.get("/local/views", **{"as": "bob"})["home"] is None


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"type": "dance"}, 400, "type"),
        ({"type": "slash", "channel": "incidents"}, 400, "command"),
        ({"type": "slash", "command": "sre", "channel": "incidents"}, 400, "command"),
        ({"type": "slash", "command": "/sre", "channel": "nowhere"}, 404, "channel"),
        ({"type": "message", "channel": "incidents"}, 400, "text"),
        ({"type": "message", "channel": "incidents", "text": "x", "thread_ts": "1.000000"}, 404, "thread_ts"),
        ({"type": "click", "channel": "incidents", "ts": "1.000000", "action_id": "a"}, 404, "ts"),
        ({"type": "click", "channel": "incidents", "ts": "1.000000"}, 400, "action_id"),
        ({"type": "submit"}, 404, "view_id"),
        ({"type": "open_home", "tab": "about"}, 400, "tab"),
        ({"type": "open_home", "wait": "long"}, 400, "wait"),
    ],
)
def test_a_wrong_act_is_refused_with_the_field_named(team: Team, body: dict[str, Any], status: int, field: str) -> None:
    refused = team.act(**body, status=status)
    assert (refused["ok"], refused["field"]) == (False, field)
    assert refused["error"].startswith(f"{field}:")


def test_an_unknown_person_is_refused_with_those_there_are(team: Team) -> None:
    refused = team.act(by="mallory", type="open_home", status=404)
    assert refused["error"] == "as: no person 'mallory' here; there are: alice, bob, carol"
