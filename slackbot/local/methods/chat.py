"""chat.*: post, update and delete messages, and link to them."""

from slackbot.local.calls import Call, method
from slackbot.local.content import UPDATE_TEXT_LIMIT, message_content, message_metadata
from slackbot.local.errors import SlackError
from slackbot.local.model import Channel, Json, Message
from slackbot.local.posting import post_as_bot

MARKDOWN_TEXT_LIMIT = 12_000


def writable(call: Call, channel: Channel) -> None:
    """Return if the bot may write here.

    :raises SlackError: is_archived or not_in_channel.
    """
    if channel.is_archived:
        raise SlackError("is_archived")
    if call.workspace.app.bot_user_id not in channel.members:
        raise SlackError("not_in_channel")


def _thread(call: Call, channel: Channel) -> str | None:
    """Return the root of the thread that `thread_ts` names; a reply's ts stands for its thread."""
    wanted = call.optional("thread_ts")
    if wanted is None:
        return None
    parent = call.workspace.message(channel.id, wanted)
    if parent is None:
        raise SlackError("thread_not_found")
    return parent.thread_ts or parent.ts


def _content(call: Call, *, limit: int) -> Json:
    text, blocks = call.optional("text"), call.structure("blocks", error="invalid_blocks_format")
    markdown = call.optional("markdown_text")
    if markdown is not None:
        if text is not None or blocks:
            raise SlackError("markdown_text_conflict")
        if len(markdown) > MARKDOWN_TEXT_LIMIT:
            raise SlackError("msg_too_long")
        text, blocks = markdown[:limit], [{"type": "markdown", "text": markdown}]
    attachments = call.structure("attachments", error="invalid_attachments")
    return message_content(call.workspace, text=text, blocks=blocks, attachments=attachments, limit=limit)


@method("chat.postMessage")
def post_message(call: Call) -> Json:
    """Post a message as the app's bot."""
    channel = call.channel(by_name=True)
    writable(call, channel)
    content = _content(call, limit=40_000)
    metadata = message_metadata(call.structure("metadata", error="invalid_metadata_format"))
    thread_ts = _thread(call, channel)
    message = post_as_bot(
        call.workspace,
        channel=channel,
        content=content,
        thread_ts=thread_ts,
        broadcast=call.flag("reply_broadcast"),
        metadata=metadata,
    )
    return {
        "channel": channel.id,
        "ts": message.ts,
        "message": call.workspace.public(message, metadata=True),
    }


def own_message(call: Call, *, refusal: str) -> tuple[Channel, Message]:
    """Return the channel and the message that a call names, which must be the bot's own.

    :raises SlackError: message_not_found, or `refusal` for somebody else's.
    """
    channel = call.channel()
    message = call.workspace.message(channel.id, call.text("ts"))
    if message is None:
        raise SlackError("message_not_found")
    if message.body.get("bot_id") != call.workspace.app.bot_id:
        raise SlackError(refusal)
    return channel, message


@method("chat.update")
def update(call: Call) -> Json:
    """Edit one of the bot's own messages in place; blocks not sent again are removed when text is sent."""
    channel, message = own_message(call, refusal="cant_update_message")
    if channel.is_archived:
        raise SlackError("is_archived")
    if message.body.get("streaming_state") == "in_progress":
        raise SlackError("streaming_state_conflict")
    content = _content(call, limit=UPDATE_TEXT_LIMIT)
    metadata = call.structure("metadata", error="invalid_metadata_format")
    if metadata is not None:
        message.metadata = message_metadata(metadata)
    for name in ("text", "blocks", "attachments"):
        message.body.pop(name, None)
    message.body.update(content)
    message.body["edited"] = {"user": call.workspace.app.bot_user_id, "ts": call.workspace.clock.timestamp()}
    call.workspace.change_message(message)
    return {
        "channel": channel.id,
        "ts": message.ts,
        "text": message.body["text"],
        "message": call.workspace.public(message, metadata=True),
    }


@method("chat.delete")
def delete(call: Call) -> Json:
    """Delete one of the bot's own messages."""
    channel, message = own_message(call, refusal="cant_delete_message")
    call.workspace.delete_message(message)
    return {"channel": channel.id, "ts": message.ts}


@method("chat.postEphemeral")
def post_ephemeral(call: Call) -> Json:
    """Show a message to one person only."""
    channel = call.channel(by_name=True)
    writable(call, channel)
    user = call.text("user")
    if user not in channel.members:
        raise SlackError("user_not_in_channel")
    content = _content(call, limit=40_000)
    message = post_as_bot(
        call.workspace,
        channel=channel,
        content=content,
        thread_ts=_thread(call, channel),
        only_for=user,
    )
    return {"message_ts": message.ts}


@method("chat.getPermalink")
def get_permalink(call: Call) -> Json:
    """Return a link that opens the message on this server's page."""
    channel = call.channel()
    message = call.workspace.message(channel.id, call.text("message_ts"))
    if message is None:
        raise SlackError("message_not_found")
    link = f"{call.base_url}/archives/{channel.id}/p{message.ts.replace('.', '')}"
    if message.is_reply:
        link += f"?thread_ts={message.thread_ts}&cid={channel.id}"
    return {"channel": channel.id, "permalink": link}
