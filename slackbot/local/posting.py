"""Put messages into channels: as the app's bot, or as a person."""

import re
import uuid

from slackbot.local.identity import random_text
from slackbot.local.model import Channel, Json, Message, User
from slackbot.local.workspace import Workspace

_MENTION = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^>]*)?>|<#(C[A-Z0-9]+)(?:\|[^>]*)?>|<(https?://[^>|]+)(?:\|([^>]*))?>")


def post_as_bot(
    workspace: Workspace,
    *,
    channel: Channel,
    content: Json,
    thread_ts: str | None = None,
    broadcast: bool = False,
    metadata: Json | None = None,
    only_for: str | None = None,
    files: list[Json] | None = None,
) -> Message:
    """Post a message as the app's bot; `only_for` makes it ephemeral."""
    app = workspace.app
    ts = workspace.clock.timestamp()
    body: Json = {
        "type": "message",
        "user": app.bot_user_id,
        "ts": ts,
        "bot_id": app.bot_id,
        "app_id": app.app_id,
        "team": workspace.id,
        "bot_profile": {
            "id": app.bot_id,
            "app_id": app.app_id,
            "name": app.name,
            "deleted": False,
            "team_id": workspace.id,
        },
        **content,
    }
    if files:
        body["files"] = files
        body["upload"] = False
    if broadcast and thread_ts is not None:
        body["subtype"] = "thread_broadcast"
    return workspace.add_message(
        Message(
            channel=channel.id,
            ts=ts,
            body=body,
            thread_ts=thread_ts,
            only_for=only_for,
            metadata=metadata,
            broadcast=broadcast and thread_ts is not None,
        )
    )


def post_as_person(
    workspace: Workspace, *, user: User, channel: Channel, text: str, thread_ts: str | None = None
) -> Message:
    """Post what a person typed."""
    ts = workspace.clock.timestamp()
    body: Json = {
        "client_msg_id": str(uuid.uuid4()),
        "type": "message",
        "user": user.id,
        "text": text,
        "ts": ts,
        "team": workspace.id,
        "blocks": [_rich_text(text)],
    }
    return workspace.add_message(Message(channel=channel.id, ts=ts, body=body, thread_ts=thread_ts))


def with_mentions(workspace: Workspace, text: str) -> str:
    """Return typed text with `@name` and `#channel` as Slack's composer would send them."""

    def person(match: re.Match[str]) -> str:
        user = workspace.find_user(match.group(1))
        return f"<@{user.id}>" if user else match.group(0)

    def place(match: re.Match[str]) -> str:
        channel = workspace.find_channel(match.group(1))
        return f"<#{channel.id}|{channel.name}>" if channel and not channel.is_im else match.group(0)

    text = text.replace("@SRE Copilot", "@copilot")
    text = re.sub(r"(?<![\w<])@([\w.-]*\w)", person, text)
    return re.sub(r"(?<![\w<&])#([\w-]+)", place, text)


def with_links(text: str) -> str:
    """Return typed text with bare web addresses as Slack's composer sends them."""
    return re.sub(r"(?<![<|\w])https?://[^\s<>|]*[^\s<>|.,;:!?)]", r"<\g<0>>", text)


def escaped(text: str) -> str:
    """Return typed text with `&`, `<` and `>` escaped, except where it already holds a mention or link."""
    parts: list[str] = []
    last = 0
    for match in _MENTION.finditer(text):
        parts += [_escape(text[last : match.start()]), match.group(0)]
        last = match.end()
    return "".join([*parts, _escape(text[last:])])


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _unescape(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _rich_text(text: str) -> Json:
    """Return the rich text block that Slack's composer sends along with a person's text."""
    elements: list[Json] = []
    last = 0
    for match in _MENTION.finditer(text):
        if match.start() > last:
            elements.append({"type": "text", "text": _unescape(text[last : match.start()])})
        user, channel, link, label = match.groups()
        if user:
            elements.append({"type": "user", "user_id": user})
        elif channel:
            elements.append({"type": "channel", "channel_id": channel})
        else:
            elements.append({"type": "link", "url": link, **({"text": label} if label else {})})
        last = match.end()
    if last < len(text):
        elements.append({"type": "text", "text": _unescape(text[last:])})
    return {
        "type": "rich_text",
        "block_id": random_text(5),
        "elements": [{"type": "rich_text_section", "elements": elements}],
    }
