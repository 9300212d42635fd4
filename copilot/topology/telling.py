"""The graph in words: how old a sighting is, where a service runs, who is hurt, the way down to a cause."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from copilot.topology.graph import BlastRadius, Edge, Node, Sighting

ARROW = " → "


def age(at: datetime, now: datetime) -> str:
    """Return how long ago something was, in its largest unit."""
    seconds = max(0.0, (now - at).total_seconds())
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    return "just now"


def place(node: Node) -> str:
    """Return where a service runs, or what it is where that is no service."""
    where = "/".join(part for part in (node.namespace, node.workload) if part)
    sort = {"service": "", "external": "outside"}.get(node.kind, node.kind)
    return ", ".join(part for part in (sort, where) if part)


def sighting(one: Sighting, now: datetime) -> str:
    """Return who says so, and when it was last seen; what people said has no age."""
    told = one.source if one.source in {"declared", "file"} else f"{one.source}, {age(one.last_seen_at, now)}"
    return f"{told} (stale)" if one.is_stale else told


def edge(one: Edge, now: datetime) -> str:
    """Return who says that an arrow is there."""
    return "; ".join(sighting(each, now) for each in one.sightings)


def blast(radius: BlastRadius) -> str:
    """Return in a sentence who is hurt when a service fails."""
    if not radius.count:
        return f"nothing that is known depends on {radius.service}"
    direct = len(radius.direct)
    depend = "service depends" if radius.count == 1 else "services depend"
    said = f"{radius.count} {depend} on {radius.service}"
    if radius.count != direct:
        said += f", {direct} of them directly"
    if radius.user_facing:
        said += f"; users meet {listed(radius.user_facing, 4)}"
    return said


def path(names: Sequence[str]) -> str:
    """Return a way from a symptom down to its cause."""
    return ARROW.join(names)


def listed(names: Sequence[str], most: int) -> str:
    """Return names in a row, and how many more there are."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
