"""Which post-mortem drafts an incident has and is to have: each is a row before it is a file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from copilot.models import Hypothesis, Incident, IncidentStatus
from slackbot.models import SlackPost
from slackbot.publish.lease import ROOT

if TYPE_CHECKING:
    from uuid import UUID

PREFIX = "postmortem:"
UNANSWERED = f"{PREFIX}unanswered"
# How long after the resolution the draft waits for somebody to say what the cause was, and how long it is owed.
PATIENCE = timedelta(minutes=10)
OWED = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class File:
    """Hold a file to upload."""

    content: bytes
    title: str
    alt_text: str


def key_of(cause: str) -> str:
    """Return the key of the draft that names this cause: another cause is another draft."""
    return PREFIX + hashlib.sha256(cause.encode()).hexdigest()[:16]


def owed(most: int) -> list[UUID]:
    """Return resolved incidents whose draft has waited long enough for an answer; runs inside the tenant's scope."""
    now = timezone.now()
    posts = SlackPost.objects.filter(incident=OuterRef("id"))
    found = (
        Incident.objects.filter(
            status=IncidentStatus.RESOLVED, resolved_at__lte=now - PATIENCE, resolved_at__gt=now - OWED
        )
        .exclude(muted_until__gt=now)
        .filter(Exists(posts.filter(key=ROOT).exclude(ts="")), ~Exists(posts.filter(key__startswith=PREFIX)))
        .filter(Q(Exists(Hypothesis.objects.filter(run__incident=OuterRef("id")))))
    )
    return list(found.values_list("id", flat=True)[:most])


__all__ = ["OWED", "PATIENCE", "PREFIX", "UNANSWERED", "File", "key_of", "owed"]
