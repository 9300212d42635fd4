"""What Slack tells of itself: the app was removed, tokens were revoked. All other events are acknowledged."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from slackbot import installs
from slackbot.handlers.visitor import visitor
from slackbot.models import InstallationStatus

if TYPE_CHECKING:
    from slack_bolt import App, BoltContext


def register(app: App) -> None:
    """Attach the events."""
    app.event("app_uninstalled")(_uninstalled)
    app.event("tokens_revoked")(_revoked)
    app.event(re.compile(".*"))(_ignored)


def _ignored() -> None:
    """Do nothing: Bolt has acknowledged, so Slack does not send it again."""


def _uninstalled(body: dict[str, Any], context: BoltContext) -> None:
    who = visitor(body, context)
    with who.once("event", str(body.get("event_id"))) as is_new:
        if is_new:
            said = "the app was removed from the workspace: install it and connect Slack again"
            installs.close(who.installation, InstallationStatus.UNINSTALLED, said)


def _revoked(body: dict[str, Any], context: BoltContext) -> None:
    who = visitor(body, context)
    tokens = (body.get("event") or {}).get("tokens") or {}
    # Tokens of people may be revoked one by one; only the bot's ends our access.
    if not isinstance(tokens, dict) or not tokens.get("bot"):
        return
    with who.once("event", str(body.get("event_id"))) as is_new:
        if is_new:
            installs.close(
                who.installation, InstallationStatus.REVOKED, "the bot token was revoked: connect Slack again"
            )
