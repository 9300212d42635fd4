"""conversations.*: channels, who is in them, and what was said."""

from slackbot.local.calls import Call, method
from slackbot.local.errors import SlackError
from slackbot.local.model import Channel, Json, Message
from slackbot.local.paging import next_cursor, position
from slackbot.local.state import CHANNEL_NAME


@method("conversations.list")
def list_channels(call: Call) -> Json:
    """Return the channels, by pages."""
    kinds = set((call.optional("types") or "public_channel").split(","))
    if unknown := kinds - {"public_channel", "private_channel", "mpim", "im"}:
        raise SlackError("invalid_types", messages=[f"unknown type {unknown.pop()}"])
    bot = call.workspace.app.bot_user_id
    fitting = [
        channel
        for channel in call.workspace.channels.values()
        if _kind(channel) in kinds
        and (not channel.is_private or bot in channel.members)
        and not (channel.is_archived and call.flag("exclude_archived"))
    ]
    limit = call.number("limit", default=100, low=1, high=1000)
    start = position(call.optional("cursor"))
    page = fitting[start : start + limit]
    more = start + limit < len(fitting)
    return {
        "channels": [channel.public(reader=bot) for channel in page],
        "response_metadata": {"next_cursor": next_cursor(start + limit) if more else ""},
    }


def _kind(channel: Channel) -> str:
    if channel.is_im:
        return "im"
    return "private_channel" if channel.is_private else "public_channel"


@method("conversations.info")
def info(call: Call) -> Json:
    """Return one channel."""
    return {"channel": call.channel().public(reader=call.workspace.app.bot_user_id)}


@method("conversations.join")
def join(call: Call) -> Json:
    """Bring the bot into a public channel."""
    channel, bot = call.channel(), call.workspace.app.bot_user_id
    if channel.is_archived:
        raise SlackError("is_archived")
    if channel.is_private or channel.is_im:
        raise SlackError("method_not_supported_for_channel_type")
    if bot in channel.members:
        return {"channel": channel.public(reader=bot), "warning": "already_in_channel"}
    channel.members.append(bot)
    call.workspace.save_channel(channel)
    return {"channel": channel.public(reader=bot)}


@method("conversations.members")
def members(call: Call) -> Json:
    """Return who is in a channel, by pages."""
    channel = call.channel()
    limit = call.number("limit", default=100, low=1, high=1000)
    start = position(call.optional("cursor"))
    more = start + limit < len(channel.members)
    return {
        "members": channel.members[start : start + limit],
        "response_metadata": {"next_cursor": next_cursor(start + limit) if more else ""},
    }


@method("conversations.create")
def create(call: Call) -> Json:
    """Make a channel with the bot in it."""
    name = call.text("name")
    if len(name) > 80:
        raise SlackError("invalid_name_maxlength")
    if not CHANNEL_NAME.fullmatch(name) or name != name.lower():
        raise SlackError("invalid_name_specials")
    if call.workspace.find_channel(name) is not None:
        raise SlackError("name_taken")
    bot = call.workspace.app.bot_user_id
    people = [user.id for user in call.workspace.users.values() if not user.is_bot]
    channel = call.workspace.create_channel(name, creator=bot, members=[bot, *people], private=call.flag("is_private"))
    return {"channel": channel.public(reader=bot)}


@method("conversations.open")
def open_direct(call: Call) -> Json:
    """Open the direct conversation with one person."""
    if (existing := call.optional("channel")) is not None:
        channel = call.workspace.channels.get(existing)
        if channel is None or not channel.is_im:
            raise SlackError("channel_not_found")
    else:
        wanted = call.arguments.get("users")
        users = wanted if isinstance(wanted, list) else call.text("users").split(",")
        if len(users) != 1:
            raise SlackError("not_enough_users" if not users else "too_many_users")
        user = call.workspace.users.get(str(users[0]).strip())
        if user is None or user.is_bot:
            raise SlackError("user_not_found")
        channel = call.workspace.direct_channel(user)
    return {"channel": {"id": channel.id, **channel.public(reader=call.workspace.app.bot_user_id)}}


def _readable(call: Call) -> Channel:
    channel = call.channel()
    if call.workspace.app.bot_user_id not in channel.members:
        raise SlackError("not_in_channel")
    return channel


def _bound(call: Call, name: str) -> str | None:
    """Return `oldest` or `latest` with six digits, so that it can be compared as text."""
    value = call.optional(name)
    if value in (None, "0"):
        return None
    try:
        seconds, _, micro = str(value).partition(".")
        return f"{int(seconds):010d}.{(micro or '0').ljust(6, '0')[:6]}"
    except ValueError:
        raise SlackError(f"invalid_ts_{name}") from None


def _within(call: Call, found: list[Message]) -> list[Message]:
    oldest, latest, inclusive = _bound(call, "oldest"), _bound(call, "latest"), call.flag("inclusive")
    return [
        message
        for message in found
        if (oldest is None or message.ts > oldest or (inclusive and message.ts == oldest))
        and (latest is None or message.ts < latest or (inclusive and message.ts == latest))
    ]


@method("conversations.history")
def history(call: Call) -> Json:
    """Return what was said in a channel, the newest first, by pages; replies stay in their threads."""
    channel = _readable(call)
    limit = call.number("limit", default=100, low=1, high=999)
    found = [
        message
        for message in reversed(call.workspace.messages[channel.id].values())
        if message.only_for is None and (not message.is_reply or message.broadcast)
    ]
    found = _within(call, found)
    start = position(call.optional("cursor"))
    more = start + limit < len(found)
    metadata = call.flag("include_all_metadata")
    answer: Json = {
        "messages": [call.workspace.public(message, metadata=metadata) for message in found[start : start + limit]],
        "has_more": more,
        "pin_count": 0,
    }
    if more:
        answer["response_metadata"] = {"next_cursor": next_cursor(start + limit)}
    return answer


@method("conversations.replies")
def replies(call: Call) -> Json:
    """Return a thread, its parent first, by pages."""
    channel = _readable(call)
    named = call.workspace.message(channel.id, call.text("ts"))
    if named is None:
        raise SlackError("thread_not_found")
    root = named.thread_ts or named.ts
    parent = call.workspace.message(channel.id, root)
    said = [call.workspace.messages[channel.id][ts] for ts in call.workspace.threads.get((channel.id, root), [])]
    found = ([parent] if parent is not None else []) + _within(call, said)
    limit = call.number("limit", default=1000, low=1, high=1000)
    start = position(call.optional("cursor"))
    more = start + limit < len(found)
    metadata = call.flag("include_all_metadata")
    answer: Json = {
        "messages": [call.workspace.public(message, metadata=metadata) for message in found[start : start + limit]],
        "has_more": more,
    }
    if more:
        answer["response_metadata"] = {"next_cursor": next_cursor(start + limit)}
    return answer
