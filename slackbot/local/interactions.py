"""What Slack sends the app when a person uses a message or a modal: the payloads, field by field."""

from slackbot.local import modals
from slackbot.local.events import VERIFICATION_TOKEN
from slackbot.local.model import Channel, Json, Message, User, View
from slackbot.local.service import Service
from slackbot.local.workspace import Workspace


def _who(workspace: Workspace, user: User) -> Json:
    return {
        "team": {"id": workspace.id, "domain": workspace.slug},
        "user": {"id": user.id, "username": user.name, "name": user.name, "team_id": workspace.id},
        "api_app_id": workspace.app.app_id,
        "token": VERIFICATION_TOKEN,
        "enterprise": None,
        "is_enterprise_install": False,
    }


def slash_fields(
    service: Service,
    workspace: Workspace,
    *,
    user: User,
    channel: Channel,
    command: str,
    text: str,
    thread_ts: str | None,
) -> Json:
    """Return the form of a slash command. Slack sends no thread; ours only shows the answer there."""
    path = service.responses.issue(workspace, channel=channel.id, user=user.id, thread_ts=thread_ts)
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": workspace.id,
        "team_domain": workspace.slug,
        "channel_id": channel.id,
        "channel_name": "directmessage" if channel.is_im else channel.name,
        "user_id": user.id,
        "user_name": user.name,
        "command": command,
        "text": text,
        "api_app_id": workspace.app.app_id,
        "is_enterprise_install": "false",
        "response_url": service.base_url + path,
        "trigger_id": service.triggers.issue(workspace, user.id),
    }


def message_action_payload(
    service: Service, workspace: Workspace, *, user: User, message: Message, action: Json
) -> Json:
    """Return the payload of a button or menu used in a message."""
    channel = workspace.channels[message.channel]
    ephemeral = message.only_for is not None
    container: Json = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": channel.id,
        "is_ephemeral": ephemeral,
    }
    if message.thread_ts is not None:
        container["thread_ts"] = message.thread_ts
    path = service.responses.issue(
        workspace,
        channel=channel.id,
        user=user.id,
        source=message,
        thread_ts=message.thread_ts if message.is_reply else None,
    )
    payload = {
        "type": "block_actions",
        **_who(workspace, user),
        "container": container,
        "trigger_id": service.triggers.issue(workspace, user.id),
        "channel": {"id": channel.id, "name": "directmessage" if channel.is_im else channel.name},
        "state": {"values": workspace.selections.get((message.ts, user.id), {})},
        "response_url": service.base_url + path,
        "actions": [action],
    }
    if not ephemeral:
        payload["message"] = workspace.public(message, metadata=True)
    return payload


def entity_action_payload(
    service: Service, workspace: Workspace, *, user: User, message: Message, entity: Json, action: Json, is_pane: bool
) -> Json:
    """Return the payload of a button of a link's card, or of the pane that it opened."""
    channel = workspace.channels[message.channel]
    path = service.responses.issue(
        workspace, channel=channel.id, user=user.id, thread_ts=message.thread_ts if message.is_reply else None
    )
    return {
        "type": "block_actions",
        **_who(workspace, user),
        "container": {
            "type": "entity_detail" if is_pane else "message_attachment",
            "message_ts": message.ts,
            "thread_ts": message.thread_ts or message.ts,
            "channel_id": channel.id,
            "is_app_unfurl": True,
            "app_unfurl_url": entity.get("app_unfurl_url", entity["url"]),
            "entity_url": entity["url"],
            "external_ref": entity["external_ref"],
        },
        "trigger_id": service.triggers.issue(workspace, user.id),
        "channel": {"id": channel.id, "name": "directmessage" if channel.is_im else channel.name},
        "response_url": service.base_url + path,
        "actions": [action],
    }


def view_action_payload(service: Service, workspace: Workspace, *, user: User, view: View, action: Json) -> Json:
    """Return the payload of a button or menu used in a modal or App Home tab."""
    return {
        "type": "block_actions",
        **_who(workspace, user),
        "container": {"type": "view", "view_id": view.id},
        "trigger_id": service.triggers.issue(workspace, user.id, view=view.id),
        "view": modals.public(workspace, view),
        "actions": [action],
    }


def view_submission_payload(service: Service, workspace: Workspace, *, user: User, view: View) -> Json:
    """Return the payload of a submitted modal."""
    return {
        "type": "view_submission",
        **_who(workspace, user),
        "trigger_id": service.triggers.issue(workspace, user.id, view=view.id),
        "view": modals.public(workspace, view),
        "response_urls": [],
    }


def view_closed_payload(workspace: Workspace, *, user: User, view: View, cleared: bool) -> Json:
    """Return the payload of a modal closed by hand."""
    return {
        "type": "view_closed",
        **_who(workspace, user),
        "view": modals.public(workspace, view),
        "is_cleared": cleared,
    }
