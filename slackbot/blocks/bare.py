"""The incident in a few words, for where Slack refuses its card."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slackbot.blocks import words
from slackbot.blocks.parts import Block, context, fallback, line, link, plain, rich, safe_link, text
from slackbot.wording import clip

if TYPE_CHECKING:
    from copilot.knowledge.briefing import Briefing


def bare_card(briefing: Briefing) -> tuple[list[Block], str]:
    """Return the incident's state in one sentence, with the way to its source."""
    said = words.headline(briefing)
    elements = [text(f"{words.mark(briefing)} {clip(said, 600)}", bold=True)]
    if safe_link(briefing.url):
        elements.extend((text("  "), link(briefing.url, clip(briefing.source, 40) or "its source")))
    return [
        rich(line(*elements)),
        context(
            plain(f"Slack did not take the whole card. /sre incident {briefing.number} and the admin show the rest.")
        ),
    ], fallback(said)
