"""Who depends on whom, with direction: failures travel from the called to the caller."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from scoring.observations import Dependency


@dataclass(frozen=True, slots=True)
class Graph:
    """Hold the calls between services by name; cycles and unknown names are allowed."""

    callees: Mapping[str, frozenset[str]]
    _reach: dict[str, Mapping[str, int]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, dependencies: Iterable[Dependency]) -> Graph:
        """Build the graph; a service's calls to itself are left out."""
        callees: dict[str, set[str]] = {}
        for dependency in dependencies:
            caller, callee = dependency.caller.service, dependency.callee.service
            if caller != callee:
                callees.setdefault(caller, set()).add(callee)
                callees.setdefault(callee, set())
        return cls({name: frozenset(called) for name, called in callees.items()})

    def __contains__(self, service: str) -> bool:
        return service in self.callees

    def reach(self, service: str) -> Mapping[str, int]:
        """Return every service that `service` depends on, directly or not, with the number of calls between."""
        known = self._reach.get(service)
        if known is not None:
            return known
        distance: dict[str, int] = {}
        waiting = deque([(service, 0)])
        seen = {service}
        while waiting:
            here, hops = waiting.popleft()
            for callee in sorted(self.callees.get(here, ())):
                if callee not in seen:
                    seen.add(callee)
                    distance[callee] = hops + 1
                    waiting.append((callee, hops + 1))
        self._reach[service] = distance
        return distance

    def depends(self, caller: str, callee: str) -> bool:
        """Say whether `caller` needs `callee`, directly or not."""
        return callee in self.reach(caller)
