"""Work Objects: what Slack allows in an entity's metadata, and where a message keeps the cards of its links."""

import re

from slackbot.local.model import Json, Message
from slackbot.local.shapes import (
    Check,
    Findings,
    address,
    anything,
    boolean,
    choice,
    exactly_one,
    items,
    record,
    string,
    typed,
    whole,
)

ENTITIES = ("file", "task", "incident", "content_item", "item")
MOST_ENTITIES = 10
_LINK = re.compile(r"<(https?://[^>|]+)(?:\|[^>]*)?>|(https?://[^\s<>|]+)")
_KEY = string(low=1, high=255)
_LONG = string(low=1, high=3000)
_ICON = record({"alt_text": string(low=1)}, {"url": address, "slack_file": anything})
_COLOUR = choice("red", "yellow", "green", "gray", "blue")
_USER = record({}, {"user_id": string(low=1), "text": string(low=1), "url": address, "email": string(), "icon": _ICON})
_PERSON = record({"user": _USER}, {"type": choice("slack#/types/user"), "label": string(), "edit": anything})
_STRING = record(
    {"value": _LONG},
    {
        "type": choice("string"), "label": string(), "format": choice("markdown"), "link": address, "icon": _ICON,
        "long": boolean, "tag_color": _COLOUR, "edit": anything,
    },
)  # fmt: skip
_TIME = record({"value": whole(low=0)}, {"type": choice("slack#/types/timestamp"), "label": string(), "link": address})
INCIDENT_FIELDS: dict[str, Check] = {
    **dict.fromkeys(("status", "severity", "priority", "urgency", "description", "service"), _STRING),
    **dict.fromkeys(("created_by", "assigned_to"), _PERSON),
    **dict.fromkeys(("date_created", "date_updated"), _TIME),
}


def _custom(value: Check, **more: Check) -> Check:
    return record({"type": anything, "key": _KEY, "label": _LONG, "value": value}, more)


CUSTOM_FIELD = typed(
    {
        "string": _custom(_LONG, format=choice("markdown"), link=address, icon=_ICON, long=boolean, tag_color=_COLOUR),
        "integer": _custom(whole()),
        "boolean": _custom(boolean, boolean=anything),
        "array": _custom(items(anything), item_type=string(low=1)),
        "slack#/types/timestamp": _custom(whole(low=0), link=address),
        "slack#/types/date": _custom(string(pattern=r"\d{4}-\d\d-\d\d"), link=address),
        "slack#/types/link": _custom(address),
        "slack#/types/email": _custom(_LONG),
        "slack#/types/channel_id": _custom(_LONG),
    },
    what="field type",
)
ACTION = record(
    {"text": string(low=1, high=75), "action_id": string(low=1, high=255)},
    {
        "value": string(high=2000), "style": choice("primary", "danger"), "url": address,
        "accessibility_label": string(low=1, high=75), "processing_state": anything,
    },
)  # fmt: skip
_ATTRIBUTES = record(
    {"title": record({"text": string(low=1, high=3000)}, {"edit": anything})},
    {
        "display_id": _KEY, "display_type": _KEY, "product_name": _KEY, "product_icon": _ICON, "locale": string(),
        "full_size_preview": anything, "metadata_last_modified": whole(low=0),
    },
)  # fmt: skip


def _ordered(payload: Json, pointer: str, findings: Findings) -> None:
    """Check that what is ordered is there, and no key twice."""
    keys = [one["key"] for one in payload.get("custom_fields") or []]
    if len(set(keys)) < len(keys):
        findings.add(f"{pointer}/custom_fields", "keys must be unique")
    known = {*keys, *(payload.get("fields") or {})}
    for place, key in enumerate(payload.get("display_order") or []):
        if key not in known:
            findings.add(f"{pointer}/display_order/{place}", f"there is no field {key}")


_ENTITY: dict[str, Check] = {
    "entity_type": choice(*(f"slack#/entities/{one}" for one in ENTITIES)),
    "url": address,
    "external_ref": record({"id": _KEY}, {"type": _KEY}),
    "entity_payload": record(
        {"attributes": _ATTRIBUTES},
        {
            "fields": record({}, INCIDENT_FIELDS),
            "custom_fields": items(CUSTOM_FIELD),
            "display_order": items(string(low=1)),
            "actions": record(
                {}, {"primary_actions": items(ACTION, high=2), "overflow_actions": items(ACTION, high=5)}
            ),
            "slack_file": anything,
        },
        also=_ordered,
    ),
}
UNFURLED = record({**_ENTITY, "app_unfurl_url": address})
PRESENTED = record(_ENTITY)
REFUSAL = record(
    {"status": choice("restricted", "internal_error", "not_found", "custom", "custom_partial_view", "timeout", "edit_error")},
    {
        "custom_title": string(low=1), "custom_message": string(low=1), "message_format": choice("markdown"),
        "actions": items(ACTION),
    },
)  # fmt: skip
UNFURL = record({}, {"blocks": items(anything, low=1, high=50), "text": string(), "title": string()})
PRESENTATION = record(
    {"trigger_id": string(low=1)},
    {
        "metadata": PRESENTED,
        "error": REFUSAL,
        "user_auth_required": boolean,
        "user_auth_url": address,
        "token": string(),
    },
    also=exactly_one("metadata", "error"),
)


def mistakes(check: Check, value: object, pointer: str) -> list[str]:
    """Return what is wrong with a value."""
    findings = Findings()
    check(value, pointer, findings)
    return findings.messages


def links_in(text: str) -> list[str]:
    """Return the web addresses in a message's text, each once."""
    found = [(match[1] or match[2]).rstrip(".,;:!?)") for match in _LINK.finditer(text)]
    return list(dict.fromkeys(one.replace("&amp;", "&") for one in found))


def attach(message: Message, cards: dict[str, Json]) -> None:
    """Put the cards of links below a message; one that is there is replaced."""
    kept = [one for one in message.body.get("attachments") or [] if one.get("app_unfurl_url") not in cards]
    made = [{"is_app_unfurl": True, "app_unfurl_url": url, "from_url": url, **card} for url, card in cards.items()]
    numbered = [{**one, "id": place} for place, one in enumerate([*kept, *made], start=1)]
    message.body["attachments"] = numbered


def card_of(message: Message, url: str) -> Json | None:
    """Return the entity that a link in a message was unfurled to."""
    for one in message.body.get("attachments") or []:
        entity: Json | None = one.get("work_object")
        if entity is not None and url in (one["app_unfurl_url"], entity["url"]):
            return entity
    return None


def action_in(entity: Json, action_id: str) -> Json | None:
    """Return one of an entity's buttons."""
    actions = entity["entity_payload"].get("actions") or {}
    every = [*(actions.get("primary_actions") or []), *(actions.get("overflow_actions") or [])]
    return next((one for one in every if one["action_id"] == action_id), None)
