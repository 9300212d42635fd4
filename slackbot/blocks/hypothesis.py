"""One likely cause on the card: its sentence, range, evidence, way back, factors, and the buttons under it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from copilot.knowledge.markdown import check_parts
from copilot.knowledge.way_back import altered, changes_behind, command, telling
from slackbot.blocks import words
from slackbot.blocks.changes import named
from slackbot.blocks.parts import (
    Block,
    Element,
    actions,
    button,
    context,
    emoji,
    line,
    link,
    option,
    ours,
    rich,
    safe_link,
    text,
)
from slackbot.wording import clip

if TYPE_CHECKING:
    from copilot.knowledge.briefing import Briefing, HypothesisLine
    from scoring.evidence import Evidence

ORIGINS = {"precedent": "seen before", "model": "proposed by the model"}


def confirmation_line(briefing: Briefing, *, cause: str) -> Element:
    """Return that people settled on a cause, who, and which; `cause` is empty where it follows."""
    by = f" by {clip(briefing.confirmed_by, 60)}" if briefing.confirmed_by else ""
    said = f": {clip(cause, 300)}" if cause else "."
    return line(emoji("white_check_mark"), text(" Cause confirmed", bold=True), text(by + said))


def check_line(check: str) -> Element:
    """Return a next check, with what is to be pasted as code."""
    told, command, query = check_parts(clip(check, 300))
    elements = [text("Next check: ", bold=True), text(told)]
    if command:
        elements.extend((text(": "), text(command, code=True)))
    if query:
        elements.extend((text("; watch: "), text(query, code=True)))
    return line(*elements)


def folded(hypothesis: HypothesisLine) -> Block:
    """Return a hypothesis in one line, with a menu for what may be done with it."""
    said = f"{hypothesis.rank}. {clip(hypothesis.statement, 240)} ({words.interval(hypothesis.low, hypothesis.high)})"
    up, down = len(hypothesis.verdicts.up), len(hypothesis.verdicts.down)
    if hypothesis.is_confirmed:
        said += "  ✅ this was it"
    if hypothesis.origin in ORIGINS:
        said += f"  ·  {ORIGINS[hypothesis.origin]}"
    tally = "  ".join(f"{sign} {count}" for sign, count in (("👍", up), ("👎", down)) if count)
    return {
        "type": "section",
        "block_id": f"hypothesis:{hypothesis.id}",
        "text": {"type": "plain_text", "text": f"{said}  {tally}".rstrip(), "emoji": False},
        "accessory": {
            "type": "overflow",
            "action_id": "hypothesis_menu",
            "options": [
                option("Why?", f"why:{hypothesis.id}"),
                option("👍 Helpful", f"verdict_up:{hypothesis.id}"),
                option("👎 Not it", f"verdict_down:{hypothesis.id}"),
                option("Withdraw" if hypothesis.is_confirmed else "This was it", f"confirm:{hypothesis.id}"),
            ],
        },
    }


def hypothesis_blocks(briefing: Briefing, hypothesis: HypothesisLine) -> list[Block]:
    """Return one hypothesis: the sentence and its range, its factors, its evidence, and the buttons."""
    known = {one.id: one for one in briefing.evidence}
    first = [
        text(f"{hypothesis.rank}. ", bold=True),
        text(clip(hypothesis.statement, 320), bold=hypothesis.rank == 1),
        text("  "),
        text(words.interval(hypothesis.low, hypothesis.high), code=True),
    ]
    if hypothesis.is_confirmed:
        first.extend((text("  "), emoji("white_check_mark"), text(" this was it", bold=True)))
    parts = [line(*first)]
    details: list[Element] = []
    if hypothesis.supporting:
        details.extend((text("Evidence: "), *_references(hypothesis.supporting, known)))
    if hypothesis.contradicting:
        details.extend(
            (text("  ·  Against: " if details else "Against: "), *_references(hypothesis.contradicting, known))
        )
    if details:
        parts.append(line(*details))
    parts.extend(_way_back(briefing, hypothesis))
    # What people settled on needs no check.
    if hypothesis.next_check and not words.confirmed_cause(briefing):
        parts.append(check_line(hypothesis.next_check))
    origin = ORIGINS.get(hypothesis.origin)
    bars = words.factor_bars(hypothesis.factors)
    blocks = [rich(*parts)]
    if bars:
        blocks.append(context(ours(bars + (f"  ·  {origin}" if origin else ""))))
    blocks.append(verdict_buttons(hypothesis))
    return blocks


def _way_back(briefing: Briefing, hypothesis: HypothesisLine) -> list[Element]:
    """Return what the blamed change altered, where it can be read, and how to take it back."""
    sightings = changes_behind(briefing, hypothesis)
    if not sightings:
        return []
    what = altered(sightings)
    address = next((one.link for one in telling(sightings) if safe_link(one.link)), "")
    lines = []
    if what or address:
        shown = clip(what, 200) or "see the change"
        lines.append(line(text("What it changed: ", bold=True), link(address, shown) if address else text(shown)))
    back = command(sightings)
    if back:
        lines.append(line(text("Way back: ", bold=True), text(clip(back, 300), code=True)))
    return lines


def _references(references: tuple[str, ...], known: dict[str, Evidence], most: int = 8) -> list[Element]:
    elements: list[Element] = []
    for one in references[:most]:
        if elements:
            elements.append(text(", "))
        elements.append(named(known[one]) if one in known else text(clip(one, 8) or "?", code=True))
    if len(references) > most:
        elements.append(text(f" and {len(references) - most} more"))
    return elements


def verdict_buttons(hypothesis: HypothesisLine) -> Block:
    """Return the buttons under a hypothesis; each carries the hypothesis's id, the tally is in the label."""
    up, down, value = len(hypothesis.verdicts.up), len(hypothesis.verdicts.down), str(hypothesis.id)
    return actions(
        button(
            f"👍 {up}" if up else "👍", "verdict_up", value, label=f"Helpful: cause {hypothesis.rank}; {up} said so"
        ),
        button(
            f"👎 {down}" if down else "👎",
            "verdict_down",
            value,
            label=f"Not it: cause {hypothesis.rank}; {down} said so",
        ),
        button(
            "✓ This was it" if hypothesis.is_confirmed else "This was it",
            "confirm",
            value,
            style="primary" if hypothesis.is_confirmed else "",
            label=f"{'Withdraw: cause' if hypothesis.is_confirmed else 'Confirm cause'} {hypothesis.rank}",
        ),
        button("Why?", "why", value, label=f"Why cause {hypothesis.rank}: factors and evidence"),
        block_id=f"hypothesis:{hypothesis.id}",
    )
