"""Trigger ids: what lets an app open one view within three seconds of a person's act."""

from slackbot.local.errors import SlackError
from slackbot.local.state import State
from slackbot.local.workspace import Workspace


class Triggers:
    """Issue trigger ids and take each back once."""

    def __init__(self, state: State, *, seconds: float = 3.0) -> None:
        self._state = state
        self._seconds = seconds
        self._open: dict[str, tuple[float, str, str]] = {}
        self._used: set[str] = set()

    def issue(self, workspace: Workspace, user: str, *, view: str | None = None) -> str:
        """Return a new trigger id for what a person just did, in a modal or elsewhere."""
        now = self._state.clock.now()
        self._open = {key: entry for key, entry in self._open.items() if now - entry[0] < 60}
        trigger = f"{workspace.clock.timestamp()}.{workspace.new_id('')}"
        self._open[trigger] = (now, user, view or "")
        return trigger

    def take(self, trigger: str) -> tuple[str, str]:
        """Use a trigger id up and return the person and the view it came from.

        :raises SlackError: it is unknown, older than three seconds, or used before.
        """
        if trigger in self._used:
            raise SlackError("exchanged_trigger_id")
        entry = self._open.pop(trigger, None)
        if entry is None:
            raise SlackError("invalid_trigger_id")
        if self._state.clock.now() - entry[0] > self._seconds:
            raise SlackError("expired_trigger_id")
        self._used.add(trigger)
        return entry[1], entry[2]
