"""Channels: find one by its name, and join one that lets us."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

from slack_sdk.errors import SlackApiError

if TYPE_CHECKING:
    from collections.abc import Callable

    from slack_sdk import WebClient

Answer = TypeVar("Answer")
_ID = re.compile(r"^[CGD][A-Z0-9]{5,}$")
PAGES = 20
JOINABLE = {"not_in_channel", "channel_not_found"}


def find(client: WebClient, channel: str) -> str | None:
    """Return the channel's id, by id or name; None where there is none that the bot can see."""
    wanted = channel.strip().lstrip("#")
    if _ID.fullmatch(wanted):
        return wanted
    if not wanted:
        return None
    for kinds in ("public_channel,private_channel", "public_channel"):
        try:
            return _listed(client, wanted.lower(), kinds)
        except SlackApiError as failure:
            # Without groups:read only public channels may be listed.
            if kinds == "public_channel" or failure.response.get("error") != "missing_scope":
                raise
    return None


def _listed(client: WebClient, name: str, kinds: str) -> str | None:
    cursor = ""
    for _ in range(PAGES):
        answer = client.conversations_list(types=kinds, exclude_archived=False, limit=1000, cursor=cursor or None)
        for one in answer.get("channels") or []:
            if one.get("name") == name:
                return str(one["id"])
        cursor = str((answer.get("response_metadata") or {}).get("next_cursor") or "")
        if not cursor:
            return None
    return None


def joining(client: WebClient, channel: str, act: Callable[[str], Answer]) -> Answer:
    """Do something in a channel; where the bot is not in it, join it and try once more."""
    try:
        return act(channel)
    except SlackApiError as failure:
        if failure.response.get("error") not in JOINABLE:
            raise
        refused = failure
    found = find(client, channel)
    if found is None:
        raise refused
    if refused.response.get("error") == "not_in_channel":
        try:
            client.conversations_join(channel=found)
        except SlackApiError as failure:
            # The reason why we cannot join says less than the reason why we cannot post, unless it is a scope.
            if failure.response.get("error") == "missing_scope":
                raise
            raise refused from failure
    elif found == channel.strip().lstrip("#"):
        raise refused
    return act(found)
