"""Tell the app of events, and again when it did not take them: Slack's envelope and Slack's retries."""

import asyncio
from urllib.parse import urlsplit

from slackbot.local.delivery import Delivery
from slackbot.local.model import Channel, Json, Message, User
from slackbot.local.service import Service
from slackbot.local.workspace import Workspace

VERIFICATION_TOKEN = "local-workspace"  # noqa: S105 (Slack's deprecated token, which no app may trust)


def envelope(workspace: Workspace, event: Json) -> Json:
    """Return an event in the envelope of the Events API."""
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": workspace.id,
        "context_team_id": workspace.id,
        "context_enterprise_id": None,
        "api_app_id": workspace.app.app_id,
        "event": event,
        "type": "event_callback",
        "event_id": workspace.new_id("Ev"),
        "event_time": int(workspace.clock.now()),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": workspace.id,
                "user_id": workspace.app.bot_user_id,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": False,
    }


async def emit(service: Service, workspace: Workspace, event: Json) -> Delivery:
    """Send an event and return the first attempt; the retries go on beside it, with the same event_id."""
    body = envelope(workspace, event)
    kind = f"event {event['type']}"
    first = await service.sender.send_json(workspace.app, team=workspace.slug, kind=kind, body=body)
    if _again(first):
        service.in_background(_retry(service, workspace, body, kind=kind, reason=first.reason or ""))
    return first


def _again(delivery: Delivery) -> bool:
    reason = delivery.reason or ""
    return not delivery.accepted and reason != "app_not_installed" and not reason.endswith("no_retry")


async def _retry(service: Service, workspace: Workspace, body: Json, *, kind: str, reason: str) -> None:
    for number, delay in enumerate(service.retry_delays, start=1):
        await asyncio.sleep(delay)
        attempt = await service.sender.send_json(
            workspace.app, team=workspace.slug, kind=kind, body=body, retry=number, reason=reason
        )
        if not _again(attempt):
            return
        reason = attempt.reason or ""


async def verify_url(service: Service, workspace: Workspace) -> bool:
    """Ask the app's address to return a challenge, as Slack does before it sends events there."""
    challenge = workspace.new_id("")
    body = {"token": VERIFICATION_TOKEN, "challenge": challenge, "type": "url_verification"}
    delivery = await service.sender.send_json(workspace.app, team=workspace.slug, kind="url_verification", body=body)
    answer = delivery.json()
    returned = answer.get("challenge") if answer else delivery.answer.strip()
    workspace.app.url_verified = delivery.accepted and returned == challenge
    workspace.save_team()
    return workspace.app.url_verified


async def verify_url_soon(service: Service, workspace: Workspace) -> None:
    """Verify the address a few times: the app may only now be learning its signing secret."""
    for delay in (0.5, 2.0, 5.0, 10.0):
        await asyncio.sleep(delay)
        if await verify_url(service, workspace):
            return


def message_event(workspace: Workspace, message: Message, channel: Channel) -> Json:
    """Return the event of a person's message."""
    event = {
        **message.body,
        "channel": channel.id,
        "event_ts": message.ts,
        "channel_type": "im" if channel.is_im else ("group" if channel.is_private else "channel"),
    }
    if channel.is_im:
        event["app_context"] = workspace.context(str(message.body.get("user")))
    if message.is_reply:
        event["thread_ts"] = message.thread_ts
        parent = workspace.message(channel.id, message.thread_ts or "")
        if parent is not None:
            event["parent_user_id"] = parent.body.get("user")
    return event


def mention_event(workspace: Workspace, message: Message, channel: Channel) -> Json:
    """Return the event of a message that mentions the bot."""
    event = {**message_event(workspace, message, channel), "type": "app_mention"}
    del event["channel_type"]
    return event


def home_opened_event(workspace: Workspace, user: User, *, tab: str, view: Json | None) -> Json:
    """Return the event of a person who looks at the app's Home or Messages tab."""
    event: Json = {
        "type": "app_home_opened",
        "user": user.id,
        "channel": workspace.direct_channel(user).id,
        "tab": tab,
        "context": workspace.context(user.id),
        "event_ts": workspace.clock.timestamp(),
    }
    if view is not None:
        event["view"] = view
    return event


def context_event(workspace: Workspace, user: User) -> Json:
    """Return the event of a person who looks at something else beside the app's pane."""
    return {
        "type": "app_context_changed",
        "user": user.id,
        "channel": workspace.direct_channel(user).id,
        "context": workspace.context(user.id),
        "event_ts": workspace.clock.timestamp(),
    }


def link_event(workspace: Workspace, message: Message, channel: Channel, *, links: list[Json], unfurl_id: str) -> Json:
    """Return the event of a message with links to the app's own hosts."""
    event: Json = {
        "type": "link_shared",
        "channel": channel.id,
        "is_bot_user_member": workspace.app.bot_user_id in channel.members,
        "user": message.body.get("user"),
        "message_ts": message.ts,
        "unfurl_id": unfurl_id,
        "source": "conversations_history",
        "links": links,
        "event_ts": workspace.clock.timestamp(),
    }
    return {**event, "thread_ts": message.thread_ts} if message.is_reply else event


def details_event(workspace: Workspace, message: Message, *, user: User, entity: Json, trigger_id: str) -> Json:
    """Return the event of a person who opened the card of a link."""
    return {
        "type": "entity_details_requested",
        "user": user.id,
        "external_ref": entity["external_ref"],
        "entity_url": entity["url"],
        "link": {"url": entity["url"], "domain": urlsplit(entity["url"]).hostname},
        "app_unfurl_url": entity["app_unfurl_url"],
        "trigger_id": trigger_id,
        "user_locale": "en-US",
        "channel": message.channel,
        "message_ts": message.ts,
        "thread_ts": message.thread_ts or message.ts,
        "event_ts": workspace.clock.timestamp(),
    }


def reaction_event(workspace: Workspace, message: Message, *, user: User, name: str, added: bool) -> Json:
    """Return the event of a reaction put under a message, or taken away."""
    return {
        "type": "reaction_added" if added else "reaction_removed",
        "user": user.id,
        "reaction": name,
        "item": {"type": "message", "channel": message.channel, "ts": message.ts},
        "item_user": message.body.get("user"),
        "event_ts": workspace.clock.timestamp(),
    }


def stopped_event(
    workspace: Workspace, channel: Channel, *, user: User, thread_ts: str, streaming: list[Message]
) -> Json:
    """Return the event of a person who pressed Stop on the app's work in a thread."""
    return {
        "type": "agent_session_stopped",
        "channel": channel.id,
        "thread_ts": thread_ts,
        "user": user.id,
        "streaming_message_ts": [message.ts for message in streaming],
        "event_ts": workspace.clock.timestamp(),
    }
