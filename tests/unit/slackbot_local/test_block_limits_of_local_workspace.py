"""The limits of Block Kit, each at its exact value: what fits is taken, one more is refused where it stands."""

import json
import os
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from slackbot.local.blocks import BLOCKS, check_message_blocks, check_view
from slackbot.local.elements import ELEMENTS
from slackbot.local.testing import Json


def plain(length: int) -> Json:
    return {"type": "plain_text", "text": "x" * length}


def mrkdwn(length: int) -> Json:
    return {"type": "mrkdwn", "text": "x" * length}


def button(**more: Any) -> Json:
    return {"type": "button", "text": plain(4), **more}


def options(count: int, *, text: int = 4, value: int = 3) -> list[Json]:
    return [{"text": plain(text), "value": f"{number:0{value}d}"} for number in range(count)]


def actions(*elements: Json) -> Json:
    return {"type": "actions", "elements": list(elements)}


def select(**more: Any) -> Json:
    return actions({"type": "static_select", "options": options(2), **more})


def feedback(text: int = 4, value: int = 4) -> Json:
    side = {"text": plain(text), "value": "x" * value}
    return {"type": "feedback_buttons", "positive_button": side, "negative_button": side}


def rows(count: int, columns: int) -> list[list[Json]]:
    return [[{"type": "raw_text", "text": "x"}] * columns for _ in range(count)]


LIMITS: list[tuple[str, Any, Any, str]] = [
    ("section text", {"type": "section", "text": mrkdwn(3000)}, {"type": "section", "text": mrkdwn(3001)}, "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"),
    ("section text at least", {"type": "section", "text": mrkdwn(1)}, {"type": "section", "text": mrkdwn(0)}, "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
    ("section fields", {"type": "section", "fields": [mrkdwn(1)] * 10}, {"type": "section", "fields": [mrkdwn(1)] * 11}, "no more than 10 items allowed [json-pointer:/blocks/0/fields]"),
    ("field text", {"type": "section", "fields": [mrkdwn(2000)]}, {"type": "section", "fields": [mrkdwn(2001)]}, "must be less than 2001 characters [json-pointer:/blocks/0/fields/0/text]"),
    ("section content", {"type": "section", "text": mrkdwn(1)}, {"type": "section"}, "must provide text or fields [json-pointer:/blocks/0]"),
    ("header", {"type": "header", "text": plain(150)}, {"type": "header", "text": plain(151)}, "must be less than 151 characters [json-pointer:/blocks/0/text/text]"),
    ("header is plain", {"type": "header", "text": plain(1)}, {"type": "header", "text": mrkdwn(1)}, "unsupported text type: mrkdwn [json-pointer:/blocks/0/text/type]"),
    ("actions", actions(*[button()] * 25), actions(*[button()] * 26), "no more than 25 items allowed [json-pointer:/blocks/0/elements]"),
    ("context", {"type": "context", "elements": [mrkdwn(1)] * 10}, {"type": "context", "elements": [mrkdwn(1)] * 11}, "no more than 10 items allowed [json-pointer:/blocks/0/elements]"),
    ("button text", actions(button(text=plain(75))), actions(button(text=plain(76))), "must be less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]"),
    ("button value", actions(button(value="x" * 2000)), actions(button(value="x" * 2001)), "must be less than 2001 characters [json-pointer:/blocks/0/elements/0/value]"),
    ("button url", actions(button(url="https://" + "x" * 2992)), actions(button(url="https://" + "x" * 2993)), "must be less than 3001 characters [json-pointer:/blocks/0/elements/0/url]"),
    ("button style", actions(button(style="primary")), actions(button(style="green")), "must be a valid enum value; expected one of primary, danger [json-pointer:/blocks/0/elements/0/style]"),
    ("action_id", actions(button(action_id="x" * 255)), actions(button(action_id="x" * 256)), "must be less than 256 characters [json-pointer:/blocks/0/elements/0/action_id]"),
    ("block_id", {"type": "divider", "block_id": "x" * 255}, {"type": "divider", "block_id": "x" * 256}, "must be less than 256 characters [json-pointer:/blocks/0/block_id]"),
    ("same action_id", actions(button(action_id="a"), button(action_id="b")), actions(button(action_id="a"), button(action_id="a")), '`action_id` "a" already exists for another element in the block [json-pointer:/blocks/0/elements/1/action_id]'),
    ("options", select(options=options(100)), select(options=options(101)), "no more than 100 items allowed [json-pointer:/blocks/0/elements/0/options]"),
    ("no options", select(options=options(1)), select(options=[]), "no less than 1 items allowed [json-pointer:/blocks/0/elements/0/options]"),
    ("option text", select(options=options(1, text=75)), select(options=options(1, text=76)), "must be less than 76 characters [json-pointer:/blocks/0/elements/0/options/0/text/text]"),
    ("option value", select(options=options(1, value=150)), select(options=options(1, value=151)), "must be less than 151 characters [json-pointer:/blocks/0/elements/0/options/0/value]"),
    ("initial option", select(initial_option=options(1)[0]), select(initial_option=options(3)[2]), "initial option is not among the options [json-pointer:/blocks/0/elements/0/initial_option]"),
    ("placeholder", select(placeholder=plain(150)), select(placeholder=plain(151)), "must be less than 151 characters [json-pointer:/blocks/0/elements/0/placeholder/text]"),
    ("overflow", actions({"type": "overflow", "options": options(5)}), actions({"type": "overflow", "options": options(6)}), "no more than 5 items allowed [json-pointer:/blocks/0/elements/0/options]"),
    ("checkboxes", actions({"type": "checkboxes", "options": options(10)}), actions({"type": "checkboxes", "options": options(11)}), "no more than 10 items allowed [json-pointer:/blocks/0/elements/0/options]"),
    ("radio", actions({"type": "radio_buttons", "options": options(10)}), actions({"type": "radio_buttons", "options": options(11)}), "no more than 10 items allowed [json-pointer:/blocks/0/elements/0/options]"),
    ("image alt text", {"type": "image", "image_url": "https://x.example/a.png", "alt_text": "x" * 2000}, {"type": "image", "image_url": "https://x.example/a.png"}, "missing required field: alt_text [json-pointer:/blocks/0]"),
    ("image source", {"type": "image", "image_url": "https://x.example/a.png", "alt_text": "x"}, {"type": "image", "alt_text": "x"}, "missing required field: image_url or slack_file [json-pointer:/blocks/0]"),
    ("markdown", {"type": "markdown", "text": "x" * 12_000}, {"type": "markdown", "text": "x" * 12_001}, "must be less than 12001 characters [json-pointer:/blocks/0/text]"),
    ("context actions", {"type": "context_actions", "elements": [feedback()] * 5}, {"type": "context_actions", "elements": [feedback()] * 6}, "no more than 5 items allowed [json-pointer:/blocks/0/elements]"),
    ("feedback text", {"type": "context_actions", "elements": [feedback(text=75)]}, {"type": "context_actions", "elements": [feedback(text=76)]}, "must be less than 76 characters [json-pointer:/blocks/0/elements/0/positive_button/text/text]"),
    ("feedback value", {"type": "context_actions", "elements": [feedback(value=2000)]}, {"type": "context_actions", "elements": [feedback(value=2001)]}, "must be less than 2001 characters [json-pointer:/blocks/0/elements/0/positive_button/value]"),
    ("feedback place", {"type": "context_actions", "elements": [feedback()]}, actions(feedback()), "unsupported element type: feedback_buttons [json-pointer:/blocks/0/elements/0/type]"),
    ("table rows", {"type": "table", "rows": rows(100, 2)}, {"type": "table", "rows": rows(101, 2)}, "no more than 100 items allowed [json-pointer:/blocks/0/rows]"),
    ("table columns", {"type": "table", "rows": rows(1, 20)}, {"type": "table", "rows": rows(1, 21)}, "no more than 20 items allowed [json-pointer:/blocks/0/rows/0]"),
    ("table width", {"type": "table", "rows": rows(2, 2)}, {"type": "table", "rows": [*rows(1, 2), *rows(1, 3)]}, "must have 2 cells like the first row [json-pointer:/blocks/0/rows/1]"),
    ("data table", {"type": "data_table", "caption": "x", "rows": rows(101, 2)}, {"type": "data_table", "caption": "x", "rows": rows(102, 2)}, "no more than 101 items allowed [json-pointer:/blocks/0/rows]"),
    ("confirm text", actions(button(confirm={"text": plain(300)})), actions(button(confirm={"text": plain(301)})), "must be less than 301 characters [json-pointer:/blocks/0/elements/0/confirm/text/text]"),
    ("block type", {"type": "divider"}, {"type": "nonsense"}, "unsupported block type: nonsense [json-pointer:/blocks/0/type]"),
    ("element type", actions(button()), actions({"type": "plain_text_input"}), "unsupported element type: plain_text_input [json-pointer:/blocks/0/elements/0/type]"),
    ("properties", {"type": "divider"}, {"type": "divider", "colour": "red"}, "invalid additional property: colour [json-pointer:/blocks/0]"),
    ("alert is for modals", {"type": "divider"}, {"type": "alert", "text": plain(1)}, "unsupported block type: alert [json-pointer:/blocks/0/type]"),
    ("type", {"type": "divider"}, {"text": "x"}, "missing required field: type [json-pointer:/blocks/0]"),
    ("object", {"type": "divider"}, "divider", "must provide an object [json-pointer:/blocks/0]"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("fits", "exceeds", "message"), [limit[1:] for limit in LIMITS], ids=[limit[0] for limit in LIMITS]
)
def test_a_block_at_its_limit_is_taken_and_beyond_it_refused(fits: Json, exceeds: Any, message: str) -> None:
    assert check_message_blocks([fits]) == []
    assert message in check_message_blocks([exceeds])


def test_a_message_has_at_most_50_blocks() -> None:
    assert check_message_blocks([{"type": "divider"}] * 50) == []
    assert check_message_blocks([{"type": "divider"}] * 51) == ["no more than 50 items allowed [json-pointer:/blocks]"]


def test_a_block_id_is_used_once_in_a_message() -> None:
    twice = [{"type": "divider", "block_id": "a"}, {"type": "divider", "block_id": "a"}]
    assert check_message_blocks(twice) == ['`block_id` "a" already exists [json-pointer:/blocks/1/block_id]']


def modal(**more: Any) -> Json:
    return {"type": "modal", "title": plain(5), "blocks": [], **more}


INPUT = {"type": "input", "label": plain(5), "element": {"type": "plain_text_input"}}


@pytest.mark.parametrize(
    ("fits", "exceeds", "message"),
    [
        (modal(title=plain(24)), modal(title=plain(25)), "must be less than 25 characters [json-pointer:/view/title/text]"),
        (modal(submit=plain(24)), modal(submit=plain(25)), "must be less than 25 characters [json-pointer:/view/submit/text]"),
        (modal(close=plain(24)), modal(close=plain(25)), "must be less than 25 characters [json-pointer:/view/close/text]"),
        (modal(blocks=[{"type": "divider"}] * 100), modal(blocks=[{"type": "divider"}] * 101), "no more than 100 items allowed [json-pointer:/view/blocks]"),
        (modal(private_metadata="x" * 3000), modal(private_metadata="x" * 3001), "must be less than 3001 characters [json-pointer:/view/private_metadata]"),
        (modal(callback_id="x" * 255), modal(callback_id="x" * 256), "must be less than 256 characters [json-pointer:/view/callback_id]"),
        (modal(submit=plain(1), blocks=[INPUT]), modal(blocks=[INPUT]), "missing required field: submit (the view has input blocks) [json-pointer:/view]"),
        (modal(), {"type": "modal", "blocks": []}, "missing required field: title [json-pointer:/view]"),
        (modal(), modal(type="popup"), "unsupported view type: popup [json-pointer:/view/type]"),
        (modal(submit=plain(1), blocks=[{**INPUT, "label": plain(2000)}]), modal(submit=plain(1), blocks=[{**INPUT, "label": plain(2001)}]), "must be less than 2001 characters [json-pointer:/view/blocks/0/label/text]"),
    ],
)  # fmt: skip
def test_a_view_at_its_limit_is_taken_and_beyond_it_refused(fits: Json, exceeds: Json, message: str) -> None:
    assert check_view(fits) == []
    assert message in check_view(exceeds)


def test_the_web_api_tells_the_places_as_slack_does(client: WebClient, incidents: str) -> None:
    with pytest.raises(SlackApiError) as caught:
        client.chat_postMessage(channel=incidents, text="x", blocks=[{"type": "section", "text": mrkdwn(3001)}])
    assert caught.value.response["error"] == "invalid_blocks"
    assert caught.value.response["response_metadata"]["messages"] == [
        "[ERROR] must be less than 3001 characters [json-pointer:/blocks/0/text/text]"
    ]
    assert client.conversations_history(channel=incidents)["messages"] == []


def test_all_markdown_of_a_message_together_has_at_most_12000_characters(client: WebClient, incidents: str) -> None:
    half = {"type": "markdown", "text": "x" * 6000}
    client.chat_postMessage(channel=incidents, text="x", blocks=[half, half])
    with pytest.raises(SlackApiError) as caught:
        client.chat_postMessage(channel=incidents, text="x", blocks=[half, half, {"type": "markdown", "text": "x"}])
    assert caught.value.response["error"] == "msg_blocks_too_long"


PIECES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from([*BLOCKS, *ELEMENTS, "mrkdwn"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "text",
                    "elements",
                    "element",
                    "rows",
                    "fields",
                    "options",
                    "option_groups",
                    "accessory",
                    "block_id",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(blocks=PIECES)
def test_any_json_is_judged_without_stumbling(blocks: Any) -> None:
    found = check_message_blocks(blocks) + check_view({"type": "modal", "title": plain(1), "blocks": blocks})
    assert all("[json-pointer:/" in message for message in found)
    assert found or isinstance(blocks, list)


def _schema() -> Json:
    shared = Path(os.environ.get("COPILOT_SHARED", "../shared"))
    path = shared / "vendor" / "specs" / "slack-knownblock.generated.schema.json"
    if not path.exists():
        pytest.skip(f"{path} is absent: the schema of Slack's own types is not at hand")
    schema: Json = json.loads(path.read_text())
    return schema


def test_every_block_and_field_of_slacks_own_types_is_known() -> None:
    definitions = _schema()["definitions"]
    kinds = {
        definition["properties"]["type"]["const"]: set(definition["properties"])
        for name, definition in definitions.items()
        if name.endswith("Block") and "const" in definition.get("properties", {}).get("type", {})
    }
    assert set(kinds) - set(BLOCKS) == set()
    for kind, fields in kinds.items():
        check = check_view if kind == "alert" else check_message_blocks
        filled = {**dict.fromkeys(fields, 5), "type": kind}
        found = check_view(modal(blocks=[filled])) if check is check_view else check_message_blocks([filled])
        assert [message for message in found if "additional property" in message] == [], kind


def test_every_element_of_slacks_own_types_is_known() -> None:
    definitions = _schema()["definitions"]
    names = {
        definition["properties"]["type"]["const"]
        for name, definition in definitions.items()
        if {"action_id", "type"} <= set(definition.get("properties", {}))
    }
    assert names - set(ELEMENTS) == set()


@pytest.mark.parametrize(("fits", "exceeds"), [limit[1:3] for limit in LIMITS], ids=[limit[0] for limit in LIMITS])
def test_what_fits_is_also_valid_by_slacks_own_types(fits: Json, exceeds: Any) -> None:
    schema = _schema()
    jsonschema.Draft7Validator({**schema, "$ref": "#/definitions/KnownBlock"}).validate(fits)
    assert fits != exceeds
