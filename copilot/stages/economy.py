"""What a run does without, once its tenant has used up a limit: the model, and all but the most telling sources."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import Avg
from django.utils import timezone

from copilot.limits import count, limits_for, reached
from copilot.models import ConnectionHealth, Limit, SourceCall

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from copilot.models import Connection

# How many sources a run asks that comes after the hour's runs are used up.
FEW = 3
# How far back answers count for how much a source has to say.
TELLING = timedelta(days=14)


def count_run(tenant_id: UUID) -> dict[str, Any]:
    """Count a run that begins now, and return what its plan says of limits; runs inside the tenant's scope."""
    limits = limits_for(tenant_id)
    own = {"calls": limits.calls_per_run, "gather_seconds": limits.seconds_per_run}
    limit, number = limits.runs_per_hour, count(Limit.RUNS)
    if not limit or number <= limit:
        return {**own, "economy": "", "limited": []}
    why = f"this hour's runs are used up ({limit:,})"
    reached(Limit.RUNS, f"run {number:,} of an hour that has {limit:,}: rules alone, and {FEW} sources at most")
    return {**own, "economy": why, "limited": [f"{why}: rules alone, and {FEW} sources at most"]}


def most_telling(connections: Sequence[Connection]) -> list[Connection]:
    """Return the few sources that are asked where not all may be: those that answer, and of these those that said most of late."""
    if len(connections) <= FEW:
        return list(connections)
    calls = SourceCall.objects.filter(
        connection__in=[one.id for one in connections], run__created_at__gte=timezone.now() - TELLING
    )
    said = dict(calls.values("connection").annotate(mean=Avg("observations")).values_list("connection", "mean"))
    order = sorted(
        connections,
        key=lambda one: (one.health == ConnectionHealth.FAILING, -(said.get(one.id) or 0.0), one.kind, one.name),
    )
    return order[:FEW]
