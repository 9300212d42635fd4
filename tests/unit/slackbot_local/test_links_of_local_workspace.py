"""Links in the local workspace: told to the app that owns their host, and shown with what it makes of them."""

from __future__ import annotations

from typing import Any

import pytest

from slackbot.local.entities import PRESENTED, REFUSAL, UNFURLED, links_in, mistakes

URL = "https://copilot.example.com/slack/incidents/acme/1"
ENTITY: dict[str, Any] = {
    "entity_type": "slack#/entities/incident",
    "url": URL,
    "external_ref": {"id": "1"},
    "entity_payload": {
        "attributes": {"title": {"text": "INC-1"}},
        "fields": {"status": {"value": "open", "tag_color": "red"}, "date_created": {"value": 1_741_164_235}},
        "custom_fields": [{"key": "verdict", "label": "Verdict", "type": "string", "value": "Likely"}],
        "display_order": ["verdict", "status"],
        "actions": {"primary_actions": [{"text": "Why?", "action_id": "why", "value": "1"}]},
    },
}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"<{URL}>", [URL]),
        (f"<{URL}|here> and {URL}.", [URL]),
        ("https://a.example/?a=1&amp;b=2", ["https://a.example/?a=1&b=2"]),
        ("nothing, ftp://a.example and javascript:alert(1)", []),
    ],
)
def test_links_are_found_as_they_are_written(text: str, found: list[str]) -> None:
    assert links_in(text) == found


def test_an_entity_as_slack_documents_it_is_taken() -> None:
    assert mistakes(PRESENTED, ENTITY, "") == []
    assert mistakes(UNFURLED, {**ENTITY, "app_unfurl_url": f"{URL}?a=1"}, "") == []
    assert mistakes(REFUSAL, {"status": "not_found"}, "") == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"fields": {"creator": {"value": "x"}}}, "invalid additional property: creator"),
        ({"fields": {"status": {"value": ""}}}, "must be more than 0 characters [json-pointer:/entity_payload/fields/status"),
        ({"fields": {"date_created": {"value": "today"}}}, "must be an integer"),
        ({"display_order": ["gone"]}, "there is no field gone"),
        ({"custom_fields": [ENTITY["entity_payload"]["custom_fields"][0]] * 2}, "keys must be unique"),
        ({"actions": {"primary_actions": [{"text": "A", "action_id": "a"}] * 3}}, "no more than 2 items allowed"),
        ({"attributes": {}}, "missing required field: title"),
    ],
)  # fmt: skip
def test_what_slack_would_not_show_is_refused(change: dict[str, Any], said: str) -> None:
    wrong = mistakes(PRESENTED, {**ENTITY, "entity_payload": {**ENTITY["entity_payload"], **change}}, "")
    assert any(said in one for one in wrong), wrong
