"""The messages in the incident's thread that look back: similar incidents, the resolution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from copilot.knowledge import postmortem
from slackbot.blocks import words
from slackbot.blocks.parts import (
    Block,
    Element,
    actions,
    bullets,
    button,
    emoji,
    fallback,
    line,
    moment,
    rich,
    text,
)
from slackbot.wording import clip, counted, duration

if TYPE_CHECKING:
    from copilot.knowledge.briefing import Briefing, SimilarIncident


def similar_message(briefing: Briefing) -> tuple[list[Block], str]:
    """Return past incidents like this one, with what fixed them."""
    shown = [_similar(one) for one in briefing.similar[:5]]
    blocks = [rich(line(emoji("repeat"), text(" Seen before", bold=True)), bullets(*shown))]
    return blocks, fallback(f"{words.name(briefing)}: {counted(len(briefing.similar), 'similar past incident')}")


def _similar(one: SimilarIncident) -> Element:
    elements = [
        text(f"INC-{one.number}", bold=True),
        text(f" {clip(one.title, 120)}, "),
        moment(one.started_at, "{date_short_pretty}"),
        text(f" (similarity {words.score(one.similarity)}"),
        text(f": {clip(one.why, 120)})" if one.why else ")"),
    ]
    if one.cause:
        elements.extend((text(" — it was: "), text(clip(one.cause, 160), bold=True)))
    else:
        elements.append(text(" — its cause was never confirmed"))
    if one.words and one.words != one.cause:
        elements.append(text(f" “{clip(one.words, 200)}”"))
    return line(*elements)


def resolution_message(briefing: Briefing) -> tuple[list[Block], str]:
    """Return the short summary on resolve, which asks once what it was and shows the answer when there is one."""
    if briefing.status != "resolved" or briefing.resolved_at is None:
        blocks = [
            rich(line(emoji("leftwards_arrow_with_hook"), text(f" {words.name(briefing)} was reopened.", bold=True)))
        ]
        return blocks, fallback(f"{words.name(briefing)} was reopened")
    took = duration((briefing.resolved_at - briefing.started_at).total_seconds())
    by = f" by {clip(briefing.resolved_by, 60)}" if briefing.resolved_by else ""
    parts = [
        line(
            emoji("white_check_mark"),
            text(f" {words.name(briefing)} resolved", bold=True),
            text(f"{by} at "),
            moment(briefing.resolved_at),
            text(f", after {took}."),
        )
    ]
    way = _on_the_way(briefing)
    if way:
        parts.append(line(text(way)))
    helped = [clip(one.statement, 200) for one in postmortem.helping_changes(briefing)[:2]]
    if helped:
        parts.append(line(text("Changed before it ended: ", bold=True), text("; ".join(helped))))
    cause = words.confirmed_cause(briefing)
    if cause:
        parts.append(line(text("Cause: ", bold=True), text(clip(cause, 400))))
        if briefing.confirmed_by:
            parts.append(
                line(text(f"Confirmed by {clip(briefing.confirmed_by, 60)}; press another to change it.", italic=True))
            )
    elif briefing.hypotheses:
        parts.append(
            line(
                text("Which hypothesis was right?", bold=True),
                text(" Your answer weighs in the next time, and the post-mortem draft follows."),
            )
        )
    else:
        parts.append(
            line(
                text("What was the cause?", bold=True),
                text(" A few words help the next time, and the post-mortem draft follows."),
            )
        )
    blocks = [rich(*parts), _resolution_buttons(briefing)]
    said = f"{words.name(briefing)} resolved after {took}. " + (f"Cause: {cause}" if cause else "What was the cause?")
    return blocks, fallback(said)


def _on_the_way(briefing: Briefing) -> str:
    """Return how long the first hypotheses and the acknowledgement took."""
    facts = [f"first hypotheses after {duration(briefing.seconds)}"] if briefing.seconds else []
    if briefing.acknowledged_at:
        waited = duration((briefing.acknowledged_at - briefing.started_at).total_seconds())
        by = f" by {clip(briefing.acknowledged_by, 60)}" if briefing.acknowledged_by else ""
        facts.append(f"acknowledged after {waited}{by}")
    said = ", ".join(facts)
    return f"{said[:1].upper()}{said[1:]}." if said else ""


def _resolution_buttons(briefing: Briefing) -> Block:
    buttons = [
        button(
            f"{'✓ ' if one.is_confirmed else ''}{one.rank} · {clip(one.service, 24)}: {clip(words.kind(one.cause_kind), 36)}",
            f"confirm_{one.rank}",
            str(one.id),
            style="primary" if one.is_confirmed else "",
            label=f"{'Withdraw: cause' if one.is_confirmed else 'Confirm cause'} {one.rank}",
        )
        for one in briefing.hypotheses[: words.MOST_HYPOTHESES]
    ]
    other = bool(briefing.confirmed_words) and words.confirmed_hypothesis(briefing) is None
    buttons.append(
        button(
            "✓ Something else" if other else "Something else",
            "confirm_other",
            str(briefing.incident_id),
            style="primary" if other else "",
            label="Say in words what the cause was",
        )
    )
    return actions(*buttons, block_id=f"resolution:{briefing.incident_id}")
