"""What people do in Slack, each translated into one call into the product and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slackbot.handlers import actions, commands, conversation, events, home, looking_at, unfurling, views

if TYPE_CHECKING:
    from slack_bolt import App


def register(app: App) -> None:
    """Attach all listeners to the Bolt app."""
    # The first that fits is called, and the buttons' last listener fits all.
    conversation.register(app)
    home.register(app)
    looking_at.register(app)
    unfurling.register(app)
    commands.register(app)
    actions.register(app)
    events.register(app)
    views.register(app)
