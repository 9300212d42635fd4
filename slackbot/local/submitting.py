"""Submit and close modals: what must be filled in first, and what the app's answer does."""

import re

from slackbot.local import modals
from slackbot.local.choosing import state_of
from slackbot.local.content import view_content, walk_elements
from slackbot.local.delivery import Delivery
from slackbot.local.errors import LocalError, SlackError
from slackbot.local.interactions import view_closed_payload, view_submission_payload
from slackbot.local.model import Json, User, View
from slackbot.local.service import Service
from slackbot.local.workspace import Workspace

TROUBLE = "We had some trouble connecting. Try again?"
REQUIRED = "Please complete this required field."


def fill_in(workspace: Workspace, view: View, values: Json) -> None:
    """Enter values, given as `{block_id: {action_id: value}}` or `{action_id: value}`.

    :raises LocalError: an id is not in the view, or a value does not fit.
    """
    elements = list(walk_elements(view.body["blocks"]))
    for name, value in values.items():
        in_block = [(block, element) for block, element in elements if block["block_id"] == name]
        if in_block and isinstance(value, dict):
            for action_id, entered in value.items():
                _enter(view, [pair for pair in in_block if pair[1]["action_id"] == action_id], action_id, entered)
        elif in_block and len(in_block) == 1:
            _enter(view, in_block, name, value)
        else:
            _enter(view, [pair for pair in elements if pair[1]["action_id"] == name], name, value)
    workspace.save_view(view, kind="view_entered")


def _enter(view: View, found: list[tuple[Json, Json]], name: str, value: object) -> None:
    if len(found) != 1:
        there = ", ".join(f"{block}.{action}" for block, actions in view.values.items() for action in actions) or "none"
        wrong = "is not in this view" if not found else "is there several times; name its block_id"
        raise LocalError(
            f"values.{name} {wrong}; inputs: {there}", field=f"values.{name}", status=404 if not found else 400
        )
    block, element = found[0]
    if element["type"] not in modals.EMPTY:
        raise LocalError(f"values.{name} is a {element['type']}, which holds no value", field=f"values.{name}")
    view.values.setdefault(block["block_id"], {})[element["action_id"]] = state_of(element, value)


def missing(view: View) -> dict[str, str]:
    """Return what Slack's client itself refuses before it submits: `{block_id: message}`."""
    errors: dict[str, str] = {}
    for block in view.body["blocks"]:
        if block["type"] != "input":
            continue
        element = block["element"]
        state = view.values.get(block["block_id"], {}).get(element["action_id"], {"type": element["type"]})
        if not modals.is_filled(state):
            if not block.get("optional", False):
                errors[block["block_id"]] = REQUIRED
            continue
        if wrong := _malformed(element, str(state.get("value", ""))):
            errors[block["block_id"]] = wrong
    return errors


def _malformed(element: Json, value: str) -> str | None:
    """Return what is wrong with a text that was entered, in the words of Slack's client."""
    match element["type"]:
        case "plain_text_input":
            return _wrong_length(element, value)
        case "email_text_input" if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", value):
            return "Please enter a valid email address."
        case "url_text_input" if not re.fullmatch(r"https?://\S+", value):
            return "Please enter a valid URL, starting with http:// or https://."
        case "number_input":
            return _wrong_number(element, value)
    return None


def _wrong_length(element: Json, value: str) -> str | None:
    low, high = element.get("min_length", 0), element.get("max_length", 3000)
    if len(value) < low:
        return f"This field must be at least {low} characters long."
    if len(value) > high:
        return f"This field must be at most {high} characters long."
    return None


def _wrong_number(element: Json, value: str) -> str | None:
    try:
        number = float(value)
    except ValueError:
        return "Please enter a number."
    if "min_value" in element and number < float(element["min_value"]):
        return f"Please enter a number of at least {element['min_value']}."
    if "max_value" in element and number > float(element["max_value"]):
        return f"Please enter a number of at most {element['max_value']}."
    if not element.get("is_decimal_allowed") and not number.is_integer():
        return "Please enter a whole number."
    return None


async def submit(
    service: Service, workspace: Workspace, *, user: User, view: View
) -> tuple[Delivery | None, dict[str, str]]:
    """Submit a modal and do what the app answers; return the request and the errors shown in the modal."""
    view.errors = missing(view)
    if view.errors:
        workspace.save_view(view, kind="view_updated")
        return None, view.errors
    payload = view_submission_payload(service, workspace, user=user, view=view)
    delivery = await service.sender.send_form(
        workspace.app, team=workspace.slug, kind="view_submission", fields={"payload": payload}
    )
    errors = _apply(workspace, view, delivery)
    if view.id in workspace.views:
        view.errors = errors
        workspace.save_view(view, kind="view_updated")
    return delivery, errors


def _apply(workspace: Workspace, view: View, delivery: Delivery) -> dict[str, str]:
    """Do what the answer to a submission says; return what is wrong."""
    if not delivery.accepted:
        return {"": TROUBLE}
    answer = delivery.json() or {}
    action = answer.get("response_action")
    try:
        match action:
            case None:
                # The app may have put another view in this one's place while it answered.
                modals.close_from(workspace, view)
            case "clear":
                for modal in workspace.modals(view.user):
                    workspace.drop_view(modal)
            case "errors":
                errors = answer.get("errors")
                if not isinstance(errors, dict) or not errors:
                    return {"": TROUBLE}
                return {str(block): str(message) for block, message in errors.items()}
            case "update":
                modals.update_view(workspace, view, view_content(answer.get("view"), kind="modal"))
            case "push":
                modals.push_modal(workspace, on=view, content=view_content(answer.get("view"), kind="modal"))
            case _:
                return {"": TROUBLE}
    except SlackError as error:
        delivery.reason = f"{error.code}: {'; '.join(error.messages)}"
        return {"": TROUBLE}
    return {}


async def close(
    service: Service, workspace: Workspace, *, user: User, view: View, all_of_them: bool
) -> Delivery | None:
    """Close a modal by its Cancel button, or with the cross the whole stack; tell the app when it asked for that."""
    stack = workspace.modals(user.id)
    clear = all_of_them or bool(view.body.get("clear_on_close"))
    closed = modals.close_from(workspace, stack[0] if clear and stack else view)
    last: Delivery | None = None
    for modal in closed:
        if modal.body.get("notify_on_close"):
            payload = view_closed_payload(workspace, user=user, view=modal, cleared=clear)
            last = await service.sender.send_form(
                workspace.app, team=workspace.slug, kind="view_closed", fields={"payload": payload}
            )
    return last
