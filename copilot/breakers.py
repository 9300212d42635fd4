"""A breaker a connection: one that keeps failing is left alone for a while, so that nobody waits for it; its rows are the state.

The first failures are taken as they come. Once a connection has failed for `PATIENCE`, it is asked again only after half the time
that it has failed by then, `LONGEST` at most: by one caller, whose answer closes the breaker or keeps it open for longer. Tests of the
connection count like questions.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.utils import timezone

from copilot.models import AuditEntry, Connection, ConnectionHealth

if TYPE_CHECKING:
    from uuid import UUID

PATIENCE = timedelta(seconds=60)
LONGEST = timedelta(minutes=2)
OPEN, CLOSED = "breaker open", "breaker closed"


def refusal(connection: Connection) -> str:
    """Return why a connection is not asked now, or nothing; who gets nothing asks it. Call it in the tenant's scope."""
    since, last = connection.failing_since, connection.checked_at
    if connection.health != ConnectionHealth.FAILING or since is None or last is None or last - since < PATIENCE:
        return ""
    again = last + min((last - since) / 2, LONGEST)
    now = timezone.now()
    # One caller alone tries it: whoever moves the time on first.
    if again <= now and Connection.objects.filter(id=connection.id, checked_at=last).update(checked_at=now):
        return ""
    _tell_once(connection, since)
    waits = max(again, now + timedelta(seconds=1))
    return (
        f"was not asked: it has failed since {since:%H:%M} UTC ({connection.health_detail[:200] or 'no answer'});"
        f" it is tried again after {waits:%H:%M:%S} UTC"
    )


def failed(connection_id: UUID, reason: str) -> None:
    """Record that a connection gave no answer; call it in the tenant's scope."""
    now = timezone.now()
    mine = Connection.objects.filter(id=connection_id)
    mine.filter(failing_since__isnull=True).update(failing_since=now)
    mine.update(health=ConnectionHealth.FAILING, health_detail=reason[:1000], checked_at=now)


def worked(connection_id: UUID, detail: str) -> None:
    """Record that a connection answered; call it in the tenant's scope."""
    row = Connection.objects.filter(id=connection_id).first()
    if row is None:
        return
    if row.failing_since is not None and _was_told(row, row.failing_since):
        AuditEntry.objects.create(
            actor="copilot", action=CLOSED, target=str(row), detail={"failed_since": row.failing_since.isoformat()}
        )
    Connection.objects.filter(id=connection_id).update(
        health=ConnectionHealth.WORKS, health_detail=detail[:1000], checked_at=timezone.now(), failing_since=None
    )


def _tell_once(connection: Connection, since: datetime) -> None:
    if not _was_told(connection, since):
        AuditEntry.objects.create(
            actor="copilot",
            action=OPEN,
            target=str(connection),
            detail={"failed_since": since.isoformat(), "why": connection.health_detail[:500]},
        )


def _was_told(connection: Connection, since: datetime) -> bool:
    return AuditEntry.objects.filter(action=OPEN, target=str(connection), at__gte=since).exists()
