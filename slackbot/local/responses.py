"""Response addresses: where an app may answer an act up to five times within thirty minutes."""

from dataclasses import dataclass

from slackbot.local.content import message_content, message_metadata
from slackbot.local.errors import SlackError
from slackbot.local.identity import random_text
from slackbot.local.model import Json, Message
from slackbot.local.posting import post_as_bot
from slackbot.local.workspace import Workspace

USES = 5
SECONDS = 30 * 60


@dataclass
class ResponseAddress:
    """Whose act in which channel may be answered; `source` is the message with the button."""

    workspace: Workspace
    channel: str
    user: str
    issued: float
    source: str | None = None
    thread_ts: str | None = None
    uses: int = 0


class ResponseAddresses:
    """Issue response addresses and take the answers sent to them."""

    def __init__(self) -> None:
        self._open: dict[str, ResponseAddress] = {}

    def issue(
        self,
        workspace: Workspace,
        *,
        channel: str,
        user: str,
        source: Message | None = None,
        thread_ts: str | None = None,
    ) -> str:
        """Return the path of a new address."""
        key = random_text(24)
        if len(self._open) > 5_000:
            now = workspace.clock.now()
            self._open = {key: entry for key, entry in self._open.items() if now - entry.issued < SECONDS}
        self._open[key] = ResponseAddress(
            workspace=workspace,
            channel=channel,
            user=user,
            issued=workspace.clock.now(),
            source=source.ts if source else None,
            thread_ts=thread_ts,
        )
        return f"/response/{key}"

    def take(self, key: str, body: object) -> None:
        """Do what an app asks for at an address.

        :raises SlackError: the address is unknown, expired or used up, or the content is not allowed.
        """
        address = self._open.get(key)
        if address is None:
            raise SlackError("no_such_response_url")
        if address.workspace.clock.now() - address.issued > SECONDS:
            raise SlackError("expired_url")
        if address.uses >= USES:
            raise SlackError("used_url")
        if not isinstance(body, dict):
            raise SlackError("invalid_payload")
        respond(address, body)
        address.uses += 1


def respond(address: ResponseAddress, body: Json) -> Message | None:
    """Post, replace or delete as an answer says; return the message that was posted or changed."""
    workspace = address.workspace
    channel = workspace.channels.get(address.channel)
    if channel is None:
        raise SlackError("channel_not_found")
    source = workspace.message(channel.id, address.source, reader=address.user) if address.source else None
    if body.get("delete_original") is True:
        if source is not None:
            workspace.delete_message(source)
        return None
    content = message_content(
        workspace, text=body.get("text"), blocks=body.get("blocks"), attachments=body.get("attachments")
    )
    if body.get("replace_original") is True and source is not None:
        for name in ("text", "blocks", "attachments"):
            source.body.pop(name, None)
        source.body.update(content)
        source.body["edited"] = {"user": workspace.app.bot_user_id, "ts": workspace.clock.timestamp()}
        workspace.change_message(source)
        return source
    in_channel = body.get("response_type") == "in_channel"
    thread_ts = body.get("thread_ts") or address.thread_ts
    message = post_as_bot(
        workspace,
        channel=channel,
        content=content,
        thread_ts=thread_ts,
        metadata=message_metadata(body.get("metadata")),
        only_for=None if in_channel else address.user,
    )
    if address.source is None:
        address.source = message.ts
    return message
