"""Links and what is looked at: what Slack tells the app when somebody shares a link, opens its card, or looks elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from slackbot.local import events
from slackbot.local.entities import action_in, card_of, links_in
from slackbot.local.errors import LocalError
from slackbot.local.interactions import entity_action_payload

if TYPE_CHECKING:
    from slackbot.local.act import Act
    from slackbot.local.model import Channel, Json, Message
    from slackbot.local.service import Service
    from slackbot.local.workspace import Workspace


async def tell_links(service: Service, workspace: Workspace, message: Message, channel: Channel) -> None:
    """Tell the app of the links in a message that lead to its own hosts."""
    domains = workspace.app.unfurl_domains
    found = [
        {"url": url, "domain": host}
        for url in links_in(str(message.body.get("text") or ""))
        if (host := urlsplit(url).hostname or "") in domains
    ]
    if found:
        unfurl_id = workspace.new_id("U")
        workspace.unfurls[unfurl_id] = (channel.id, message.ts)
        event = events.link_event(workspace, message, channel, links=found, unfurl_id=unfurl_id)
        await events.emit(service, workspace, event)


async def open_entity(act: Act) -> None:
    """Open the card of a link; the app is asked for more."""
    message, url = act.message(), act.required("url")
    entity = card_of(message, url)
    if entity is None:
        raise LocalError(f"url: no card of {url!r} below this message", field="url", status=404)
    workspace = act.workspace
    workspace.details[act.user.id] = {
        "channel": message.channel, "ts": message.ts, "url": url, "external_ref": entity["external_ref"],
        "entity": entity, "error": None, "is_waiting": True,
    }  # fmt: skip
    workspace.changed("details", user=act.user.id)
    trigger = act.service.triggers.issue(workspace, act.user.id)
    event = events.details_event(workspace, message, user=act.user, entity=entity, trigger_id=trigger)
    act.delivery = await events.emit(act.service, workspace, event)


async def close_entity(act: Act) -> None:
    """Close the pane of a card."""
    act.workspace.details.pop(act.user.id, None)
    act.workspace.changed("details", user=act.user.id)
    act.settle = 0.0


async def use_entity(act: Act) -> None:
    """Press a button of a card, or of the pane that is open where no message is named."""
    workspace, action_id = act.workspace, act.required("action_id")
    opened = workspace.details.get(act.user.id)
    message: Message | None
    if act.body.get("ts"):
        message = act.message()
        entity = card_of(message, act.required("url"))
        is_pane = False
    else:
        message = workspace.message(opened["channel"], opened["ts"]) if opened else None
        entity = opened["entity"] if opened else None
        is_pane = True
    action = action_in(entity, action_id) if entity else None
    if message is None or entity is None or action is None:
        raise LocalError(f"action_id: no {action_id!r} here", field="action_id", status=404)
    pressed: Json = {
        "type": "button",
        "action_id": action_id,
        "block_id": workspace.new_id("B"),
        "text": {"type": "plain_text", "text": action["text"], "emoji": True},
        "action_ts": workspace.clock.timestamp(),
        **{name: action[name] for name in ("value", "url", "style") if name in action},
    }
    payload = entity_action_payload(
        act.service, workspace, user=act.user, message=message, entity=entity, action=pressed, is_pane=is_pane
    )
    act.delivery = await act.service.sender.send_form(
        workspace.app, team=workspace.slug, kind="block_actions", fields={"payload": payload}
    )


async def look(act: Act) -> None:
    """Look at a channel, or at one of its threads; the app is told what is beside its pane."""
    channel = act.channel()
    thread_ts = act.thread(channel)
    seen = act.workspace.look(act.user, channel, thread_ts)
    act.settle = 0.5
    if seen:
        act.delivery = await events.emit(act.service, act.workspace, events.context_event(act.workspace, act.user))
