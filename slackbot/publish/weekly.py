"""The weekly digest: once a week in the default channel, whatever is killed when."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from copilot.guard.tenancy import tenant_scope
from copilot.knowledge import digest
from copilot.models import Tenant
from copilot.observe import logger
from slackbot import blocks, channels, installs, troubles
from slackbot.models import SlackDigest
from slackbot.publish import finding

if TYPE_CHECKING:
    from slackbot.installs import Installation

log = logger(__name__)
WEEK = timedelta(days=7)
# A digest that is later than two days is not news any more.
LATEST = timedelta(days=2)
LEASE = timedelta(seconds=60)


def due_since(now: datetime, tenant: Tenant) -> datetime | None:
    """Return since when the tenant's digest of the seven days before is due; None where none is, or none is wanted."""
    if tenant.digest_day is None:
        return None
    zone = ZoneInfo(tenant.time_zone)
    here = now.astimezone(zone)
    day = here.date() - timedelta(days=(here.weekday() - tenant.digest_day) % 7)
    begin = datetime.combine(day, time(tenant.digest_hour), zone)
    return begin if begin <= now < begin + LATEST else None


def post_due(tenant_id: UUID) -> bool:
    """Post the tenant's digest if it is due and not there yet; return whether it was posted now. A quiet week is not told."""
    until = due_since(timezone.now(), Tenant.objects.get(id=tenant_id))
    installation = installs.of_tenant(tenant_id)
    if until is None or installation is None or not installation.default_channel:
        return False
    week = until.date()
    with tenant_scope(tenant_id):
        SlackDigest.objects.bulk_create(
            [SlackDigest(tenant_id=tenant_id, week=week, id=uuid4())], ignore_conflicts=True
        )
        mine = SlackDigest.objects.filter(week=week, ts="", not_before__lte=Now())
        if not mine.update(not_before=Now() + LEASE):
            return False
        row = SlackDigest.objects.get(week=week)
    found = digest.read(tenant_id, since=until - WEEK, until=until)
    if not found.incidents:
        return False
    try:
        _post(installation, row, found)
    except Exception as failure:
        trouble = troubles.understood(failure)
        wait = (trouble.wait if trouble else 0.0) or troubles.backoff(row.failures)
        with tenant_scope(tenant_id):
            SlackDigest.objects.filter(id=row.id).update(
                failures=F("failures") + 1,
                not_before=Now() + timedelta(seconds=wait),
                error=(trouble.words if trouble else f"{type(failure).__name__}: {failure}")[:500],
            )
        if trouble is None:
            raise
        log.warning("digest not posted", error=trouble.code)
        return False
    return True


def _post(installation: Installation, row: SlackDigest, found: digest.Digest) -> None:
    """Post the digest once: where an earlier attempt may have reached Slack, it is looked for and adopted first."""
    client = installation.client()
    if row.attempted_at is not None:
        there = finding.find(
            client,
            installation.default_channel,
            since=row.attempted_at,
            thread_ts=None,
            is_ours=lambda message: finding.mark_of(message) == str(row.id),
        )
        if there is not None:
            _save(row, channel=there[0], ts=str(there[1]["ts"]))
            return
    with tenant_scope(row.tenant_id):
        SlackDigest.objects.filter(id=row.id).update(attempted_at=timezone.now())
    made, text = blocks.digest_message(found)
    answer = channels.joining(
        client,
        installation.default_channel,
        lambda channel: client.chat_postMessage(
            channel=channel,
            text=text,
            blocks=made,
            metadata=finding.metadata(row.id),
            unfurl_links=False,
            unfurl_media=False,
        ),
    )
    _save(row, channel=str(answer["channel"]), ts=str(answer["ts"]))


def _save(row: SlackDigest, *, channel: str, ts: str) -> None:
    with tenant_scope(row.tenant_id):
        SlackDigest.objects.filter(id=row.id).update(channel=channel, ts=ts, error="")


__all__ = ["due_since", "post_due"]
