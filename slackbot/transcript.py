"""An incident's thread as plain text, as Slack shows it: for the command line."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from slack_sdk.errors import SlackApiError

from copilot.guard.tenancy import tenant_scope
from slackbot import installs
from slackbot.models import SlackPost
from slackbot.plain_text import message_text

if TYPE_CHECKING:
    from uuid import UUID

PAGES = 10


def read(tenant_id: UUID, incident_id: UUID) -> str:
    """Return the incident's message and thread, read back from Slack; a line that says why where there is none."""
    installation = installs.of_tenant(tenant_id)
    if installation is None:
        return "no Slack workspace is connected"
    with tenant_scope(tenant_id):
        root = SlackPost.objects.filter(incident_id=incident_id, key="root").first()
    if root is None or not root.ts:
        return f"not posted in Slack yet{': ' + root.error if root and root.error else ''}"
    client = installation.client()
    messages: list[dict[str, Any]] = []
    cursor = ""
    try:
        name = str((client.conversations_info(channel=root.channel).get("channel") or {}).get("name") or root.channel)
        for _ in range(PAGES):
            answer = client.conversations_replies(channel=root.channel, ts=root.ts, limit=200, cursor=cursor or None)
            messages.extend(answer.get("messages") or [])
            cursor = str((answer.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                break
    except SlackApiError as failure:
        return f"the thread cannot be read: Slack answers {failure.response.get('error')}"
    parts = [f"#{name}"]
    for position, message in enumerate(messages):
        at = datetime.fromtimestamp(float(message["ts"]), tz=UTC)
        who = (
            (message.get("bot_profile") or {}).get("name")
            or message.get("username")
            or message.get("user")
            or "someone"
        )
        said = message_text(message)
        margin = "" if position == 0 else "    "
        parts.append("")
        parts.append(f"{margin}{who}  {at:%H:%M:%S} UTC{'  (edited)' if message.get('edited') else ''}")
        parts.extend(f"{margin}{line}".rstrip() for line in said.splitlines())
    return "\n".join(parts)
