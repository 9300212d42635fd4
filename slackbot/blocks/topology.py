"""Who needs whom, as Slack shows it: a line on the card, and the answer to `/sre topology`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from copilot.topology import telling
from slackbot.blocks.parts import Block, bullets, context, fallback, line, plain, rich, text
from slackbot.wording import clip, listed

if TYPE_CHECKING:
    from datetime import datetime

    from copilot.knowledge.briefing import Impact
    from copilot.topology.graph import Topology

MOST_LINES = 12
MOST_WAY = 6


def impact_line(impact: Impact) -> Block:
    """Return the way from the symptom down to the cause, and who is hurt, in one line."""
    return context(plain(impact_words(impact) or "–"))


def impact_words(impact: Impact) -> str:
    """Return the way and who is hurt in plain words."""
    said = []
    if impact.path:
        names = [clip(one, 40) for one in impact.path]
        if len(names) > MOST_WAY:
            names = [*names[: MOST_WAY - 2], "…", names[-1]]
        said.append(telling.path(names))
    if impact.hurt:
        depend = "service depends" if impact.hurt == 1 else "services depend"
        users = [clip(one, 40) for one in impact.user_facing]
        met = f"; users meet {listed(users, 3)}" if users else ""
        said.append(f"{impact.hurt} {depend} on {clip(impact.cause, 40)}{met}")
    return "  ·  ".join(said)


def topology_reply(graph: Topology, name: str, now: datetime) -> tuple[list[Block], str]:
    """Return what a service needs and who needs it, each with who says so, and who is hurt when it fails."""
    node = graph.nodes[name]
    where = telling.place(node)
    about = [part for part in (where, "users come in" if node.is_user_facing else "") if part]
    parts = [line(text(clip(name, 120), bold=True), text(f"  {clip(' · '.join(about), 200)}" if about else ""))]
    for title, others, up in (
        ("Needs", graph.needs(name, every=True), False),
        ("Is needed by", graph.needed_by(name, every=True), True),
    ):
        parts.append(line(text(title, bold=True)))
        lines = []
        for other in others[:MOST_LINES]:
            edge = graph.edge(other, name) if up else graph.edge(name, other)
            said = telling.edge(edge, now) if edge else ""
            lines.append(line(text(clip(other, 120)), text(f"  {clip(said, 200)}", italic=True)))
        if len(others) > MOST_LINES:
            lines.append(line(text(f"and {len(others) - MOST_LINES} more")))
        parts.append(
            bullets(*lines) if lines else line(text("nobody that is known" if up else "nothing that is known"))
        )
    hurt = telling.blast(graph.blast_radius(name))
    blocks = [rich(*parts), context(plain(clip(f"When it fails: {hurt}.", 600)))]
    return blocks, fallback(f"{name}: {hurt}")
