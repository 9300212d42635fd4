"""The graph around a service as a picture: callers to the left, what it needs to the right, readable on light and dark."""

from __future__ import annotations

import io
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from copilot.lettering import drawable
from copilot.topology import telling
from copilot.topology.graph import MACHINE, Topology, walk

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# More boxes than that nobody reads; the rest is counted.
MOST_DRAWN = 24
DOTS = 130
# Inches between the middles of two boxes, and a box's own size.
ACROSS, DOWN, WIDE, HIGH = 2.35, 0.82, 1.75, 0.5
INK, GREY, FAINT, LINE, CAUSE, PAPER = "#1d1c1d", "#5f6368", "#c4c7ca", "#1264a3", "#b3261e", "white"
FILL = {"service": "#eef3f9", "database": "#f3eefb", "queue": "#fbf5e6", "external": "#f1f1f1", MACHINE: "#f1f1f1"}
_SWEEPS = 4


@dataclass(frozen=True, slots=True)
class Picture:
    """Hold a picture with the words that belong to it."""

    png: bytes
    title: str
    alt_text: str


def chosen(graph: Topology, focus: str, path: Sequence[str] = ()) -> tuple[str, ...]:
    """Return which services are drawn: the way, the service itself, then the nearest above and below, by name."""
    ends = dict.fromkeys((*path, focus))
    up = walk(lambda name: graph.needed_by(name, every=True), focus, hops=3)
    down = walk(lambda name: graph.needs(name, every=True), focus, hops=2)
    others = sorted((hops, name) for near in (up, down) for name, hops in near.items())
    return tuple(dict.fromkeys((*ends, *(name for _, name in others))))[:MOST_DRAWN]


def places(graph: Topology, names: Sequence[str]) -> Mapping[str, tuple[int, float]]:
    """Return column and row of each service: a caller stands left of whom it calls, those of one circle in one column.

    Rows follow the neighbours in the columns before (barycentre, as Sugiyama's method has it), equals by name.
    """
    import networkx as nx

    wanted = set(names)
    drawn: nx.DiGraph[str] = nx.DiGraph()
    drawn.add_nodes_from(sorted(wanted))
    drawn.add_edges_from((one.caller, one.callee) for one in graph.edges if {one.caller, one.callee} <= wanted)
    circles = nx.condensation(drawn)
    # From the right: a caller stands next to whom it calls, so that few arrows pass a box.
    columns: list[list[str]] = [
        sorted(name for circle in generation for name in circles.nodes[circle]["members"])
        for generation in nx.topological_generations(circles.reverse())
    ][::-1]
    rows = {name: float(row) for column in columns for row, name in enumerate(column)}
    for sweep in range(_SWEEPS):
        for column in columns if sweep % 2 == 0 else reversed(columns):

            def middle(name: str) -> float:
                near = [*drawn.predecessors(name)] if sweep % 2 == 0 else [*drawn.successors(name)]  # noqa: B023 - called at once
                return sum(rows[one] for one in near) / len(near) if near else rows[name]

            for row, name in enumerate(sorted(column, key=lambda name: (middle(name), name))):
                rows[name] = float(row)
    tallest = max((len(column) for column in columns), default=0)
    return {
        name: (place, rows[name] + (tallest - len(column)) / 2)
        for place, column in enumerate(columns)
        for name in column
    }


def draw(graph: Topology, focus: str, *, path: Sequence[str] = ()) -> Picture:
    """Return the graph around a service as PNG; `path` leads from a symptom down to its cause, which are marked.

    :raises KeyError: where there is no such service.
    """
    # Drawing needs Agg alone; pyplot would keep state for the whole process.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if focus not in graph:
        raise KeyError(focus)
    names = chosen(graph, focus, path)
    at = places(graph, names)
    columns, rows = max(x for x, _ in at.values()) + 1, max(y for _, y in at.values()) + 1
    wide, high = max(4.6, columns * ACROSS + 0.9), rows * DOWN + 0.95
    figure = Figure(figsize=(wide, high), dpi=DOTS, facecolor=PAPER)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set(xlim=(0, wide), ylim=(0, high))
    left = (wide - columns * ACROSS) / 2

    def middle(name: str) -> tuple[float, float]:
        x, y = at[name]
        return left + ACROSS * (x + 0.5), high - 0.55 - DOWN * (y + 0.5)

    way = set(pairwise(path))
    for edge in graph.edges:
        if edge.caller in at and edge.callee in at:
            _arrow(
                axes,
                middle(edge.caller),
                middle(edge.callee),
                is_way=(edge.caller, edge.callee) in way,
                is_used=edge.is_used,
                runs_on=_is_machine(graph, edge.callee),
            )
    for name in names:
        _box(axes, middle(name), graph, name, focus=focus, path=path)
    said = f"Who needs whom around {focus}"
    axes.text(
        0.18, high - 0.3, drawable(said), fontsize=11, fontweight="bold", color=INK, va="center", parse_math=False
    )
    axes.text(0.18, 0.16, drawable(legend(graph, names, focus)), fontsize=8, color=GREY, va="center", parse_math=False)
    buffer = io.BytesIO()
    # No software name or date in the file: an equal graph gives equal bytes.
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return Picture(buffer.getvalue(), said, alt_text(graph, focus, path=path))


def legend(graph: Topology, names: Sequence[str], focus: str) -> str:
    """Return what the lines mean, of those that are drawn, and whom to ask about what is not."""
    lines = [one for one in graph.edges if one.caller in names and one.callee in names]
    said = ["→ calls"]
    if any(not one.is_used for one in lines):
        said.append("dotted: not seen for a week, or merely allowed")
    if any(_is_machine(graph, one.callee) for one in lines):
        said.append("dashed: runs on")
    left_out = sorted(set(graph.around(focus, hops=3).nodes) - set(names))
    if left_out:
        said.append(f"not drawn: {telling.listed(left_out, 3)} (/sre topology NAME tells of each)")
    return " · ".join(said)


def _is_machine(graph: Topology, name: str) -> bool:
    return graph.nodes[name].kind == MACHINE


def _arrow(
    axes: Any,
    start: tuple[float, float],
    end: tuple[float, float],
    *,
    is_way: bool,
    is_used: bool,
    runs_on: bool,
) -> None:
    from matplotlib.patches import FancyArrowPatch

    forward = end[0] > start[0]
    same = end[0] == start[0]
    side = WIDE / 2
    begin = (start[0] + (side if forward or same else -side), start[1])
    stop = (end[0] + (-side if forward else side), end[1])
    # Within a column an arrow goes around on the right, and one that passes a column or goes back takes a bow.
    is_next = forward and end[0] - start[0] <= ACROSS * 1.01
    bend = (0.45 if end[1] > start[1] else -0.45) if same else 0.0 if is_next else 0.18
    axes.add_patch(
        FancyArrowPatch(
            begin, stop, arrowstyle="-|>", mutation_scale=13, shrinkA=0, shrinkB=1, zorder=2 if is_way else 1,
            linewidth=2.4 if is_way else 1.2, color=CAUSE if is_way else LINE if is_used and not runs_on else GREY,
            linestyle=(0, (5, 3)) if runs_on else "-" if is_used or is_way else (0, (1.5, 2.5)), connectionstyle=f"arc3,rad={bend}",
        )
    )  # fmt: skip


def _box(
    axes: Any, middle: tuple[float, float], graph: Topology, name: str, *, focus: str, path: Sequence[str]
) -> None:
    from matplotlib.patches import FancyBboxPatch

    node = graph.nodes[name]
    is_cause, is_symptom = bool(path) and name == path[-1], bool(path) and name == path[0]
    edge = CAUSE if is_cause else INK if name == focus or is_symptom else FAINT
    axes.add_patch(
        FancyBboxPatch(
            (middle[0] - WIDE / 2, middle[1] - HIGH / 2), WIDE, HIGH, boxstyle="round,pad=0,rounding_size=0.09",
            facecolor=FILL.get(node.kind, FILL["service"]), edgecolor=edge, linewidth=2.2 if edge != FAINT else 1.1, zorder=3,
        )
    )  # fmt: skip
    marks = ["cause" if is_cause else "symptom" if is_symptom else ""]
    marks += [
        {"external": "outside", "service": "", MACHINE: "Kubernetes node"}.get(node.kind, node.kind),
        "users" if node.is_user_facing else "",
    ]
    told = " · ".join(mark for mark in marks if mark)
    shown = name if len(name) <= 22 else f"{name[:21]}…"
    lift = 0.09 if told else 0.0
    weight = "bold" if name == focus or name in path else "normal"
    axes.text(
        middle[0], middle[1] + lift, drawable(shown), fontsize=9.5, fontweight=weight, color=INK, ha="center", va="center",
        zorder=4, parse_math=False,
    )  # fmt: skip
    if told:
        color = CAUSE if is_cause else GREY
        axes.text(middle[0], middle[1] - 0.12, told, fontsize=8, color=color, ha="center", va="center", zorder=4)


def alt_text(graph: Topology, focus: str, *, path: Sequence[str] = ()) -> str:
    """Return what the picture shows, for those who cannot see it."""
    parts = [f"Graph of {len(chosen(graph, focus, path))} services around {focus}."]
    if len(path) > 1:
        parts.append(f"The way from the symptom to the cause is {telling.path(path)}.")
    for verb, names in (("needs", graph.needs(focus)), ("is needed by", graph.needed_by(focus))):
        if names:
            parts.append(f"{focus} {verb} {telling.listed(names, 8)}.")
    parts.append(f"When it fails: {telling.blast(graph.blast_radius(focus))}.")
    return " ".join(parts)[:1000]
