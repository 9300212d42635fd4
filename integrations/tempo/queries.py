"""TraceQL for one service's calls: those that it answers, those to other services, and those to stores that send no spans."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from integrations.matchers import quoted
from integrations.tracing.edges import Edge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from integrations.tracing.names import Names
    from scoring.observations import Entity

# Tempo groups by five attributes at most, of which the status is one.
_STORES = ("span.peer.service", "span.server.address", "span.db.system", "span.db.system.name")


@dataclass(frozen=True, slots=True)
class Selection:
    """Hold a selection of spans, the attributes that tell whom they call, and what they are in words."""

    query: str
    by: tuple[str, ...]
    words: str

    @property
    def counted(self) -> str:
        """Return the query for the number of calls over time, by status."""
        return f"{self.query} | count_over_time() by ({', '.join((*self.by, 'status'))})"

    @property
    def timed(self) -> str:
        """Return the query for the median and the 95th percentile of how long calls took, in seconds."""
        by = f" by ({', '.join(self.by)})" if self.by else ""
        return f"{self.query} | quantile_over_time(duration, .5, .95){by}"

    @property
    def listed(self) -> str:
        """Return the query for the spans themselves."""
        return f"{self.query} | select({', '.join((*self.by, 'status'))})"

    def edge(self, caller: Entity, labels: Mapping[str, str], names: Names) -> Edge | None:
        """Return the edge that labels or attributes tell of, None where it is nobody's."""
        if not self.by:
            return Edge(caller)
        told = {name: labels.get(name) or labels.get(name.partition(".")[2]) or "" for name in self.by}
        if self.by == _STORES:
            system = told["span.db.system"] or told["span.db.system.name"]
            callee = names.peer(name=told["span.peer.service"], host=told["span.server.address"], system=system)
        else:
            name = told["resource.service.name"]
            callee = names.service(name) if name else None
        return Edge(caller, callee) if callee is not None and callee.service != caller.service else None


def selections(name: str) -> tuple[Selection, ...]:
    """Return what is asked about a service that is called so in traces."""
    own = f'resource.service.name = "{quoted(name)}"'
    return (
        Selection(f"{{ {own} && kind = client }} > {{ kind = server }}", ("resource.service.name",), "calls to others"),
        Selection(
            f"{{ {own} && kind = client && (span.db.system != nil || span.db.system.name != nil) }}",
            _STORES,
            "calls to stores",
        ),
        Selection(f"{{ {own} && kind = server }}", (), "calls that it answers"),
    )
