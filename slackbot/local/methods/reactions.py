"""reactions.*: emoji under a message."""

from slackbot.local.calls import Call, method
from slackbot.local.errors import SlackError
from slackbot.local.model import Json, Message
from slackbot.local.reacting import add_reaction, remove_reaction


def _message(call: Call) -> Message:
    message = call.workspace.message(call.channel().id, call.text("timestamp"))
    if message is None:
        raise SlackError("message_not_found")
    return message


@method("reactions.add")
def add(call: Call) -> Json:
    """React as the bot."""
    message = _message(call)
    if not add_reaction(call.workspace, message, name=call.text("name"), user=call.workspace.app.bot_user_id):
        raise SlackError("already_reacted")
    return {}


@method("reactions.remove")
def remove(call: Call) -> Json:
    """Take the bot's reaction back."""
    message = _message(call)
    if not remove_reaction(call.workspace, message, name=call.text("name"), user=call.workspace.app.bot_user_id):
        raise SlackError("no_reaction")
    return {}


@method("reactions.get")
def get(call: Call) -> Json:
    """Return a message with its reactions."""
    message = _message(call)
    return {"type": "message", "channel": message.channel, "message": call.workspace.public(message)}
