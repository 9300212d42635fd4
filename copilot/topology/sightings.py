"""Write down who needs whom as an incident's sources saw it: at once, and without ever making the incident wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import DatabaseError, connection
from django.utils import timezone

from copilot import observe
from copilot.guard.tenancy import tenant_scope
from copilot.models import Service
from copilot.topology.records import Names
from integrations.survey import KINDS, Call, Thing
from scoring.observations import Dependency, EntityKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

    from scoring.observations import Entity, Observation

log = observe.logger(__name__)

# What one look may add to the graph; an hour's survey takes more.
MOST_ARROWS = 500
MOST_NEW = 50
# Kubernetes tells in its own name who waits for a node, a claim or a quota: those are no calls.
_NO_CALLS = frozenset({"kubernetes"})
_ENDS = frozenset({*KINDS, EntityKind.WORKLOAD})
# Whoever writes the graph already has it newer than we do. Without a turn nothing is written, and nobody waits.
_TURN = "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))"
# Services that were deleted meanwhile are passed over. What was seen within minutes is left as it is: alerts come in storms.
_SEE = """
INSERT INTO copilot_servicedependency (tenant_id, caller_id, callee_id, source, detail, first_seen_at, last_seen_at)
SELECT %s, caller.id, callee.id, told.source, %s, %s, %s
FROM unnest(%s::text[], %s::text[], %s::text[]) AS told(caller, callee, source)
JOIN copilot_service caller ON caller.name = told.caller
JOIN copilot_service callee ON callee.name = told.callee AND callee.id <> caller.id
ON CONFLICT (tenant_id, caller_id, callee_id, source) DO UPDATE SET last_seen_at = excluded.last_seen_at
WHERE copilot_servicedependency.last_seen_at < excluded.last_seen_at - interval '10 minutes'
"""


def keep(
    tenant_id: UUID, told: Iterable[tuple[str, Iterable[Observation]]], known: Sequence[Service], *, detail: str
) -> None:
    """Let a tenant's graph learn from what sources said, each by its integration's slug; where that fails, it is only logged."""
    found = {call for slug, observations in told for call in calls(slug, observations)}
    try:
        record(tenant_id, found, known, detail=detail, at=timezone.now())
    except DatabaseError as error:
        log.warning("what was seen of the topology is not kept", tenant=str(tenant_id), error=type(error).__name__)


def calls(slug: str, observations: Iterable[Observation]) -> set[Call]:
    """Return the calls among what one source said; `slug` is its integration's."""
    return {
        Call(_thing(one.caller), _thing(one.callee), _source(slug, one.source))
        for one in observations
        if isinstance(one, Dependency)
        and one.source not in _NO_CALLS
        and {one.caller.kind, one.callee.kind} <= _ENDS
        and one.caller.service != one.callee.service
    }


def record(tenant_id: UUID, told: Iterable[Call], known: Sequence[Service], *, detail: str, at: datetime) -> int:
    """Write calls down as seen now, and return how many were new or had grown old.

    `known` are the tenant's services; those that are not among them are made. An arrow that the source has seen before keeps
    its detail. Where somebody else writes the graph at this moment, nothing is done.
    """
    found = sorted(told)[:MOST_ARROWS]
    if not found:
        return 0
    names = Names(tenant_id, known)
    named: dict[Thing, Service | None] = {}
    for call in found:
        for thing in (call.caller, call.callee):
            if thing not in named:
                row = names.find(thing)
                is_room = len(names.new) < MOST_NEW
                named[thing] = row or (names.make(thing, call.source, at) if is_room else None)
    arrows = sorted(
        {
            (caller.name, callee.name, call.source[:60])
            for call in found
            if (caller := named[call.caller]) is not None and (callee := named[call.callee]) is not None
        }
    )
    if not arrows:
        return 0
    with tenant_scope(tenant_id), connection.cursor() as cursor:
        cursor.execute(_TURN, [f"topology/{tenant_id}"])
        if not cursor.fetchone()[0]:
            return 0
        if names.new:
            Service.objects.bulk_create(names.new, ignore_conflicts=True)
        columns = [list(column) for column in zip(*arrows, strict=True)]
        cursor.execute(_SEE, [tenant_id, detail[:300], at, at, *columns])
        return int(cursor.rowcount)


def _thing(entity: Entity) -> Thing:
    workload = entity.name if entity.kind is EntityKind.WORKLOAD else ""
    kind = entity.kind if entity.kind in KINDS else EntityKind.SERVICE
    return Thing(entity.service, kind, entity.namespace, workload)


def _source(slug: str, source: str) -> str:
    """Return who saw it; the first word is the integration's, by whose last survey its age is counted."""
    return source if source.partition(" ")[0] == slug else f"{slug} {source}".strip()


__all__ = ["calls", "keep", "record"]
