"""Find the element a person means, and say what using it does: the `actions` entry and the state it leaves."""

from slackbot.local.content import walk_elements
from slackbot.local.errors import LocalError
from slackbot.local.modals import EMPTY
from slackbot.local.model import Json, User

PRESSED = ("button", "workflow_button", "icon_button", "feedback_buttons")
IDENTIFIERS = {
    "users_select": "selected_user",
    "channels_select": "selected_channel",
    "conversations_select": "selected_conversation",
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "multi_users_select": "selected_users",
    "multi_channels_select": "selected_channels",
    "multi_conversations_select": "selected_conversations",
    "plain_text_input": "value",
    "email_text_input": "value",
    "url_text_input": "value",
    "number_input": "value",
}
OPTION = ("static_select", "external_select", "radio_buttons", "overflow")
OPTIONS = ("checkboxes", "multi_static_select", "multi_external_select")


def find_element(
    blocks: list[Json], *, user: User, action_id: str, block_id: str | None, value: object = None
) -> tuple[Json, Json]:
    """Return the block and element with an action_id, or with the only one that begins so.

    :raises LocalError: there is none, or several fit.
    """
    usable = [
        (block, element)
        for block, element in walk_elements(blocks)
        if user.id in (element.get("visible_to_user_ids") or [user.id])
        and (block_id is None or block.get("block_id") == block_id)
    ]
    found = [pair for pair in usable if pair[1]["action_id"] == action_id]
    if not found:
        found = [pair for pair in usable if pair[1]["action_id"].startswith(action_id)]
    if len(found) > 1 and value is not None:
        found = [pair for pair in found if _offers(pair[1], value)] or found
    if not found:
        there = ", ".join(sorted({element["action_id"] for _, element in usable})) or "none"
        raise LocalError(f"action_id: no {action_id!r} here; there are: {there}", field="action_id", status=404)
    if len(found) > 1:
        several = ", ".join(
            f"{element['action_id']} (block_id {block['block_id']}, value {element.get('value')!r})"
            for block, element in found
        )
        raise LocalError(f"action_id: {action_id!r} fits several; add block_id or value: {several}", field="action_id")
    return found[0]


def _offers(element: Json, value: object) -> bool:
    if element.get("value") == value:
        return True
    if element["type"] == "feedback_buttons":
        return value in [element[side]["value"] for side in ("positive_button", "negative_button")]
    return any(option.get("value") == value for option in options_of(element))


def options_of(element: Json) -> list[Json]:
    """Return the options of a menu, out of their groups."""
    grouped: list[Json] = element.get("option_groups") or []
    return [*(element.get("options") or []), *(option for group in grouped for option in group["options"])]


def action_of(block: Json, element: Json, *, value: object, ts: str) -> Json:
    """Return the entry in `actions` for using an element, with the value where it takes one.

    :raises LocalError: the value is not one the element offers.
    """
    kind = element["type"]
    action: Json = {"type": kind, "action_id": element["action_id"], "block_id": block["block_id"], "action_ts": ts}
    if kind == "feedback_buttons":
        side = _feedback_side(element, value)
        return {**action, "text": side["text"], "value": side["value"]}
    if kind in PRESSED:
        for name in ("text", "value", "style", "url", "icon"):
            if name in element:
                action[name] = element[name]
        return action
    state = state_of(element, value)
    return {**action, **{name: entered for name, entered in state.items() if name != "type"}}


def _feedback_side(element: Json, value: object) -> Json:
    for side, words in (("positive_button", ("positive", "up", "👍")), ("negative_button", ("negative", "down", "👎"))):
        button: Json = element[side]
        if value == button["value"] or value in words:
            return button
    offered = ", ".join(repr(element[side]["value"]) for side in ("positive_button", "negative_button"))
    raise LocalError(f"value: {value!r} is neither of the feedback buttons: {offered}", field="value")


def state_of(element: Json, value: object) -> Json:
    """Return what an input holds once a person has entered a value.

    :raises LocalError: the value is of the wrong kind, or not among the options.
    """
    kind = element["type"]
    empty = EMPTY.get(kind, {})
    if value in (None, "", []):
        return {"type": kind, **empty}
    if kind in OPTION:
        return {"type": kind, "selected_option": _option(element, value)}
    if kind in OPTIONS:
        wanted = value if isinstance(value, list) else [value]
        return {"type": kind, "selected_options": [_option(element, one) for one in wanted]}
    if kind in IDENTIFIERS:
        name = IDENTIFIERS[kind]
        several = value if isinstance(value, list) else [value]
        return {"type": kind, name: several if name.endswith("s") else str(value)}
    return {"type": kind, **_written(kind, value)}


def _written(kind: str, value: object) -> Json:
    """Return what the inputs hold that keep something else than the text itself."""
    if kind == "datetimepicker":
        if not str(value).isdecimal():
            raise LocalError(f"value: {value!r} is not a time in seconds since 1970", field="value")
        return {"selected_date_time": int(str(value))}
    if kind == "rich_text_input":
        section = {"type": "rich_text_section", "elements": [{"type": "text", "text": str(value)}]}
        return {"rich_text_value": {"type": "rich_text", "elements": [section]}}
    raise LocalError(f"a {kind} takes no value here", field="values")


def _option(element: Json, value: object) -> Json:
    """Return the option with a value, or with that text."""
    options = options_of(element)
    for option in options:
        if value == option.get("value"):
            return option
    for option in options:
        if str(value).casefold() == option["text"]["text"].casefold():
            return option
    offered = ", ".join(repr(option.get("value")) for option in options)
    raise LocalError(
        f"value: {value!r} is not an option of {element['action_id']}; there are: {offered}", field="value"
    )
