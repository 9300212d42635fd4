"""How a tenant stands against its limits: what each is, who set it, what is used, and when it was last reached."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING

from django.db.models import Sum

from copilot.guard.tenancy import tenant_scope
from copilot.limits import PARTS, WINDOWS, limits_of, used
from copilot.models import Limit, LimitReached, ModelCall

if TYPE_CHECKING:
    from copilot.models import Tenant


@dataclass(frozen=True, slots=True)
class Standing:
    """Hold one limit: `bound` 0 is none (for dollars: no model), `spent` is None where nothing adds up between runs."""

    limit: Limit
    bound: float
    is_own: bool
    spent: float | None
    last: LimitReached | None

    @property
    def is_reached(self) -> bool:
        """Return whether the limit holds something back right now."""
        unlimited = not self.bound and self.limit not in {Limit.DOLLARS, Limit.RUN_DOLLARS}
        return self.spent is not None and not unlimited and self.spent >= self.bound


def read(tenant: Tenant) -> list[Standing]:
    """Return how a tenant stands against each limit."""
    limits = limits_of(tenant)
    with tenant_scope(tenant.pk):
        last = {row.limit: row for row in LimitReached.objects.order_by("limit", "-day").distinct("limit")}
        midnight = datetime.combine(datetime.now(UTC).date(), time.min, UTC)
        dollars = ModelCall.objects.filter(created_at__gte=midnight).aggregate(all=Sum("dollars"))["all"] or Decimal(0)
        counted = {limit: used(limit) / PARTS.get(limit, 1) for limit in WINDOWS}
    return [
        Standing(
            limit=limit,
            bound=getattr(limits, limit.value),
            is_own=getattr(tenant, limit.value) is not None,
            spent=float(dollars) if limit is Limit.DOLLARS else counted.get(limit),
            last=last.get(limit),
        )
        for limit in Limit
    ]
