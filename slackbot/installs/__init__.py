"""Slack workspaces of tenants: connect one, find one, hand out its client, and know how it is."""

from slackbot.installs.connecting import connect
from slackbot.installs.health import check, close, note_health
from slackbot.installs.installation import (
    Installation,
    Secrets,
    all_of,
    of_connection,
    of_endpoint,
    of_team,
    of_tenant,
    request_url,
)
from slackbot.installs.rotation import fresh, renew

__all__ = [
    "Installation",
    "Secrets",
    "all_of",
    "check",
    "close",
    "connect",
    "fresh",
    "note_health",
    "of_connection",
    "of_endpoint",
    "of_team",
    "of_tenant",
    "renew",
    "request_url",
]
