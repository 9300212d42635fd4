"""The windows: why a hypothesis scores as it does, why one was turned down, and what else the cause was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slackbot.blocks import words
from slackbot.blocks.changes import change_words
from slackbot.blocks.hypothesis import confirmation_line
from slackbot.blocks.parts import (
    Block,
    Element,
    bullets,
    context,
    divider,
    label,
    line,
    link,
    ours,
    plain,
    rich,
    safe_link,
    text,
)
from slackbot.wording import clip

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from copilot.knowledge.briefing import Briefing, HypothesisLine
    from scoring.evidence import Evidence, Factor

WORDS_LIMIT = 2000


def why_modal(briefing: Briefing, hypothesis: HypothesisLine) -> Block:
    """Return the window that takes a score apart."""
    return {
        "type": "modal",
        "callback_id": "why",
        "private_metadata": str(hypothesis.id),
        "title": label(clip(f"{words.name(briefing)}: why #{hypothesis.rank}", 24)),
        "close": label("Close"),
        "blocks": [*settled(briefing, hypothesis), *why_blocks(briefing, hypothesis)],
    }


def settled(briefing: Briefing, follows: HypothesisLine) -> list[Block]:
    """Return that people settled on a cause, and who, where they did; the cause itself is not told where it `follows`."""
    confirmed = words.confirmed_cause(briefing)
    if not confirmed:
        return []
    return [rich(confirmation_line(briefing, cause="" if follows.is_confirmed else confirmed))]


def why_blocks(briefing: Briefing, hypothesis: HypothesisLine) -> list[Block]:
    """Return factors with weight, value, interval and reason, the evidence for and against, and what would change it."""
    chosen = [text("  ✅ this was it", bold=True)] if hypothesis.is_confirmed else []
    blocks: list[Block] = [
        rich(
            line(
                text(clip(hypothesis.statement, 400), bold=True),
                text("  "),
                text(words.interval(hypothesis.low, hypothesis.high), code=True),
                *chosen,
            ),
            line(
                text(
                    f"Score {words.score(hypothesis.confidence)}: the sum of five factors, each times its weight."
                    f" {clip(words.kind(hypothesis.cause_kind), 40).capitalize()} at {clip(hypothesis.entity, 80)}."
                )
            ),
        ),
        divider(),
        *(_factor(factor) for factor in words.ordered(hypothesis.factors)[:5]),
        divider(),
    ]
    known = {one.id: one for one in briefing.evidence}
    for title, references in (("For", hypothesis.supporting), ("Against", hypothesis.contradicting)):
        found = [known[one] for one in references if one in known][:12]
        if found:
            blocks.append(rich(line(text(title, bold=True)), bullets(*(_cited(one, briefing) for one in found))))
    if not hypothesis.contradicting:
        blocks.append(context(ours("Nothing that was seen speaks against it.")))
    blocks.append(
        rich(
            line(text("What would change the score", bold=True)),
            bullets(*(line(text(one)) for one in what_would_change(briefing, hypothesis))),
        )
    )
    said = hypothesis.verdicts
    if said.up or said.down:
        people = [f"👍 {', '.join(clip(one, 30) for one in said.up[:8])}"] if said.up else []
        people += [f"👎 {', '.join(clip(one, 30) for one in said.down[:8])}"] if said.down else []
        people += [clip(one, 120) for one in said.reasons[:3]]
        blocks.append(context(plain("  ·  ".join(people))))
    if briefing.scoring_version:
        blocks.append(
            context(
                plain(f"Scoring version {clip(briefing.scoring_version, 40)}: computed again, the numbers are the same")
            )
        )
    return blocks


def _factor(factor: Factor) -> Block:
    return rich(
        line(
            text(f"{words.bar(factor.value)} "),
            text(f"{clip(factor.name, 40).capitalize()} ", bold=True),
            text(
                f"{words.score(factor.value)} ({words.interval(factor.low, factor.high)}) × {factor.weight:.2f}"
                f" = {factor.value * factor.weight:.3f}"
            ),
        ),
        line(text(clip(factor.reason, 300) or "No reason was recorded.")),
    )


def _cited(one: Evidence, briefing: Briefing) -> Element:
    said = change_words(one, briefing) if words.is_change(one) else [text(clip(one.statement, 240))]
    source = clip(one.source, 40) or "source"
    seen = link(one.link, source) if safe_link(one.link) else text(source, italic=True)
    return line(text(one.id, code=True), text(" "), *said, text("  ·  "), seen)


def what_would_change(briefing: Briefing, hypothesis: HypothesisLine) -> list[str]:
    """Return what moves this score: the next check, the weakest factor, silent sources, and people's verdicts."""
    found: list[str] = []
    # What people settled on needs no check.
    if hypothesis.next_check and not hypothesis.is_confirmed:
        found.append(f"Next check: {clip(hypothesis.next_check, 240)}")
    if hypothesis.factors:
        weakest = max(hypothesis.factors, key=lambda factor: factor.weight * (1 - factor.value))
        found.append(
            f"{weakest.name.capitalize()} could raise it most: by"
            f" {words.score(weakest.weight * (1 - weakest.value))} at its best."
        )
        widest = max(hypothesis.factors, key=lambda factor: factor.weight * (factor.high - factor.low))
        if widest.weight * (widest.high - widest.low) >= 0.02:
            found.append(
                f"The range is wide mostly because of {widest.name}"
                f" ({words.score(widest.weight * (widest.high - widest.low))} of {words.score(hypothesis.high - hypothesis.low)})."
            )
    silent = [clip(one.name, 40) for one in briefing.sources if one.status == "failed"]
    if silent:
        found.append(f"An answer from {', '.join(silent[:4])} would narrow the range.")
    found.append("Your 👍, 👎 and “This was it” weigh in the next time that this is a suspect.")
    return found


def reason_modal(
    hypothesis_id: UUID, statement: str, reasons: Sequence[tuple[str, str]], *, chosen: str = "", said: str = ""
) -> Block:
    """Return the window that asks why a hypothesis was turned down; the 👎 is recorded before it opens."""
    options = [{"text": label(shown), "value": value} for value, shown in reasons]
    chips: Block = {"type": "radio_buttons", "action_id": "reason", "options": options}
    initial = next((one for one in options if one["value"] == chosen), None)
    if initial:
        chips["initial_option"] = initial
    box: Block = {
        "type": "plain_text_input",
        "action_id": "words",
        "multiline": True,
        "max_length": WORDS_LIMIT,
        "placeholder": label("What was it instead? What did we miss?"),
    }
    if said:
        box["initial_value"] = said[:WORDS_LIMIT]
    return {
        "type": "modal",
        "callback_id": "reason",
        "private_metadata": str(hypothesis_id),
        "title": label("What is wrong with it?"),
        "submit": label("Save"),
        "close": label("Skip"),
        "blocks": [
            rich(line(text("Your 👎 is recorded for: "), text(clip(statement, 300), italic=True))),
            {"type": "input", "block_id": "reason", "optional": True, "label": label("Reason"), "element": chips},
            {"type": "input", "block_id": "words", "optional": True, "label": label("In your words"), "element": box},
        ],
    }


def other_cause_modal(briefing: Briefing) -> Block:
    """Return the window that asks what the cause was, where no hypothesis had it."""
    box: Block = {
        "type": "plain_text_input",
        "action_id": "words",
        "multiline": True,
        "max_length": WORDS_LIMIT,
        "placeholder": label("e.g. the payment provider was down for 12 minutes"),
    }
    if briefing.confirmed_words:
        box["initial_value"] = briefing.confirmed_words[:WORDS_LIMIT]
    return {
        "type": "modal",
        "callback_id": "other_cause",
        "private_metadata": str(briefing.incident_id),
        "title": label("What was the cause?"),
        "submit": label("Save"),
        "close": label("Cancel"),
        "blocks": [
            rich(line(text(f"{words.name(briefing)} {clip(briefing.service, 60)}: {clip(briefing.title, 200)}"))),
            {"type": "input", "block_id": "words", "label": label("The cause, in a sentence or two"), "element": box},
        ],
    }


def notice_modal(title: str, said: str) -> Block:
    """Return a window that only tells something, for where a person cannot be answered otherwise."""
    return {
        "type": "modal",
        "callback_id": "notice",
        "title": label(clip(title, 24)),
        "close": label("Close"),
        "blocks": [rich(line(text(clip(said, 600))))],
    }


__all__ = ["notice_modal", "other_cause_modal", "reason_modal", "what_would_change", "why_blocks", "why_modal"]
