"""How an investigation goes: which source is being asked, which did not answer, and what failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slackbot.blocks.parts import Block, Element, bullets, divider, emoji, line, moment, rich, text
from slackbot.wording import clip, duration

if TYPE_CHECKING:
    from copilot.knowledge.briefing import Briefing, SourceLine

STAGES = {
    "open": "Opening the investigation",
    "gather": "Asking the sources",
    "propose": "Putting hypotheses together",
    "rank": "Weighing the evidence",
    "post": "Weighing the evidence",
}
SOURCE_SIGNS = {"asking": "hourglass_flowing_sand", "answered": "white_check_mark", "partial": "warning", "failed": "x"}
# Who reads of missing evidence wants to know whose: all are named that a tenant is likely to have.
MOST_SILENT = 12


def looking_again(briefing: Briefing) -> Block:
    """Return how a later look goes; what the last one found stays below until this one is done."""
    asked = f" for {clip(briefing.asked_by, 60)}" if briefing.asked_by else ""
    parts = [
        line(
            emoji("hourglass_flowing_sand"),
            text(f" Looking again{asked}: {STAGES.get(briefing.stage, 'working').lower()}…", bold=True),
            text(_answered(briefing)),
        )
    ]
    if briefing.ranked_at:
        parts.append(line(text("Until then, what the look at "), moment(briefing.ranked_at), text(" found:")))
    return rich(*parts)


def _answered(briefing: Briefing) -> str:
    done = sum(one.status != "asking" for one in briefing.sources)
    return f" {done} of {len(briefing.sources)} sources have answered." if briefing.sources else ""


def progress_blocks(briefing: Briefing) -> list[Block]:
    """Return what is being done right now, and how each source stands."""
    doing = STAGES.get(briefing.stage, "Working")
    again = f" (asked by {clip(briefing.asked_by, 60)})" if briefing.asked_by else ""
    parts = [line(emoji("hourglass_flowing_sand"), text(f" {doing}…", bold=True), text(again))]
    if briefing.sources:
        parts.append(bullets(*(source_line(one) for one in briefing.sources[:12])))
    return [divider(), rich(*parts)]


def source_line(source: SourceLine) -> Element:
    """Return how one source stands."""
    sign = emoji(SOURCE_SIGNS.get(source.status, "grey_question"))
    called = text(f" {clip(source.name, 60)}", bold=True)
    if source.status == "asking":
        return line(sign, called, text(" is being asked"))
    if source.status == "failed":
        return line(sign, called, text(f" {unanswered(source.detail)}"))
    count = f" {source.observations} observation{'' if source.observations == 1 else 's'} in {duration(source.seconds)}"
    rest = f", in part: {clip(source.detail, 160)}" if source.status == "partial" and source.detail else ""
    return line(sign, called, text(count + rest))


def unanswered(detail: str) -> str:
    """Return why a source gave nothing, without saying twice that it did not answer."""
    said = clip(detail, 160)
    if not said:
        return "did not answer"
    return said if said.lower().startswith("did not answer") else f"did not answer: {said}"


def failed_block(briefing: Briefing) -> Block:
    """Return why an investigation ended without a ranking, and what can be done."""
    return rich(
        line(
            emoji("warning"),
            text(" The investigation did not finish", bold=True),
            text(f": {clip(briefing.error, 300)}" if briefing.error else "."),
        ),
        line(text("Nothing is lost: what was gathered stays, and “Investigate again” starts a new run.")),
    )
