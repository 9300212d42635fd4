"""The tool over the topology: who needs whom, who is hurt when a service fails, and the way from one down to another."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, Self

from django.utils import timezone
from pydantic import BaseModel, ConfigDict, Field, model_validator

from copilot.models import Scope
from copilot.tools.reach import outside
from copilot.tools.tool import Looked, Tool
from copilot.topology import reading, telling
from integrations.base import Category

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from copilot.tools.tool import Reach
    from copilot.topology.graph import Edge, Topology

MOST_ARROWS = 100
ORIGIN = "the topology"


class Asked(BaseModel):
    """Ask who needs whom."""

    model_config = ConfigDict(extra="forbid", title="Topology")

    show: Literal["arrows", "impact", "path"] = Field(
        default="arrows",
        description="`arrows`: who needs whom directly; `impact`: all that are hurt when `service` fails, with the number of calls"
        " between; `path`: the shortest way by which `service` depends on `to`.",
    )
    service: str = Field(
        default="",
        max_length=120,
        description="Arrows from and to this service; empty for all. Needed for impact and path.",
    )
    to: str = Field(default="", max_length=120, description="With path: the service that it may depend on.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.show != "arrows" and not self.service:
            raise ValueError(f"`{self.show}` needs a `service`")
        if (self.show == "path") != bool(self.to):
            raise ValueError("`path` needs `to`, and nothing else takes it")
        return self


def tools(tenant_id: UUID) -> Iterator[Tool]:
    """Yield the tool."""
    del tenant_id
    yield Tool(
        name="topology",
        title="Reading the topology",
        description="Read who needs whom among the services in scope, who is hurt when one of them fails (impact), or by which way"
        f" one depends on another (path); each arrow with who says so and when it was last seen. At most {MOST_ARROWS} rows.",
        arguments=Asked,
        category=Category.KNOWLEDGE,
        needs=Scope.TOPOLOGY_READ,
        run=_run,
        asks_outside=False,
    )


def _run(reach: Reach, asked: Asked) -> Looked:
    known = {service.name for service in reach.services}
    for name in (asked.service, asked.to):
        if name and name not in known:
            raise outside(reach, name)
    graph = reading.read(reach.tenant_id)
    if asked.show == "impact":
        return _impact(graph, asked.service)
    if asked.show == "path":
        return _path(graph, asked.service, asked.to)
    return _arrows(graph, known, asked.service)


def _arrows(graph: Topology, known: set[str], name: str) -> Looked:
    rows = [
        _arrow(one)
        for one in graph.edges
        if {one.caller, one.callee} <= known and (not name or name in {one.caller, one.callee})
    ]
    return _looked(f"who needs whom{f' around {name}' if name else ''}", rows, "no arrow is known")


def _impact(graph: Topology, name: str) -> Looked:
    """Return who is hurt, nearest first; as on the card, all of the tenant's services count."""
    radius = graph.blast_radius(name)
    rows = [
        {"service": one, "calls_between": distance, "users_meet_it": one in radius.user_facing}
        for one, distance in radius.all.items()
    ]
    said = telling.blast(radius)
    return _looked(f"who is hurt when {name} fails: {said}", rows, said)


def _path(graph: Topology, name: str, to: str) -> Looked:
    way = graph.path(name, to)
    edges = [graph.edge(*pair) for pair in pairwise(way)]
    none = f"no way is known by which {name} depends on {to}"
    if graph.path(to, name):
        none += f"; {to} depends on {name}"
    return _looked(telling.path(way) or f"the way from {name} to {to}", [_arrow(one) for one in edges if one], none)


def _arrow(edge: Edge) -> dict[str, Any]:
    told = "; ".join(telling.sighting(one, timezone.now()) for one in edge.sightings)
    return {"caller": edge.caller, "needs": edge.callee, "source": told, "is_used": edge.is_used}


def _looked(query: str, rows: list[dict[str, Any]], none: str) -> Looked:
    left_out = f"{len(rows) - MOST_ARROWS} more were left out" if len(rows) > MOST_ARROWS else ""
    return Looked(query=query, rows=tuple(rows[:MOST_ARROWS]), origin=ORIGIN, note=left_out if rows else none)
