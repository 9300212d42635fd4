"""Slack workspaces of tenants: connect one, find one, hand out its client, and know how it is."""

from slackbot.installs.connecting import connect
from slackbot.installs.health import check, close, note_health
from slackbot.installs.installation import (
    Installation,
    Secrets,
    of_connection,
    of_endpoint,
    of_team,
    of_tenant,
    request_url,
)

__all__ = [
    "Installation",
    "Secrets",
    "check",
    "close",
    "connect",
    "note_health",
    "of_connection",
    "of_endpoint",
    "of_team",
    "of_tenant",
    "request_url",
]
