"""What has come in through a connection's webhook address: a test cannot provoke it, so the stored deliveries tell."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from django.utils import timezone

from copilot.config import config
from copilot.models import Delivery

if TYPE_CHECKING:
    from copilot.models import Connection
    from integrations.base import Health, Integration

# How much of the reason why a webhook could not be read is told.
_LONGEST_REASON = 300


def told_of(connection: Connection, integration: Integration, health: Health) -> Health:
    """Return a test's outcome with what was received last; runs inside the tenant's scope.

    What only receives works where the last that came could be read; where nothing came yet, nobody knows (`works` None).
    """
    if not integration.receives or health.works is False:
        return health
    last = Delivery.objects.filter(connection=connection).order_by("-received_at").defer("body", "headers").first()
    if last is None:
        # Where it is asked as well, webhooks may not be wanted at all.
        hint = f"; to try it: {integration.trial}" if health.works is None else ""
        return _with(health, f"{_none_since(connection)}{hint}")
    # It is stored and shown later: "4 min ago" would be wrong by then.
    when = f"last received {last.received_at:%Y-%m-%d %H:%M} UTC"
    works = bool(health.works) or not last.error
    if last.error:
        when += f", but it could not be read: {last.error[:_LONGEST_REASON]}; see Deliveries in the admin"
    return replace(_with(health, when), works=works)


def _none_since(connection: Connection) -> str:
    """Return that none came, no further back than deliveries are kept."""
    days = config().keep_raw_days
    if days and (timezone.now() - connection.created_at).days >= days:
        return f"no webhook received in the last {days} days"
    return "no webhook received yet"


def _with(health: Health, said: str) -> Health:
    return replace(health, detail="; ".join(filter(None, (health.detail, said))))
