"""views.*: open, push, update and publish modals and App Home tabs."""

from slackbot.local import modals
from slackbot.local.calls import Call, method
from slackbot.local.content import view_content
from slackbot.local.errors import SlackError
from slackbot.local.model import Json, View


def _trigger(call: Call) -> tuple[str, str]:
    trigger = call.optional("trigger_id") or call.optional("interactivity_pointer")
    if trigger is None:
        raise SlackError("invalid_arguments", messages=["missing required field: trigger_id"])
    return call.triggers.take(trigger)


def _answer(call: Call, view: View) -> Json:
    return {"view": modals.public(call.workspace, view)}


@method("views.open")
def open_view(call: Call) -> Json:
    """Open a modal for the person whose act gave the trigger id."""
    content = view_content(call.structure("view"), kind="modal")
    user, _ = _trigger(call)
    return _answer(call, modals.open_modal(call.workspace, user=user, content=content))


@method("views.push")
def push_view(call: Call) -> Json:
    """Put a modal on top of the one the trigger id came from."""
    content = view_content(call.structure("view"), kind="modal")
    user, origin = _trigger(call)
    below = call.workspace.views.get(origin) or next(iter(reversed(call.workspace.modals(user))), None)
    if below is None:
        raise SlackError("not_found")
    return _answer(call, modals.push_modal(call.workspace, on=below, content=content))


@method("views.update")
def update_view(call: Call) -> Json:
    """Show other content in an open view."""
    view_id, external_id = call.optional("view_id"), call.optional("external_id")
    if view_id is None and external_id is None:
        raise SlackError("invalid_arguments", messages=["missing required field: view_id"])
    view = modals.find_by(call.workspace, view_id=view_id, external_id=external_id)
    if view is None:
        raise SlackError("not_found")
    if (known := call.optional("hash")) is not None and known != view.body["hash"]:
        raise SlackError("hash_conflict")
    content = view_content(call.structure("view"), kind=view.body["type"])
    return _answer(call, modals.update_view(call.workspace, view, content))


@method("views.publish")
def publish_view(call: Call) -> Json:
    """Show content on a person's App Home tab."""
    content = view_content(call.structure("view"), kind="home")
    user = call.text("user_id")
    if user not in call.workspace.users:
        raise SlackError("user_not_found")
    known = call.optional("hash")
    home = call.workspace.home(user)
    if known is not None and home is not None and known != home.body["hash"]:
        raise SlackError("hash_conflict")
    return _answer(call, modals.publish_home(call.workspace, user=user, content=content))
