"""One call of Slack's Web API: its arguments as the SDKs send them, and the registry of methods."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from slackbot.local.errors import SlackError
from slackbot.local.model import Channel, Json
from slackbot.local.state import State
from slackbot.local.triggers import Triggers
from slackbot.local.workspace import Workspace


@dataclass(frozen=True)
class Call:
    """Who calls, with what; `base_url` is this server as the caller reached it."""

    state: State
    workspace: Workspace
    arguments: Json
    base_url: str
    triggers: Triggers

    def optional(self, name: str) -> str | None:
        """Return an argument as text, None when absent or empty."""
        value = self.arguments.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, (dict, list)):
            raise SlackError("invalid_arguments", messages=[f"must provide a string [json-pointer:/{name}]"])
        return str(value)

    def text(self, name: str) -> str:
        """Return an argument that must be there.

        :raises SlackError: it is missing or not text.
        """
        value = self.optional(name)
        if value is None:
            raise SlackError("invalid_arguments", messages=[f"missing required field: {name}"])
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a boolean, which SDKs send as true, "true" or 1."""
        value = self.arguments.get(name)
        return default if value is None else str(value).lower() in ("1", "true")

    def number(self, name: str, *, default: int, low: int, high: int, error: str = "invalid_limit") -> int:
        """Return a whole number in a range."""
        value = self.optional(name)
        if value is None:
            return default
        try:
            number = int(value)
        except ValueError:
            raise SlackError("invalid_arguments", messages=[f"must be an integer [json-pointer:/{name}]"]) from None
        if number > high:
            return high
        if number < low:
            raise SlackError(error)
        return number

    def structure(self, name: str, *, error: str = "invalid_arguments") -> Any:
        """Return a list or object, which a form carries as JSON text; None when absent."""
        value = self.arguments.get(name)
        if not isinstance(value, str):
            return value
        if not value.strip():
            return None
        try:
            return json.loads(value)
        except ValueError:
            raise SlackError(error, messages=[f"must be valid JSON [json-pointer:/{name}]"]) from None

    def channel(self, name: str = "channel", *, by_name: bool = False) -> Channel:
        """Return the channel an argument names by id, or where Slack allows it by name.

        :raises SlackError: channel_not_found, also for private channels the bot is not in.
        """
        wanted = self.text(name)
        found = self.workspace.channels.get(wanted)
        if found is None and by_name:
            found = self.workspace.find_channel(wanted)
            if found is None and wanted in self.workspace.users:
                found = self.workspace.direct_channel(self.workspace.users[wanted])
        bot = self.workspace.app.bot_user_id
        if found is None or (found.is_private and bot not in found.members):
            raise SlackError("channel_not_found")
        return found


Method = Callable[[Call], Json]
METHODS: dict[str, Method] = {}


def method(name: str) -> Callable[[Method], Method]:
    """Register a function as a method of the Web API."""

    def register(function: Method) -> Method:
        METHODS[name] = function
        return function

    return register
