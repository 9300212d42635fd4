"""What Slack allows in texts, options, buttons, menus and inputs: fields and limits."""

from collections.abc import Iterable
from typing import Any

from slackbot.local.shapes import (
    Check,
    Findings,
    Json,
    address,
    anything,
    boolean,
    choice,
    exactly_one,
    items,
    number,
    record,
    string,
    typed,
    whole,
)


def plain(high: int, *, low: int = 1) -> Check:
    """Check a plain_text object of at most `high` characters."""
    return typed(
        {"plain_text": record({"type": anything, "text": string(low=low, high=high)}, {"emoji": boolean})},
        what="text type",
    )


def text(high: int) -> Check:
    """Check a plain_text or mrkdwn object of at most `high` characters."""
    body = string(low=1, high=high)
    return typed(
        {
            "plain_text": record({"type": anything, "text": body}, {"emoji": boolean}),
            "mrkdwn": record({"type": anything, "text": body}, {"verbatim": boolean}),
        },
        what="text type",
    )


def mrkdwn(high: int) -> Check:
    """Check a mrkdwn object of at most `high` characters."""
    return typed(
        {"mrkdwn": record({"type": anything, "text": string(low=1, high=high)}, {"verbatim": boolean})},
        what="text type",
    )


CONFIRM = record(
    {"text": text(300)},
    {"title": plain(100), "confirm": plain(30), "deny": plain(30), "style": choice("primary", "danger")},
)
SLACK_FILE = record({}, {"id": string(low=1), "url": address}, also=exactly_one("id", "url"))
IMAGE = record(
    {"type": anything, "alt_text": string(high=2000)},
    {"image_url": address, "slack_file": SLACK_FILE},
    also=exactly_one("image_url", "slack_file"),
)

_TYPE = {"type": anything}
_BASE: dict[str, Check] = {"action_id": string(low=1, high=255), "confirm": CONFIRM}
_FOCUS: dict[str, Check] = {**_BASE, "focus_on_load": boolean, "placeholder": plain(150)}
_DISPATCH = {
    "dispatch_action_config": record(
        {},
        {"trigger_actions_on": items(choice("on_enter_pressed", "on_character_entered"), low=1, high=2)},
    )
}


def _option(label: Check) -> Check:
    return record({"text": label, "value": string(low=1, high=150)}, {"description": text(75), "url": address})


PLAIN_OPTION = _option(plain(75))
TEXT_OPTION = _option(text(75))
OPTION_GROUP = record({"label": plain(75), "options": items(PLAIN_OPTION, low=1, high=100)})


def _initial_is_offered(value: Json, pointer: str, findings: Findings) -> None:
    """Check that what is selected at first is one of the options."""
    offered: list[Any] = list(value.get("options") or [])
    for group in value.get("option_groups") or []:
        offered.extend(group.get("options") or [] if isinstance(group, dict) else [])
    chosen = value.get("initial_options") or ([value["initial_option"]] if value.get("initial_option") else [])
    field = "initial_options" if value.get("initial_options") else "initial_option"
    values = [option.get("value") for option in offered if isinstance(option, dict)]
    if any(isinstance(option, dict) and option.get("value") not in values for option in chosen):
        findings.add(f"{pointer}/{field}", "initial option is not among the options")


def _menu(value: Json, pointer: str, findings: Findings) -> None:
    exactly_one("options", "option_groups")(value, pointer, findings)
    _initial_is_offered(value, pointer, findings)


def _select(**own: Check) -> Check:
    return record(_TYPE, {**_FOCUS, **own})


def _feedback_button() -> Check:
    return record({"text": plain(75), "value": string(low=1, high=2000)}, {"accessibility_label": string(high=75)})


_STATIC: dict[str, Check] = {
    "options": items(PLAIN_OPTION, low=1, high=100),
    "option_groups": items(OPTION_GROUP, low=1, high=100),
}
_MANY: dict[str, Check] = {"max_selected_items": whole(low=1)}
_FILTER: dict[str, Check] = {"default_to_current_conversation": boolean, "filter": anything}
_WRITTEN: dict[str, Check] = {**_FOCUS, **_DISPATCH, "initial_value": string()}
_IDS = items(string(low=1), high=100)

ELEMENTS: dict[str, Check] = {
    "button": record(
        {**_TYPE, "text": plain(75)},
        {
            **_BASE,
            "value": string(high=2000),
            "url": address,
            "style": choice("primary", "danger"),
            "accessibility_label": string(high=75),
            "agent_prompt": string(high=4000),
            "agent_prompt_display": anything,
            "visible_to_user_ids": _IDS,
        },
    ),
    "workflow_button": record(
        {**_TYPE, "text": plain(75), "workflow": anything},
        {**_BASE, "style": choice("primary", "danger"), "accessibility_label": string(high=75)},
    ),
    "icon_button": record(
        {**_TYPE, "text": plain(75), "icon": string(low=1)},
        {**_BASE, "value": string(high=2000), "accessibility_label": string(high=75), "visible_to_user_ids": _IDS},
    ),
    "feedback_buttons": record(
        {**_TYPE, "positive_button": _feedback_button(), "negative_button": _feedback_button()},
        {"action_id": string(low=1, high=255)},
    ),
    "overflow": record({**_TYPE, "options": items(PLAIN_OPTION, low=1, high=5)}, _BASE),
    "checkboxes": record(
        {**_TYPE, "options": items(TEXT_OPTION, low=1, high=10)},
        {**_BASE, "focus_on_load": boolean, "initial_options": items(TEXT_OPTION, low=1, high=10)},
        also=_initial_is_offered,
    ),
    "radio_buttons": record(
        {**_TYPE, "options": items(TEXT_OPTION, low=1, high=10)},
        {**_BASE, "focus_on_load": boolean, "initial_option": TEXT_OPTION},
        also=_initial_is_offered,
    ),
    "static_select": record(_TYPE, {**_FOCUS, **_STATIC, "initial_option": PLAIN_OPTION}, also=_menu),
    "multi_static_select": record(
        _TYPE, {**_FOCUS, **_STATIC, **_MANY, "initial_options": items(PLAIN_OPTION, low=1)}, also=_menu
    ),
    "external_select": _select(min_query_length=whole(low=0), initial_option=PLAIN_OPTION),
    "multi_external_select": _select(
        min_query_length=whole(low=0), initial_options=items(PLAIN_OPTION, low=1), **_MANY
    ),
    "users_select": _select(initial_user=string(low=1)),
    "multi_users_select": _select(initial_users=_IDS, **_MANY),
    "channels_select": _select(initial_channel=string(low=1), response_url_enabled=boolean),
    "multi_channels_select": _select(initial_channels=_IDS, **_MANY),
    "conversations_select": _select(initial_conversation=string(low=1), response_url_enabled=boolean, **_FILTER),
    "multi_conversations_select": _select(initial_conversations=_IDS, **_MANY, **_FILTER),
    "datepicker": _select(initial_date=string(pattern=r"\d{4}-\d{2}-\d{2}")),
    "timepicker": _select(initial_time=string(pattern=r"([01]\d|2[0-3]):[0-5]\d"), timezone=string(low=1)),
    "datetimepicker": record(
        _TYPE, {**_BASE, "focus_on_load": boolean, "initial_date_time": whole(low=0, high=9_999_999_999)}
    ),
    "plain_text_input": record(
        _TYPE,
        {
            **_WRITTEN,
            "multiline": boolean,
            "min_length": whole(low=0, high=3000),
            "max_length": whole(low=1, high=3000),
        },
    ),
    "rich_text_input": record(
        _TYPE, {**_WRITTEN, "initial_value": anything, "min_lines": whole(low=1), "max_lines": whole(low=1)}
    ),
    "email_text_input": record(_TYPE, _WRITTEN),
    "url_text_input": record(_TYPE, _WRITTEN),
    "number_input": record(
        {**_TYPE, "is_decimal_allowed": boolean}, {**_WRITTEN, "min_value": string(), "max_value": string()}
    ),
    "file_input": record(
        _TYPE,
        {"action_id": string(low=1, high=255), "filetypes": items(string(low=1)), "max_files": whole(low=1, high=10)},
    ),
    "image": IMAGE,
    "url": record({**_TYPE, "url": address, "text": string(low=1)}),
}

_MENUS = ("static_select", "external_select", "users_select", "channels_select", "conversations_select")
_MULTI = tuple(f"multi_{name}" for name in _MENUS)
_PICKED = ("checkboxes", "radio_buttons", "datepicker", "timepicker")
IN_ACTIONS = (
    "button", "workflow_button", "overflow", "datetimepicker", "rich_text_input", *_PICKED, *_MENUS, *_MULTI,
)  # fmt: skip
IN_SECTION = ("button", "workflow_button", "overflow", "image", *_PICKED, *_MENUS, *_MULTI)
IN_INPUT = (
    "plain_text_input", "rich_text_input", "email_text_input", "url_text_input", "number_input", "file_input",
    "datetimepicker", *_PICKED, *_MENUS, *_MULTI,
)  # fmt: skip
IN_CONTEXT_ACTIONS = ("feedback_buttons", "icon_button")


def element(kinds: Iterable[str]) -> Check:
    """Check an element that is one of the given kinds."""
    return typed({kind: ELEMENTS[kind] for kind in kinds}, what="element type")


def action_ids(block: Json) -> Iterable[tuple[str, str]]:
    """Yield the pointer inside the block and the value of each action_id in it."""
    for name in ("accessory", "element"):
        part = block.get(name)
        if isinstance(part, dict) and isinstance(part.get("action_id"), str):
            yield f"/{name}/action_id", part["action_id"]
    for name in ("elements", "actions"):
        parts = block.get(name)
        for index, part in enumerate(parts if isinstance(parts, list) else []):
            if isinstance(part, dict) and isinstance(part.get("action_id"), str):
                yield f"/{name}/{index}/action_id", part["action_id"]


__all__ = ["ELEMENTS", "IN_ACTIONS", "IN_CONTEXT_ACTIONS", "IN_INPUT", "IN_SECTION", "number"]
