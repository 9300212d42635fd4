"""How much work waits, asked of the rows: the broker knows hints alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.db import connection
from django.utils import timezone

from copilot.config import config


@dataclass(frozen=True, slots=True)
class Waiting:
    """Hold how much work there is that nobody has done yet."""

    age_seconds: float
    late_runs: int
    unfinished_runs: int


def waiting() -> Waiting:
    """Ask how much waits, of all tenants: deliveries not taken in, runs that nobody works on, runs older than the limit."""
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM copilot_backlog(%s)", [now - timedelta(seconds=config().run_late_seconds)])
        delivery, run, late, unfinished = cursor.fetchone()
    oldest = min((at for at in (delivery, run) if at), default=None)
    return Waiting((now - oldest).total_seconds() if oldest else 0.0, late, unfinished)
