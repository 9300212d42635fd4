"""What a cause means for others: the way from the symptom down to it, and who is hurt, by the graph that the run used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from copilot.knowledge.briefing import Impact
from copilot.models import Run, Stage, StageResult
from copilot.topology.graph import MACHINE, Edge, Node, Sighting, Topology
from copilot.topology.reading import read
from scoring.frozen import thaw_dependency
from scoring.observations import EntityKind

if TYPE_CHECKING:
    from uuid import UUID


def impact_of(run: Run, *, symptom: str, cause: str) -> Impact | None:
    """Return what a suspected service means for others; None where nothing is known of that. Runs in the tenant's scope."""
    graph = graph_of(run)
    radius = graph.blast_radius(cause)
    way = graph.path(symptom, cause)
    path = way if len(way) > 1 else ()
    if not path and not radius.count:
        return None
    return Impact(cause, path, radius.count, len(radius.direct), radius.user_facing)


def picture_parts(tenant_id: UUID, run_id: UUID) -> Topology:
    """Return the graph of a run, to be drawn."""
    return graph_of(Run.objects.get(tenant_id=tenant_id, id=run_id))


def graph_of(run: Run) -> Topology:
    """Return the tenant's topology as it is known now, with what the run's own sources saw."""
    stored = read(run.tenant_id)
    gathered = StageResult.objects.filter(run=run, stage=Stage.GATHER).first()
    if gathered is None:
        return stored
    at = gathered.finished_at or run.created_at
    known = {(one.caller, one.callee) for one in stored.edges if one.is_used}
    seen: dict[tuple[str, str], Edge] = {}
    machines: dict[str, Node] = {}
    for one in map(thaw_dependency, gathered.output.get("dependencies", ())):
        pair = (one.caller.service, one.callee.service)
        if pair not in known and pair[0] != pair[1]:
            seen.setdefault(pair, Edge(*pair, (Sighting(one.source, "", at, at),)))
        if one.callee.kind is EntityKind.NODE and pair[1] not in stored.nodes:
            machines[pair[1]] = Node(pair[1], kind=MACHINE)
    kept = [one for one in stored.edges if (one.caller, one.callee) not in seen]
    return Topology.of([*stored.nodes.values(), *machines.values()], [*kept, *seen.values()])
