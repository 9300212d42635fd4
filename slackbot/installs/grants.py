"""Grants: links and states that let somebody do one thing for a short time; only their hashes are kept."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from copilot.config import config
from copilot.guard.tenancy import tenant_scope
from copilot.models import AuditEntry
from slackbot.models import GrantKind, SlackGrant

if TYPE_CHECKING:
    from uuid import UUID

FORM_LIFE = timedelta(minutes=10)
# For so long it can still be told why a link does not work any more.
REMEMBERED = timedelta(days=1)


class LinkRefused(Exception):
    """Say to the person in the browser why a link does not work, and what to do."""


def make(kind: str, tenant_id: UUID, actor: str, life: timedelta, **bound: Any) -> str:
    """Write a grant down and return its token, which is kept nowhere."""
    token = secrets.token_urlsafe(32)
    now = timezone.now()
    SlackGrant.objects.filter(expires_at__lt=now - REMEMBERED).delete()
    SlackGrant.objects.create(
        token_hash=hashed(token), kind=kind, tenant_id=tenant_id, actor=actor[:200], expires_at=now + life, **bound
    )
    return token


def hashed(token: str) -> str:
    """Return what is kept of a token."""
    # Random and long: a plain hash keeps it as well as a keyed one, and the table holds nothing that opens anything.
    return hashlib.sha256(token.encode()).hexdigest()


def form_link(tenant_id: UUID, *, subject: str, connection_id: UUID, person: str, actor: str, channel: str) -> str:
    """Return a link to a form for one person, one tenant and one source; it works once, for ten minutes."""
    token = make(
        GrantKind.FORM, tenant_id, actor, FORM_LIFE,
        subject=subject, connection_id=connection_id, person=person[:32], channel=channel[:32],
    )  # fmt: skip
    with tenant_scope(tenant_id):
        AuditEntry.objects.create(actor=actor, action="connect link", target=subject, detail={"minutes": 10})
    return f"{config().public_url.rstrip('/')}/slack/connect/{token}"


def form(token: str) -> SlackGrant:
    """Return what a form's link is for; it is not used up by that.

    :raises LinkRefused: where the link is unknown, too old, or was used.
    """
    found = SlackGrant.objects.filter(token_hash=hashed(token), kind=GrantKind.FORM).first()
    if found is None:
        raise LinkRefused("No such link was given out. Type /sre connect in Slack for one of your own.")
    if found.used_at is not None:
        raise LinkRefused("This link was used already; each works once. Type /sre connect in Slack for a new one.")
    if found.expires_at <= timezone.now():
        raise LinkRefused("This link is too old; each works for ten minutes. Type /sre connect in Slack for a new one.")
    return found


def use(grant: SlackGrant) -> None:
    """Use a form's link up; of two that come at once, one gets it.

    :raises LinkRefused: where somebody was faster, or it has just ended.
    """
    now = timezone.now()
    free = SlackGrant.objects.filter(id=grant.id, used_at__isnull=True, expires_at__gt=now)
    if not free.update(used_at=now):
        raise LinkRefused("This link was used already; each works once. Type /sre connect in Slack for a new one.")


__all__ = ["FORM_LIFE", "LinkRefused", "form", "form_link", "hashed", "make", "use"]
