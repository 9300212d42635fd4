"""Read a tenant's topology out of its rows."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from django.db.models import Max
from django.utils import timezone

from copilot.guard.tenancy import tenant_scope
from copilot.models import Service, ServiceDependency, TopologySurvey
from copilot.topology.graph import Edge, Node, Sighting, Topology, is_stale

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID


def read(tenant_id: UUID, *, now: datetime | None = None) -> Topology:
    """Return the whole graph of a tenant as it is known now; takes three queries, however large it is."""
    now = now or timezone.now()
    with tenant_scope(tenant_id):
        services = list(Service.objects.all())
        rows = list(ServiceDependency.objects.order_by("source", "id"))
        asked = asked_at()
    names = {one.pk: one.name for one in services}
    seen: dict[tuple[str, str], list[Sighting]] = defaultdict(list)
    for row in rows:
        seen[names[row.caller_id], names[row.callee_id]].append(sighting(row, asked, now))
    return Topology.of(
        (node(one) for one in services),
        (Edge(caller, callee, tuple(sightings)) for (caller, callee), sightings in seen.items()),
    )


def node(row: Service) -> Node:
    """Return a service as the graph holds it."""
    return Node(
        name=row.name,
        kind=row.kind,
        namespace=row.namespace,
        workload=row.workload,
        origin=row.origin,
        entrance=row.entrance,
        first_seen_at=row.created_at,
        last_seen_at=row.seen_at,
    )


def sighting(row: ServiceDependency, asked: dict[str, datetime], now: datetime) -> Sighting:
    """Return what a row says; `asked` is when the sources last answered."""
    return Sighting(
        source=row.source,
        detail=row.detail,
        first_seen_at=row.first_seen_at,
        last_seen_at=row.last_seen_at,
        is_stale=is_stale(row.source, row.last_seen_at, asked.get(row.source.partition(" ")[0], now)),
    )


def asked_at() -> dict[str, datetime]:
    """Return when each sort of source last told who needs whom; runs inside the tenant's scope."""
    rows = TopologySurvey.objects.exclude(answered_at=None).values_list("connection__kind")
    return dict(rows.annotate(last=Max("answered_at")).order_by("connection__kind"))
