"""Emoji under a message: who has put which."""

import re

from slackbot.local.errors import SlackError
from slackbot.local.model import Message
from slackbot.local.workspace import Workspace

_NAME = re.compile(r"[a-z0-9_+'-]+(?:::skin-tone-[2-6])?")


def add_reaction(workspace: Workspace, message: Message, *, name: str, user: str) -> bool:
    """Add a person's reaction; False when it was there already.

    :raises SlackError: the name is not one an emoji can have.
    """
    name = name.strip(":")
    if not _NAME.fullmatch(name):
        raise SlackError("invalid_name")
    users = message.reactions.setdefault(name, [])
    if user in users:
        return False
    users.append(user)
    workspace.change_message(message)
    return True


def remove_reaction(workspace: Workspace, message: Message, *, name: str, user: str) -> bool:
    """Remove a person's reaction; False when there was none."""
    name = name.strip(":")
    users = message.reactions.get(name, [])
    if user not in users:
        return False
    users.remove(user)
    if not users:
        del message.reactions[name]
    workspace.change_message(message)
    return True
