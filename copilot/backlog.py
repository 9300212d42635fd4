"""How much work waits, asked of the rows: the broker knows hints alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import Count, Min, Q
from django.db.models.functions import Now
from django.utils import timezone

from copilot.config import config
from copilot.guard.tenancy import tenant_scope
from copilot.models import Delivery, Run, Stage, Tenant

if TYPE_CHECKING:
    from datetime import datetime

ENDED = (Stage.DONE, Stage.FAILED)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Hold how much work there is that nobody has done yet."""

    age_seconds: float
    late_runs: int
    unfinished_runs: int


def waiting() -> Waiting:
    """Ask how much waits, of all tenants: deliveries not taken in, runs that nobody works on, runs older than the limit."""
    oldest: datetime | None = None
    late = unfinished = 0
    now = timezone.now()
    limit = now - timedelta(seconds=config().run_late_seconds)
    for tenant_id in Tenant.objects.values_list("id", flat=True):
        with tenant_scope(tenant_id):
            delivery = Delivery.objects.filter(handled_at__isnull=True, not_before__lte=Now()).aggregate(
                oldest=Min("received_at")
            )
            runs = Run.objects.exclude(stage__in=ENDED).aggregate(
                oldest=Min("created_at", filter=Q(lease_until__lte=Now(), not_before__lte=Now())),
                late=Count("id", filter=Q(created_at__lt=limit)),
                unfinished=Count("id"),
            )
        late += runs["late"]
        unfinished += runs["unfinished"]
        oldest = min((at for at in (oldest, delivery["oldest"], runs["oldest"]) if at), default=None)
    return Waiting((now - oldest).total_seconds() if oldest else 0.0, late, unfinished)
