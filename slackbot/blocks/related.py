"""The thread's message of related alerts: one line each with the rule by which it joined, and a way to say no."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from slackbot.blocks import words
from slackbot.blocks.parts import Block, button, context, emoji, fallback, label, line, option, plain, rich, text
from slackbot.wording import clip, listed

if TYPE_CHECKING:
    from copilot.knowledge.briefing import Briefing, RelatedLine

# A line and its button are a block; Slack takes fifty in a message.
MOST_LINES = 15
MOST_CHOICES = 100


def related_message(briefing: Briefing) -> tuple[list[Block], str]:
    """Return the alerts that joined, the first that did in lines, the others counted by service, those split off at the end."""
    joined = [one for one in briefing.related if one.split_into is None]
    split = [one for one in briefing.related if one.split_into is not None]
    head = related_line(briefing) or "No related alerts any more"
    blocks: list[Block] = [rich(line(emoji("link"), text(f" {head}", bold=True)))]
    blocks.extend(_row(one) for one in joined[:MOST_LINES])
    rest = joined[MOST_LINES:]
    if rest:
        blocks.append(_rest(briefing, rest))
    for one in split[-5:]:
        by = f" by {clip(one.split_by, 60)}" if one.split_by else ""
        blocks.append(context(plain(f"Not related{by}: {clip(one.title, 160)} is INC-{one.split_into}")))
    return blocks, fallback(f"{words.name(briefing)}: {head}")


def related_line(briefing: Briefing) -> str:
    """Return how many alerts joined, how many of them fire, and why; nothing where none did."""
    joined = [one for one in briefing.related if one.split_into is None]
    if not joined:
        return ""
    firing = sum(one.is_firing for one in joined)
    count = f"{len(joined)} related alert{'' if len(joined) == 1 else 's'}"
    stand = "all still firing" if firing == len(joined) else f"{firing} still firing" if firing else "all over"
    if len(joined) == 1:
        stand = "still firing" if firing else "over"
    return f"{count}, {stand}"


def _row(one: RelatedLine) -> Block:
    service = f"{clip(one.service, 60)}: " if one.service else ""
    severity = f" ({clip(one.severity, 20)})" if one.severity else ""
    over = "" if one.is_firing else " — over"
    return {
        "type": "section",
        "block_id": f"related:{one.id}",
        "text": {
            "type": "plain_text",
            "text": f"{service}{clip(one.title, 160)}{severity}{over}  ·  {clip(one.rule, 120)}",
            "emoji": False,
        },
        "accessory": button(
            "Not related", "not_related", str(one.id), label=f"Not related: {clip(one.title, 50)} gets its own incident"
        ),
    }


def _rest(briefing: Briefing, rest: list[RelatedLine]) -> Block:
    """Return the others, counted by service, with a menu to choose one from."""
    counts = Counter(clip(one.service, 40) or "unknown service" for one in rest)
    named = [f"{name} {count}" for name, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))]
    return {
        "type": "section",
        "block_id": f"related:{briefing.incident_id}",
        "text": {"type": "plain_text", "text": f"and {len(rest)} more: {listed(named, 12)}", "emoji": False},
        "accessory": {
            "type": "static_select",
            "action_id": "not_related_menu",
            "placeholder": label("Not related…"),
            "options": [
                option(f"{clip(one.service, 25)} {clip(one.title, 48)}".strip(), str(one.id))
                for one in rest[:MOST_CHOICES]
            ],
        },
    }


__all__ = ["related_line", "related_message"]
