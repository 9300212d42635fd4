"""How each tenant fares, read for many tenants at once: the number of queries does not grow with them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from django.core.paginator import Paginator
from django.db.models import Aggregate, Count, DurationField, Exists, ExpressionWrapper, F, OuterRef, Q, Sum
from django.utils import timezone

from copilot.models import (
    Connection,
    Feedback,
    FeedbackValue,
    Incident,
    IncidentStatus,
    LimitReached,
    ModelCall,
    RankingRecord,
    Stage,
    StageResult,
    Tenant,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from django.core.paginator import Page
    from django.db.models import QuerySet

DAYS = 30
PER_PAGE = 50


class Median(Aggregate):
    """Be the middle of the values, interpolated between the two middle ones of an even number."""

    function = "PERCENTILE_CONT"
    template = "%(function)s(0.5) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = DurationField()


@dataclass(slots=True)
class TenantView:
    """Hold what the overview shows of a tenant; rates and the median are None where there is nothing to count."""

    tenant: Tenant
    connections: list[Connection] = field(default_factory=list)
    open_incidents: int = 0
    acknowledged_incidents: int = 0
    investigated: int = 0
    answered: int = 0
    up: int = 0
    down: int = 0
    median_seconds: float | None = None
    dollars_today: Decimal = Decimal(0)
    dollars: Decimal = Decimal(0)
    limits_reached: list[LimitReached] = field(default_factory=list)

    @property
    def feedback_rate(self) -> float | None:
        """Return the share of investigated incidents on which somebody gave a verdict."""
        return self.answered / self.investigated if self.investigated else None

    @property
    def acceptance(self) -> float | None:
        """Return the share of 👍 among the verdicts."""
        given = self.up + self.down
        return self.up / given if given else None

    @property
    def failing(self) -> int:
        """Return how many connections are in use and failing."""
        return sum(one.is_enabled and one.health == "failing" for one in self.connections)


def page_of(tenants: QuerySet[Tenant], number: str | None) -> Page[Tenant]:
    """Return one page of the tenants; a number that is none gives the nearest page."""
    return Paginator(tenants, PER_PAGE).get_page(number)


def read(tenants: Iterable[Tenant]) -> list[TenantView]:
    """Return the views of these tenants, in their order."""
    views = {tenant.pk: TenantView(tenant) for tenant in tenants}
    if not views:
        return []
    mine = Q(tenant__in=list(views))
    for connection in Connection.objects.filter(mine).defer("sealed").order_by("kind", "name"):
        views[connection.tenant_id].connections.append(connection)
    for reached in LimitReached.objects.filter(mine, day=timezone.now().date()):
        views[reached.tenant_id].limits_reached.append(reached)
    _add_incidents(views, mine)
    _add_costs(views, mine)
    return list(views.values())


def _add_incidents(views: dict[UUID, TenantView], mine: Q) -> None:
    since = timezone.now() - timedelta(days=DAYS)
    counts = (
        Incident.objects.filter(mine)
        .exclude(status=IncidentStatus.RESOLVED)
        .values("tenant")
        .annotate(all=Count("pk"), acknowledged=Count("pk", filter=Q(status=IncidentStatus.ACKNOWLEDGED)))
        .order_by()
    )
    for row in counts:
        view = views[row["tenant"]]
        view.open_incidents, view.acknowledged_incidents = row["all"], row["acknowledged"]
    verdicts = Feedback.objects.filter(hypothesis__run__incident=OuterRef("pk"))
    investigated = (
        Incident.objects.filter(mine, created_at__gte=since)
        .filter(Exists(RankingRecord.objects.filter(run__incident=OuterRef("pk"))))
        .annotate(is_answered=Exists(verdicts))
        .values("tenant")
        .annotate(all=Count("pk"), answered=Count("pk", filter=Q(is_answered=True)))
        .order_by()
    )
    for looked in investigated:
        view = views[looked["tenant"]]
        view.investigated, view.answered = looked["all"], looked["answered"]
    given = (
        Feedback.objects.filter(mine, hypothesis__run__incident__created_at__gte=since)
        .values("tenant")
        .annotate(
            up=Count("pk", filter=Q(value=FeedbackValue.UP)), down=Count("pk", filter=Q(value=FeedbackValue.DOWN))
        )
        .order_by()
    )
    for said in given:
        view = views[said["tenant"]]
        view.up, view.down = said["up"], said["down"]
    # The page itself is an incident's first run; a later look that somebody asked for has another clock.
    medians = (
        StageResult.objects.filter(mine, stage=Stage.RANK, run__sequence=1, finished_at__gte=since)
        .annotate(took=ExpressionWrapper(F("finished_at") - F("run__created_at"), output_field=DurationField()))
        .values("tenant")
        .annotate(median=Median("took"))
        .order_by()
    )
    for middle in medians:
        views[middle["tenant"]].median_seconds = middle["median"].total_seconds()


def _add_costs(views: dict[UUID, TenantView], mine: Q) -> None:
    now = timezone.now()
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    rows = (
        ModelCall.objects.filter(mine, created_at__gte=now - timedelta(days=DAYS))
        .values("tenant")
        .annotate(all=Sum("dollars"), today=Sum("dollars", filter=Q(created_at__gte=today)))
        .order_by()
    )
    for row in rows:
        view = views[row["tenant"]]
        view.dollars, view.dollars_today = row["all"], row["today"] or Decimal(0)
