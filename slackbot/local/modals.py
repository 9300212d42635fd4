"""Modals and App Home tabs: open, push, update, and what the person has entered in them."""

import secrets
from typing import Any

from slackbot.local.content import walk_elements
from slackbot.local.errors import SlackError
from slackbot.local.model import Json, View
from slackbot.local.workspace import Workspace

DEEPEST = 3

INITIAL = {
    "initial_option": "selected_option",
    "initial_options": "selected_options",
    "initial_value": "value",
    "initial_user": "selected_user",
    "initial_users": "selected_users",
    "initial_channel": "selected_channel",
    "initial_channels": "selected_channels",
    "initial_conversation": "selected_conversation",
    "initial_conversations": "selected_conversations",
    "initial_date": "selected_date",
    "initial_time": "selected_time",
    "initial_date_time": "selected_date_time",
}
EMPTY: dict[str, Json] = {
    "checkboxes": {"selected_options": []},
    "multi_static_select": {"selected_options": []},
    "multi_external_select": {"selected_options": []},
    "multi_users_select": {"selected_users": []},
    "multi_channels_select": {"selected_channels": []},
    "multi_conversations_select": {"selected_conversations": []},
    "radio_buttons": {"selected_option": None},
    "static_select": {"selected_option": None},
    "external_select": {"selected_option": None},
    "users_select": {"selected_user": None},
    "channels_select": {"selected_channel": None},
    "conversations_select": {"selected_conversation": None},
    "datepicker": {"selected_date": None},
    "timepicker": {"selected_time": None},
    "datetimepicker": {"selected_date_time": None},
    "plain_text_input": {"value": None},
    "rich_text_input": {"rich_text_value": None},
    "email_text_input": {"value": None},
    "url_text_input": {"value": None},
    "number_input": {"value": None},
    "file_input": {"files": []},
}


def initial_values(blocks: list[Json]) -> Json:
    """Return `{block_id: {action_id: state}}` for every element that holds a value."""
    values: Json = {}
    for block, element in walk_elements(blocks):
        kind = element["type"]
        if kind not in EMPTY:
            continue
        state: Json = {"type": kind, **EMPTY[kind]}
        for initial, name in INITIAL.items():
            if initial in element and name in state:
                state[name] = element[initial]
        values.setdefault(block["block_id"], {})[element["action_id"]] = state
    return values


def carry_values(old: Json, new: Json) -> Json:
    """Return the new values with what was entered before, where block, action and type are the same."""
    for block_id, actions in new.items():
        for action_id, state in actions.items():
            before = old.get(block_id, {}).get(action_id)
            if before is not None and before["type"] == state["type"]:
                actions[action_id] = before
    return new


def is_filled(state: Json) -> bool:
    """Tell whether a person has entered something."""
    return any(value not in (None, "", []) for name, value in state.items() if name != "type")


def public(workspace: Workspace, view: View) -> Json:
    """Return a view as Slack's API and payloads show it."""
    return {
        "id": view.id,
        "team_id": workspace.id,
        **view.body,
        "state": {"values": view.values},
        "root_view_id": view.root_view_id,
        "previous_view_id": view.previous_view_id,
        "app_id": workspace.app.app_id,
        "app_installed_team_id": workspace.id,
        "bot_id": workspace.app.bot_id,
    }


def _fresh_hash(workspace: Workspace) -> str:
    return f"{int(workspace.clock.now())}.{secrets.token_hex(4)}"


def _external_id_is_free(workspace: Workspace, content: Json, *, but: str | None = None) -> None:
    wanted = content["external_id"]
    if wanted and any(view.body["external_id"] == wanted and view.id != but for view in workspace.views.values()):
        raise SlackError("duplicate_external_id")


def open_modal(workspace: Workspace, *, user: str, content: Json) -> View:
    """Open a modal for a person; a new root takes the place of those open before."""
    _external_id_is_free(workspace, content)
    for view in workspace.modals(user):
        workspace.drop_view(view)
    identifier = workspace.new_id("V")
    view = View(
        id=identifier,
        user=user,
        body={**content, "hash": _fresh_hash(workspace)},
        root_view_id=identifier,
        values=initial_values(content["blocks"]),
    )
    workspace.save_view(view, kind="view_opened")
    return view


def push_modal(workspace: Workspace, *, on: View, content: Json) -> View:
    """Put a modal on top of another.

    :raises SlackError: three are open already.
    """
    _external_id_is_free(workspace, content)
    if len(workspace.modals(on.user)) >= DEEPEST:
        raise SlackError("push_limit_reached")
    view = View(
        id=workspace.new_id("V"),
        user=on.user,
        body={**content, "hash": _fresh_hash(workspace)},
        root_view_id=on.root_view_id,
        previous_view_id=on.id,
        values=initial_values(content["blocks"]),
    )
    workspace.save_view(view, kind="view_opened")
    return view


def update_view(workspace: Workspace, view: View, content: Json) -> View:
    """Show other content in an open view; what was entered stays where the ids stay."""
    _external_id_is_free(workspace, content, but=view.id)
    view.body = {**content, "hash": _fresh_hash(workspace)}
    view.values = carry_values(view.values, initial_values(content["blocks"]))
    view.errors = {}
    workspace.save_view(view, kind="view_updated")
    return view


def publish_home(workspace: Workspace, *, user: str, content: Json) -> View:
    """Show content on a person's App Home tab."""
    view = workspace.home(user)
    if view is not None:
        return update_view(workspace, view, content)
    _external_id_is_free(workspace, content)
    identifier = workspace.new_id("V")
    view = View(
        id=identifier,
        user=user,
        body={**content, "hash": _fresh_hash(workspace)},
        root_view_id=identifier,
        values=initial_values(content["blocks"]),
    )
    workspace.save_view(view, kind="home")
    return view


def close_from(workspace: Workspace, view: View) -> list[View]:
    """Close a modal and those on top of it; return them, the topmost first."""
    stack = workspace.modals(view.user)
    closing = list(reversed(stack[stack.index(view) :])) if view in stack else []
    for closed in closing:
        workspace.drop_view(closed)
    return closing


def find_by(workspace: Workspace, *, view_id: str | None, external_id: str | None) -> View | None:
    """Return the view with this id or the app's own id for it."""
    if view_id is not None:
        return workspace.views.get(view_id)
    matching: Any = (
        view for view in workspace.views.values() if external_id and view.body["external_id"] == external_id
    )
    return next(matching, None)
