"""chat.startStream, appendStream and stopStream: an answer that is shown while it is written."""

from slackbot.local.calls import Call, method
from slackbot.local.content import message_content, message_metadata
from slackbot.local.errors import SlackError
from slackbot.local.methods.agents import set_status
from slackbot.local.methods.chat import own_message, writable
from slackbot.local.model import Json, Message
from slackbot.local.posting import post_as_bot
from slackbot.local.streaming import grow

STREAMING = "in_progress"


def _grow(call: Call, message_body: Json) -> None:
    grow(message_body, markdown=call.optional("markdown_text"), chunks=call.structure("chunks"))


@method("chat.startStream")
def start(call: Call) -> Json:
    """Begin a message in a thread; in a channel Slack must know for whom."""
    channel = call.channel()
    writable(call, channel)
    parent = call.workspace.message(channel.id, call.text("thread_ts"))
    if parent is None:
        raise SlackError("thread_not_found")
    if not channel.is_im:
        for name in ("recipient_team_id", "recipient_user_id"):
            if call.optional(name) is None:
                raise SlackError(f"missing_{name}")
    display = call.optional("task_display_mode")
    if display not in {None, "plan", "timeline"}:
        raise SlackError("invalid_arguments", messages=["must be plan or timeline [json-pointer:/task_display_mode]"])
    body: Json = {"text": "", "streaming_state": STREAMING, "task_display_mode": display or "timeline"}
    _grow(call, body)
    message = post_as_bot(call.workspace, channel=channel, content=body, thread_ts=parent.thread_ts or parent.ts)
    return {"channel": channel.id, "ts": message.ts}


def _streaming(call: Call) -> Message:
    _, message = own_message(call, refusal="message_not_owned_by_app")
    if message.body.get("streaming_state") != STREAMING:
        raise SlackError("message_not_in_streaming_state")
    return message


@method("chat.appendStream")
def append(call: Call) -> Json:
    """Write more of a message."""
    message = _streaming(call)
    _grow(call, message.body)
    call.workspace.change_message(message)
    return {"channel": message.channel, "ts": message.ts}


@method("chat.stopStream")
def stop(call: Call) -> Json:
    """End a message, with the blocks that belong below it."""
    message = _streaming(call)
    _grow(call, message.body)
    below = call.structure("blocks", error="invalid_blocks_format")
    if below:
        blocks = [
            *(message.body.get("blocks") or []),
            *message_content(call.workspace, text="", blocks=below)["blocks"],
        ]
        message.body["blocks"] = blocks
    metadata = call.structure("metadata", error="invalid_metadata_format")
    if metadata is not None:
        message.metadata = message_metadata(metadata)
    end_stream(message)
    call.workspace.change_message(message)
    status = call.optional("session_status")
    if status is not None:
        set_status(call.workspace, channel=message.channel, thread_ts=message.thread_ts or message.ts, status=status)
    return {"channel": message.channel, "ts": message.ts, "message": call.workspace.public(message, metadata=True)}


def end_stream(message: Message) -> None:
    """Let a message be whole."""
    message.body.pop("task_display_mode", None)
    message.body["streaming_state"] = "completed"
