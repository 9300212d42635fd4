"""Write down what a source told: its services found or matched to those that people set up, and its arrows with their age."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connection
from django.db.models import Q

from copilot.guard.tenancy import tenant_scope
from copilot.models import ChangeRecord, Incident, Service, ServiceDependency
from copilot.topology import reading
from copilot.topology.graph import FORGOTTEN_AFTER, TOLD
from scoring.observations import EntityKind

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID

    from integrations.survey import Call, Survey, Thing

# A tenant's graph grows no larger by itself; people may still add to it.
MOST_SERVICES = 5000
# Lengths of the columns.
_LONGEST = {"name": 120, "namespace": 63, "workload": 253}


@dataclass(frozen=True, slots=True)
class Recorded:
    """Hold what became of a survey: how many services and arrows it told of, and which of them are new."""

    services: int
    arrows: int
    new_services: tuple[str, ...]
    new_arrows: int
    left_out: int = 0


class Names:
    """Match what a source calls a thing to the tenant's services; what is matched by nothing is made."""

    def __init__(self, tenant_id: UUID, rows: Iterable[Service]) -> None:
        self.tenant_id = tenant_id
        self.new: list[Service] = []
        self._by_name: dict[str, Service] = {}
        self._by_workload: dict[tuple[str, str], Service] = {}
        for row in sorted(rows, key=lambda one: (bool(one.origin), one.name)):
            self._know(row)

    def _know(self, row: Service) -> None:
        self._by_name.setdefault(row.name.casefold(), row)
        if row.workload:
            self._by_workload.setdefault((row.namespace, row.workload.rpartition("/")[2]), row)

    def __len__(self) -> int:
        return len(self._by_name)

    def find(self, thing: Thing) -> Service | None:
        """Return the service that is meant: by workload and namespace, by name, or by name and namespace."""
        if thing.workload and (found := self._by_workload.get((thing.namespace, thing.workload))):
            return found
        qualified = self._by_name.get(f"{thing.name}.{thing.namespace}".casefold()) if thing.namespace else None
        plain = self._by_name.get(thing.name.casefold())
        if plain is not None and _is_elsewhere(plain, thing):
            plain = None
        return qualified or plain

    def make(self, thing: Thing, source: str, at: datetime) -> Service | None:
        """Return a new row for a thing, not saved yet; None where its name is none or the graph is full."""
        name = thing.name.strip()
        if self._by_name.get(name.casefold()) is not None:
            name = f"{name}.{thing.namespace}"
        if not thing.name.strip() or "/" in name or len(name) > _LONGEST["name"] or "\x00" in name:
            return None
        if len(self) >= MOST_SERVICES or self._by_name.get(name.casefold()) is not None:
            return None
        row = Service(
            tenant_id=self.tenant_id,
            name=name,
            kind=thing.kind.value,
            namespace=thing.namespace[: _LONGEST["namespace"]],
            workload=thing.workload[: _LONGEST["workload"]],
            origin=source[:60],
            seen_at=at,
        )
        self.new.append(row)
        self._know(row)
        return row


def _is_elsewhere(row: Service, thing: Thing) -> bool:
    """Return whether a service of the same name is another one: in another namespace, or inside where the thing is outside."""
    if bool(row.namespace and thing.namespace) and row.namespace != thing.namespace:
        return True
    outside = EntityKind.EXTERNAL.value
    return not row.origin and (row.kind == outside) != (thing.kind.value == outside)


def take_turns(tenant_id: UUID) -> None:
    """Wait until nobody else writes this tenant's graph, and let nobody until the transaction ends.

    Two at once would find the same service twice.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"topology/{tenant_id}"])


def record(tenant_id: UUID, told: Survey, *, kind: str, at: datetime) -> Recorded:
    """Write a survey down; `kind` is the slug of the integration that told it."""
    with tenant_scope(tenant_id):
        take_turns(tenant_id)
        names = Names(tenant_id, Service.objects.order_by("pk"))
        rows = _services(names, told, kind, at)
        new_arrows = _arrows(tenant_id, rows, told.calls, at)
        _entrances(rows, told, kind)
        forget(at)
    arrows = sum(one.caller in rows and one.callee in rows for one in told.calls)
    wanted = {thing for call in told.calls for thing in (call.caller, call.callee)} | set(told.things)
    return Recorded(
        services=len({row.pk for row in rows.values()}),
        arrows=arrows,
        new_services=tuple(sorted(one.name for one in names.new)),
        new_arrows=new_arrows,
        left_out=len(wanted) - len(rows),
    )


def _services(names: Names, told: Survey, kind: str, at: datetime) -> dict[Thing, Service]:
    """Return the row of each thing; those that are new are saved, those that are known are seen again."""
    first_source: dict[Thing, str] = {}
    for call in told.calls:
        for thing in (call.caller, call.callee):
            first_source.setdefault(thing, call.source)
    # What is told in most detail comes first: a name alone is matched to it then.
    things = sorted({*told.things, *first_source}, key=lambda one: (not one.workload, not one.namespace, one))
    rows: dict[Thing, Service] = {}
    for thing in things:
        row = names.find(thing)
        if row is None:
            row = names.make(thing, first_source.get(thing, kind), at)
        if row is not None:
            rows[thing] = row
            if row.origin:
                row.namespace = row.namespace or thing.namespace[: _LONGEST["namespace"]]
                row.workload = row.workload or thing.workload[: _LONGEST["workload"]]
            row.seen_at = max(row.seen_at or at, at)
    Service.objects.bulk_create(names.new)
    made = set(map(id, names.new))
    known = {row.pk: row for row in rows.values() if id(row) not in made}
    Service.objects.bulk_update(known.values(), ["namespace", "workload", "seen_at"], batch_size=500)
    return rows


def _arrows(tenant_id: UUID, rows: dict[Thing, Service], calls: tuple[Call, ...], at: datetime) -> int:
    """Write the arrows down, each once for its source; return how many are new."""
    found: dict[tuple[int, int, str], ServiceDependency] = {}
    for call in calls:
        caller, callee = rows.get(call.caller), rows.get(call.callee)
        if caller is None or callee is None or caller.pk == callee.pk:
            continue
        row = ServiceDependency(
            tenant_id=tenant_id, caller=caller, callee=callee, source=call.source[:60], detail=call.detail[:300],
            first_seen_at=at, last_seen_at=at,
        )  # fmt: skip
        found.setdefault((caller.pk, callee.pk, row.source), row)
    before = ServiceDependency.objects.count()
    ServiceDependency.objects.bulk_create(
        found.values(),
        update_conflicts=True,
        unique_fields=["tenant", "caller", "callee", "source"],
        update_fields=["last_seen_at", "detail"],
        batch_size=1000,
    )
    return ServiceDependency.objects.count() - before


def _entrances(rows: dict[Thing, Service], told: Survey, kind: str) -> None:
    """Note where users come in; what this source said before, and says no more of the namespaces it read whole, is taken back.

    A service that people set up without a namespace is known by the workload that it was matched to now.
    """
    entrances = {rows[thing].pk: thing.entrance[:60] for thing in told.things if thing.entrance and thing in rows}
    for pk, source in entrances.items():
        Service.objects.filter(pk=pk).exclude(entrance__in=TOLD).exclude(entrance=source).update(entrance=source)
    if told.namespaces:
        told_of = {rows[thing].pk for thing in told.things if thing in rows and thing.namespace in told.namespaces}
        here = Q(namespace__in=told.namespaces) | Q(namespace="", pk__in=told_of)
        before = Service.objects.filter(here, entrance__startswith=f"{kind} ")
        before.exclude(pk__in=entrances).update(entrance="")


def forget(now: datetime) -> int:
    """Delete arrows that their source has not seen for a month, and services that were only found, and are not seen either.

    Runs inside the tenant's scope; returns how many rows went. A source that is silent makes nothing old.
    """
    asked = reading.asked_at()
    gone = 0
    for source in (
        ServiceDependency.objects.exclude(source__in=TOLD).order_by().values_list("source", flat=True).distinct()
    ):
        before = asked.get(source.partition(" ")[0], now) - FORGOTTEN_AFTER
        gone += ServiceDependency.objects.filter(source=source, last_seen_at__lt=before).delete()[0]
    limit = min((*asked.values(), now)) - FORGOTTEN_AFTER
    idle = Service.objects.exclude(origin="").filter(seen_at__lt=limit, dependencies=None, dependents=None)
    used = Q(pk__in=Incident.objects.exclude(service=None).values("service")) | Q(
        pk__in=ChangeRecord.objects.exclude(service=None).values("service")
    )
    return gone + idle.exclude(used).delete()[0]
