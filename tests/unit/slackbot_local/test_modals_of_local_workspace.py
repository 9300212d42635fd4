"""Modals in the local workspace: opened by a trigger, filled in, refused, pushed, updated and closed."""

import time
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from slackbot.local.testing import Json, Received, ReceivingApp, Team


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def modal(title: str = "Why?", **more: Any) -> Json:
    return {
        "type": "modal",
        "callback_id": "why",
        "private_metadata": "h1",
        "title": plain(title),
        "submit": plain("Send"),
        "blocks": [
            {
                "type": "input",
                "block_id": "reason",
                "label": plain("Reason"),
                "element": {
                    "type": "static_select",
                    "action_id": "reason",
                    "options": [
                        {"text": plain("Wrong service"), "value": "service"},
                        {"text": plain("Symptom"), "value": "symptom"},
                    ],
                },
            },
            {
                "type": "input",
                "block_id": "words",
                "optional": True,
                "label": plain("Words"),
                "element": {"type": "plain_text_input", "action_id": "text", "max_length": 20},
            },
            {
                "type": "actions",
                "block_id": "more",
                "elements": [{"type": "button", "action_id": "deeper", "text": plain("Deeper")}],
            },
        ],
        **more,
    }


@pytest.fixture
def opened(team: Team, client: WebClient, app: ReceivingApp) -> Json:
    def open_it(received: Received) -> tuple[int, str]:
        client.views_open(trigger_id=received.body["trigger_id"], view=modal())
        return 200, ""

    app.on("slash", open_it)
    view: Json = team.act(type="slash", command="/sre", text="why 1", channel="incidents")["views"][0]
    return view


def test_a_trigger_opens_one_modal_for_the_person_who_acted(
    team: Team, client: WebClient, app: ReceivingApp, opened: Json
) -> None:
    assert (opened["title"]["text"], opened["root_view_id"], opened["state"]["values"]["words"]["text"]["value"]) == (
        "Why?",
        opened["id"],
        None,
    )
    assert [view["id"] for view in team.get("/local/views", **{"as": "alice"})["views"]] == [opened["id"]]
    assert team.get("/local/views", **{"as": "bob"})["views"] == []
    with pytest.raises(SlackApiError, match="exchanged_trigger_id"):
        client.views_open(trigger_id=app.of("slash")[0].body["trigger_id"], view=modal())


def test_a_trigger_expires(team: Team, client: WebClient, app: ReceivingApp) -> None:
    team.act(type="slash", command="/sre", channel="incidents", wait=0)
    time.sleep(1.1)
    with pytest.raises(SlackApiError, match="expired_trigger_id"):
        client.views_open(trigger_id=app.of("slash")[0].body["trigger_id"], view=modal())
    with pytest.raises(SlackApiError, match="invalid_trigger_id"):
        client.views_open(trigger_id="1.2.abc", view=modal())


def test_a_view_beyond_the_limits_is_refused_with_the_place(team: Team, client: WebClient, app: ReceivingApp) -> None:
    team.act(type="slash", command="/sre", channel="incidents", wait=0)
    with pytest.raises(SlackApiError) as caught:
        client.views_open(trigger_id=app.of("slash")[0].body["trigger_id"], view=modal(title="x" * 25))
    assert caught.value.response["error"] == "invalid_arguments"
    assert caught.value.response["response_metadata"]["messages"] == [
        "[ERROR] must be less than 25 characters [json-pointer:/view/title/text]"
    ]


def test_a_submission_carries_what_was_entered_and_closes_the_modal(
    team: Team, app: ReceivingApp, opened: Json
) -> None:
    seen = team.act(type="submit", values={"reason": {"reason": "symptom"}, "text": "the pool"})
    payload = app.of("view_submission")[0].body
    assert app.of("view_submission")[0].genuine
    assert payload["view"]["private_metadata"] == "h1"
    values = payload["view"]["state"]["values"]
    assert values["reason"]["reason"]["selected_option"]["value"] == "symptom"
    assert values["words"]["text"] == {"type": "plain_text_input", "value": "the pool"}
    assert (seen["ok"], seen["closed_views"]) == (True, [opened["id"]])


def test_a_required_field_is_asked_for_before_the_app_hears_of_it(team: Team, app: ReceivingApp, opened: Json) -> None:
    seen = team.act(type="submit", values={"text": "x" * 21})
    assert seen["errors"] == {
        "reason": "Please complete this required field.",
        "words": "This field must be at most 20 characters long.",
    }
    assert app.of("view_submission") == []


def test_the_apps_errors_are_shown_and_the_modal_stays(team: Team, app: ReceivingApp, opened: Json) -> None:
    app.on("view_submission", (200, {"response_action": "errors", "errors": {"words": "Say more"}}))
    seen = team.act(type="submit", values={"reason": "symptom"})
    assert (seen["ok"], seen["errors"]) == (False, {"words": "Say more"})
    assert team.get("/local/views", **{"as": "alice"})["views"][0]["errors"] == {"words": "Say more"}


def test_an_app_that_fails_leaves_the_modal_open(team: Team, app: ReceivingApp, opened: Json) -> None:
    app.on("view_submission", (500, ""))
    seen = team.act(type="submit", values={"reason": "symptom"})
    assert seen["errors"] == {"": "We had some trouble connecting. Try again?"}


def test_an_answer_may_update_push_and_clear(team: Team, app: ReceivingApp, opened: Json) -> None:
    app.on("view_submission", (200, {"response_action": "update", "view": modal("Updated")}))
    seen = team.act(type="submit", values={"reason": "symptom"})
    assert [(view["id"], view["title"]["text"]) for view in seen["views"]] == [(opened["id"], "Updated")]
    app.on("view_submission", (200, {"response_action": "push", "view": modal("Pushed")}))
    pushed = team.act(type="submit")["views"][-1]
    assert (pushed["title"]["text"], pushed["previous_view_id"], pushed["root_view_id"]) == (
        "Pushed",
        opened["id"],
        opened["id"],
    )
    app.on("view_submission", (200, {"response_action": "clear"}))
    assert set(team.act(type="submit", values={"reason": "service"})["closed_views"]) == {opened["id"], pushed["id"]}


def test_a_button_in_a_modal_names_the_view_and_may_push(
    team: Team, client: WebClient, app: ReceivingApp, opened: Json
) -> None:
    def push(received: Received) -> tuple[int, str]:
        client.views_push(trigger_id=received.body["trigger_id"], view=modal("Deeper", notify_on_close=True))
        return 200, ""

    app.on("block_actions", push)
    seen = team.act(type="click", view_id=opened["id"], action_id="deeper")
    payload = app.of("block_actions")[0].body
    assert payload["container"] == {"type": "view", "view_id": opened["id"]}
    assert "response_url" not in payload
    assert seen["views"][-1]["title"]["text"] == "Deeper"
    team.act(type="close")
    assert app.of("view_closed")[0].body["view"]["id"] == seen["views"][-1]["id"]
    assert [view["id"] for view in team.get("/local/views", **{"as": "alice"})["views"]] == [opened["id"]]


def test_an_update_needs_the_current_hash_and_keeps_what_was_entered(
    team: Team, client: WebClient, app: ReceivingApp, opened: Json
) -> None:
    app.on("view_submission", (200, {"response_action": "errors", "errors": {"words": "Say more"}}))
    team.act(type="submit", values={"reason": "symptom"})
    with pytest.raises(SlackApiError, match="hash_conflict"):
        client.views_update(view_id=opened["id"], hash="1.old", view=modal())
    updated = client.views_update(view_id=opened["id"], hash=opened["hash"], view=modal("Again"))["view"]
    assert updated["state"]["values"]["reason"]["reason"]["selected_option"]["value"] == "symptom"
    with pytest.raises(SlackApiError, match="not_found"):
        client.views_update(view_id="V0NOTHING", view=modal())


def test_a_wrong_value_is_refused_with_its_field(team: Team, opened: Json) -> None:
    refused = team.act(type="submit", values={"nowhere": "x"}, status=404)
    assert refused["field"] == "values.nowhere"
    assert refused["error"].endswith("inputs: reason.reason, words.text")
    assert team.act(type="submit", values={"reason": "nonsense"}, status=400)["field"] == "value"
