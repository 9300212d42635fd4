"""Who may publish an incident just now: a lease in its root row, taken and given back by guarded updates."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connection
from django.db.models import F

from copilot.guard.tenancy import tenant_scope
from slackbot.models import SlackPost

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from uuid import UUID

ROOT = "root"
# Longer than the longest outside call (10 s) with room to save its answer; renewed before each.
SECONDS = 25


@dataclass(frozen=True, slots=True)
class Claim:
    """Hold a lease: `wanted` is the wish that was known when it was taken."""

    tenant_id: UUID
    incident_id: UUID
    root_id: UUID
    holder: UUID
    wanted: int
    failures: int


class LeaseLost(Exception):
    """Say that another publisher took over, as this one was silent for too long."""


_kept: ContextVar[Claim | None] = ContextVar("slack_lease", default=None)


def wish(tenant_id: UUID, incident_id: UUID) -> None:
    """Note in the rows that the incident should be shown anew; call it inside the transaction of what changed, or alone."""
    with tenant_scope(tenant_id):
        SlackPost.objects.bulk_create(
            [SlackPost(tenant_id=tenant_id, incident_id=incident_id, key=ROOT)], ignore_conflicts=True
        )
        SlackPost.objects.filter(incident_id=incident_id, key=ROOT).update(wanted=F("wanted") + 1)


def claim(tenant_id: UUID, incident_id: UUID, holder: UUID) -> Claim | None:
    """Take the lease, if it is free, due, and there is something to show; exactly one of many callers gets it."""
    with tenant_scope(tenant_id), connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE slackbot_slackpost
               SET holder = %s, lease_until = now() + make_interval(secs => %s)
             WHERE incident_id = %s AND key = %s AND lease_until <= now() AND not_before <= now() AND shown < wanted
            RETURNING id, wanted, failures
            """,
            [holder, SECONDS, incident_id, ROOT],
        )
        row = cursor.fetchone()
    return Claim(tenant_id, incident_id, row[0], holder, row[1], row[2]) if row else None


@contextmanager
def kept(claim: Claim) -> Iterator[None]:
    """Let `renew()` inside the block renew this claim."""
    token = _kept.set(claim)
    try:
        yield
    finally:
        _kept.reset(token)


def renew() -> None:
    """Prolong the lease before an outside call.

    :raises LeaseLost: where it is another's by now.
    """
    held = _kept.get()
    if held is None:
        raise LeaseLost("no lease is held here")
    with tenant_scope(held.tenant_id), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE slackbot_slackpost SET lease_until = now() + make_interval(secs => %s)"
            " WHERE id = %s AND holder = %s AND lease_until > now()",
            [SECONDS, held.root_id, held.holder],
        )
        if cursor.rowcount != 1:
            raise LeaseLost(f"the lease on incident {held.incident_id} went to another publisher")


def release(claim: Claim, *, read_at: datetime, finished: bool) -> bool:
    """Give the lease back; return whether somebody wished for more meanwhile.

    A publication that held something back (an edit too soon after the last) is not finished: its wish stays open.
    """
    with tenant_scope(claim.tenant_id), connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE slackbot_slackpost
               SET shown = CASE WHEN %s THEN greatest(shown, %s) ELSE shown END, read_at = %s, holder = NULL,
                   lease_until = now(), failures = 0, error = ''
             WHERE id = %s AND holder = %s
            RETURNING wanted > %s
            """,
            [finished, claim.wanted, read_at, claim.root_id, claim.holder, claim.wanted],
        )
        row = cursor.fetchone()
    return bool(row and row[0])


def put_off(claim: Claim, *, seconds: float, error: str) -> None:
    """Give the lease back after a failure, and let nobody try before some seconds have passed."""
    with tenant_scope(claim.tenant_id), connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE slackbot_slackpost
               SET holder = NULL, lease_until = now(), not_before = now() + make_interval(secs => %s),
                   failures = failures + 1, error = %s
             WHERE id = %s AND holder = %s
            """,
            [seconds, error, claim.root_id, claim.holder],
        )
