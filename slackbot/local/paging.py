"""Slack's cursors: opaque text that says where the next page starts."""

import base64

from slackbot.local.errors import SlackError


def next_cursor(start: int) -> str:
    """Return the cursor for the page that starts at an index."""
    return base64.b64encode(f"next:{start}".encode()).decode()


def position(cursor: str | None) -> int:
    """Return the index a cursor stands for; 0 without one.

    :raises SlackError: it is no cursor of ours.
    """
    if cursor is None:
        return 0
    try:
        word, _, start = base64.b64decode(cursor, validate=True).decode().partition(":")
        if word == "next" and start.isdecimal():
            return int(start)
    except ValueError:  # neither base64 nor text
        pass
    raise SlackError("invalid_cursor")
