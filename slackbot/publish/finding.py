"""Find a message of ours whose posting was interrupted, by a mark that travelled with it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from slack_sdk.errors import SlackApiError

from slackbot import channels

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from slack_sdk import WebClient

METADATA = "sre_copilot_post"
# Slack's clock and ours may differ.
CLOCK_SLACK = 120
PAGES = 5
NOT_THERE = {"not_in_channel", "channel_not_found", "thread_not_found"}


def find(
    client: WebClient,
    channel: str,
    *,
    since: datetime,
    thread_ts: str | None,
    is_ours: Callable[[dict[str, Any]], bool],
    before_each: Callable[[], None] = lambda: None,
) -> tuple[str, dict[str, Any]] | None:
    """Return the channel's id and the message, looked for among those after `since`; None where there is none.

    `before_each` is called before each question to Slack, and may raise to stop.
    """
    found = channels.find(client, channel)
    if found is None:
        return None
    cursor = ""
    for _ in range(PAGES):
        before_each()
        asked: dict[str, Any] = {
            "channel": found,
            "oldest": f"{since.timestamp() - CLOCK_SLACK:.6f}",
            "limit": 200,
            "include_all_metadata": True,
        }
        if cursor:
            asked["cursor"] = cursor
        try:
            # A thread is asked for its replies, a channel for its messages.
            ask = partial(client.conversations_replies, ts=thread_ts) if thread_ts else client.conversations_history
            answer = ask(**asked)
        except SlackApiError as failure:
            # A channel the bot is not in has no message of the bot.
            if str(failure.response.get("error")) in NOT_THERE:
                return None
            raise
        for message in answer.get("messages") or []:
            if is_ours(message):
                return found, message
        cursor = str((answer.get("response_metadata") or {}).get("next_cursor") or "")
        if not cursor:
            return None
    return None


def metadata(identifier: object) -> dict[str, Any]:
    """Return the mark of a message, by which it is found again."""
    return {"event_type": METADATA, "event_payload": {"post": str(identifier)}}


def mark_of(message: dict[str, Any]) -> str:
    """Return the mark that a message carries, empty for none of ours."""
    found = message.get("metadata") or {}
    if found.get("event_type") != METADATA:
        return ""
    return str((found.get("event_payload") or {}).get("post") or "")


__all__ = ["find", "mark_of", "metadata"]
