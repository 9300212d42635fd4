"""What changed before it began: one line a change, as all sources together know it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scoring.changes import parts
from scoring.units import format_onset
from slackbot.blocks.parts import Block, Element, bullets, line, link, rich, safe_link, text
from slackbot.wording import clip

if TYPE_CHECKING:
    from copilot.knowledge.briefing import Briefing
    from scoring.evidence import Evidence

# So many of those who told of one change are named.
MOST_SOURCES = 4


def named(one: Evidence) -> Element:
    """Return an evidence's short name, linked to where it was seen."""
    return link(one.link, one.id) if safe_link(one.link) else text(one.id, code=True)


def change_words(one: Evidence, briefing: Briefing) -> list[Element]:
    """Return one change: what, by whom, how long before the onset, and why it fits where that is known."""
    what, why = parts(one.statement)
    elements = [text(clip(what, 240))]
    if one.author and one.author.lower() not in what.lower():
        elements.append(text(f" by {clip(one.author, 60)}"))
    elements.extend(_when(one, briefing))
    if why:
        elements.append(text(f"  ·  {clip(why, 120)}"))
    return elements


def _when(one: Evidence, briefing: Briefing) -> list[Element]:
    lead = briefing.lead(one)
    return [] if lead is None else [text(" — "), text(format_onset(lead), bold=True)]


def changes_block(briefing: Briefing, changes: list[list[Evidence]]) -> Block:
    """Return the changes that matter, a line each."""
    return rich(
        line(text("What changed", bold=True)),
        bullets(*(line(*_told_once(sightings, briefing)) for sightings in changes)),
    )


def change_line(sightings: list[Evidence], briefing: Briefing) -> str:
    """Return one change as plain text: what, what it altered, by whom and when."""
    return "".join(str(element["text"]) for element in _done(sightings, briefing))


def _told_once(sightings: list[Evidence], briefing: Briefing) -> list[Element]:
    """Return one change as all its sources together know it, and where it was seen."""
    elements = _done(sightings, briefing)
    seen = sorted(sightings, key=lambda one: (len(one.id), one.id))
    for one in seen[:3]:
        elements.extend((text("  "), named(one)))
    sources = list(dict.fromkeys(one.source for one in seen if one.source))
    if len(sources) > 1:
        elements.append(text(f"  ·  {', '.join(clip(source, 30) for source in sources[:MOST_SOURCES])}", italic=True))
    return elements


def _done(sightings: list[Evidence], briefing: Briefing) -> list[Element]:
    """Return what was changed, what that altered, by whom and when."""
    first = sightings[0]
    altered = next((one.detail for one in sightings if one.detail), "")
    author = next((one.author for one in sightings if one.author), "")
    if not (altered and first.indicator):
        return change_words(next((one for one in sightings if one.author), first), briefing)
    elements = [text(clip(first.indicator, 120)), text(f" ({clip(altered, 120)})")]
    if author:
        elements.append(text(f" by {clip(author, 60)}"))
    return [*elements, *_when(first, briefing)]
