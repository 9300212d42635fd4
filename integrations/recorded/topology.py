"""Recorded topology: call graphs, drawn dependencies and graphs of services, instances and hosts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from scoring.observations import Dependency

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from integrations.recorded.entities import Entities

SOURCE = "topology"
# Edges that say that the source needs the target; those told from both ends are read from one.
_NEEDS = re.compile(r"control|data|call|depend|invoke|use|hosted_on|runs_on|has_instance|registers", re.IGNORECASE)
_BRANCH = re.compile(r"^(?P<indent>[\s│|]*)[├└]── *(?P<name>\S+)")


def calls(graph: object, entities: Entities) -> Iterator[Dependency]:
    """Yield the edges of a list of pairs, caller first."""
    for edge in graph if isinstance(graph, list) else ():
        if isinstance(edge, list | tuple) and len(edge) >= 2 and edge[0] != edge[1]:
            yield Dependency(entities.named(str(edge[0])), entities.named(str(edge[1])), SOURCE)


def graph(value: Mapping[str, Any], entities: Entities) -> Iterator[Dependency]:
    """Yield who needs whom: callers their callees, services their instances, instances their hosts."""
    for edge in value.get("edges") or ():
        if isinstance(edge, dict) and _NEEDS.search(str(edge.get("label", "control"))):
            caller, callee = str(edge.get("source", "")), str(edge.get("target", ""))
            if caller and callee and caller != callee:
                yield Dependency(entities.named(caller), entities.named(callee), SOURCE)


def types(value: Mapping[str, Any]) -> dict[str, str]:
    """Return what sort of thing a graph says that each of its nodes is."""
    return {
        str(one["id"]): str(one.get("type", ""))
        for one in value.get("nodes") or ()
        if isinstance(one, dict) and one.get("id")
    }


def drawn(texts: Mapping[str, Any], entities: Entities) -> Iterator[Dependency]:
    """Yield the calls that trees of text show: a service, and below it, with branches, what it calls."""
    found: set[tuple[str, str]] = set()
    for root, text in texts.items():
        path: list[tuple[int, str]] = [(-1, root)]
        for line in str(text).splitlines():
            match = _BRANCH.match(line)
            if match is None:
                continue
            depth = len(match["indent"])
            while len(path) > 1 and path[-1][0] >= depth:
                path.pop()
            found.add((path[-1][1], match["name"]))
            path.append((depth, match["name"]))
    for caller, callee in sorted(found):
        if caller != callee:
            yield Dependency(entities.named(caller), entities.named(callee), SOURCE)
