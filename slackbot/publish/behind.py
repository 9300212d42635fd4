"""Which incidents are shown as they were, not as they are: what the sweeper publishes again."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import connection
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Now
from django.utils import timezone

from copilot.guard.tenancy import tenant_scope
from copilot.models import Confirmation, Feedback, Incident, Run
from slackbot.models import InstallationStatus, SeenRequest, SlackInstallation, SlackPost
from slackbot.publish import drafts
from slackbot.publish.lease import ROOT

if TYPE_CHECKING:
    from uuid import UUID

    from django.db.models import QuerySet

DAYS = 7
SEEN_DAYS = 2
MOST = 200
# A row's own time is taken a moment before its commit: what was read in between did not see it yet.
MARGIN = timedelta(seconds=5)


def tenants() -> list[UUID]:
    """Return the tenants with a wish that is due and unheld, or an answer that nobody is at."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM slackbot_tenants_with_work()")
        return [row[0] for row in cursor.fetchall()]


def unfinished(tenant_id: UUID) -> list[UUID]:
    """Return incidents with a wish that is due and unheld, with rows newer than what is shown, or never shown at all."""
    with tenant_scope(tenant_id):
        SeenRequest.objects.filter(seen_at__lt=Now() - timedelta(days=SEEN_DAYS)).delete()
        installation = SlackInstallation.objects.filter(
            status=InstallationStatus.ACTIVE, connection__is_enabled=True
        ).first()
        if installation is None:
            return []
        due = SlackPost.objects.filter(key=ROOT, lease_until__lte=Now(), not_before__lte=Now())
        behind = set(due.filter(shown__lt=F("wanted")).values_list("incident_id", flat=True)[:MOST])
        behind.update(_stale(due))
        behind.update(drafts.owed(MOST))
        recent = Incident.objects.filter(created_at__gt=timezone.now() - timedelta(days=DAYS))
        never = recent.filter(created_at__gte=installation.installed_at, slack_posts__isnull=True).order_by("-number")
        behind.update(never.values_list("id", flat=True)[:MOST])
    return sorted(behind, key=str)


def _stale(due: QuerySet[SlackPost]) -> list[UUID]:
    newer = OuterRef("read_at") - MARGIN
    incident = OuterRef("incident_id")
    return list(
        due.filter(read_at__gt=timezone.now() - timedelta(days=DAYS))
        .filter(
            Q(incident__updated_at__gt=F("read_at") - MARGIN)
            | Q(Exists(Run.objects.filter(incident=incident, finished_at__gt=newer)))
            | Q(Exists(Feedback.objects.filter(hypothesis__run__incident=incident, updated_at__gt=newer)))
            | Q(Exists(Confirmation.objects.filter(incident=incident, updated_at__gt=newer)))
        )
        .values_list("incident_id", flat=True)[:MOST]
    )
