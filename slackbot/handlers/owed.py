"""Answers that are owed: a command that Slack was told we have is in the rows until its answer has arrived.

What a command does is done before; of it the rows hold what is to be told.

The process that took it in answers at once. Where that process dies, or Slack does not take the answer, the sweeper finds
the row and a worker answers: at the address that Slack gave for half an hour, later to the person alone in the channel.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from copilot.guard import vault
from copilot.guard.tenancy import tenant_scope
from copilot.observe import logger
from slackbot import installs, troubles
from slackbot.handlers.visitor import Visitor
from slackbot.models import SlackReply

if TYPE_CHECKING:
    from uuid import UUID

log = logger(__name__)
# Longer than the slowest look-up; who is still at it then is taken for dead.
LEASE = timedelta(seconds=30)
# Slack takes answers for thirty minutes; the last of them may not suffice for the call.
ADDRESS_LIFE = timedelta(minutes=29)
# Nobody waits longer for what they can ask again.
LATEST = timedelta(hours=2)
MOST = 50


@dataclass(frozen=True, slots=True)
class Owed:
    """Hold one claim on a row: `attempt` is this holder's number."""

    tenant_id: UUID
    id: UUID
    attempt: int
    words: str
    asked_at: datetime
    # What came of a deed that was done before it was acknowledged; empty where a question is to be answered.
    done: str = ""
    # Sent to a whole channel by somebody who did not live to say so.
    may_have_arrived: bool = False


def owe(who: Visitor, words: str, *, done: str = "") -> Owed:
    """Write down that a person is owed an answer; call it before the command is acknowledged.

    `done` says in words what came of a deed, to be told where the process that did it dies: it is not done twice.
    """
    now = timezone.now()
    with tenant_scope(who.tenant_id):
        row = SlackReply.objects.create(
            tenant_id=who.tenant_id,
            connection_id=who.installation.connection_id,
            person=who.person[:32],
            person_name=who.name[:200],
            is_guest=who.is_guest,
            channel=who.channel[:32],
            sealed=vault.seal(who.tenant_id, {"response_url": who.response_url, "done": done}),
            words=words[:3000],
            lease_until=now + LEASE,
            attempt=0,
        )
    return Owed(who.tenant_id, row.id, 0, row.words, now, done)


def begin(owed: Owed) -> Owed | None:
    """Claim what this process itself wrote down; None where a worker took it over meanwhile."""
    with tenant_scope(owed.tenant_id):
        mine = SlackReply.objects.filter(id=owed.id, attempt=owed.attempt)
        if not mine.update(attempt=F("attempt") + 1, lease_until=Now() + LEASE):
            return None
    return replace(owed, attempt=owed.attempt + 1)


def overdue(tenant_id: UUID) -> list[UUID]:
    """Return the answers that nobody is at."""
    with tenant_scope(tenant_id):
        return list(SlackReply.objects.filter(lease_until__lte=Now()).values_list("id", flat=True)[:MOST])


def take_over(tenant_id: UUID, reply_id: UUID) -> tuple[Visitor, Owed] | None:
    """Claim an answer that nobody is at; None where somebody is, or nobody waits for it any more."""
    with tenant_scope(tenant_id):
        free = SlackReply.objects.filter(id=reply_id, lease_until__lte=Now())
        if not free.update(attempt=F("attempt") + 1, lease_until=Now() + LEASE):
            return None
        row = SlackReply.objects.get(id=reply_id)
    waited = timezone.now() - row.asked_at
    try:
        sealed = vault.unseal(tenant_id, row.sealed)
    except vault.SealBroken:
        sealed = {}
    owed = Owed(
        tenant_id,
        row.id,
        row.attempt,
        row.words,
        row.asked_at,
        str(sealed.get("done") or ""),
        may_have_arrived=row.begun_at is not None,
    )
    who = None if waited > LATEST else _visitor(row, waited, str(sealed.get("response_url") or ""))
    if who is None:
        log.warning("slack answer given up", command=row.words[:40], waited=round(waited.total_seconds()))
        settle(owed)
        return None
    return who, owed


def _visitor(row: SlackReply, waited: timedelta, address: str) -> Visitor | None:
    """Return who asked, as the row tells it; None where their workspace is not connected any more."""
    installation = installs.of_connection(row.tenant_id, row.connection_id)
    if installation is None or not installation.is_active:
        return None
    return Visitor(
        installation=installation,
        client=installation.client(),
        person=row.person,
        name=row.person_name,
        channel=row.channel,
        thread_ts="",
        response_url=address if waited < ADDRESS_LIFE else "",
        # It opened windows for three seconds.
        trigger_id="",
        is_guest=row.is_guest,
    )


def note_sending(owed: Owed) -> None:
    """Write down that a whole channel is about to be told: after that it is not told again, come what may."""
    _mine(owed, begun_at=timezone.now())


def settle(owed: Owed) -> None:
    """Forget an answer that has arrived, or that cannot."""
    with tenant_scope(owed.tenant_id):
        SlackReply.objects.filter(id=owed.id, attempt=owed.attempt).delete()


def put_off(owed: Owed, trouble: troubles.Trouble) -> None:
    """Let the answer be given again once Slack may take it."""
    wait = trouble.wait or troubles.backoff(owed.attempt)
    _mine(owed, lease_until=Now() + timedelta(seconds=wait), begun_at=None)


def _mine(owed: Owed, **values: object) -> None:
    with tenant_scope(owed.tenant_id):
        SlackReply.objects.filter(id=owed.id, attempt=owed.attempt).update(**values)


__all__ = ["Owed", "begin", "note_sending", "overdue", "owe", "put_off", "settle", "take_over"]
