"""An answer as Block Kit: lines that nobody's text can make live, what they rest on, and the feedback buttons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slackbot.blocks.parts import (
    Block,
    Element,
    bullets,
    coded,
    context,
    dated,
    emoji,
    fallback,
    line,
    link,
    plain,
    rich,
    safe_link,
    text,
)
from slackbot.wording import clip, duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from copilot.answers import Answer, Line, Source

LINE_LIMIT = 600
LINES = 30
SOURCES = 12
FEEDBACK = "answer_feedback"


def line_block(one: Line) -> Block:
    """Return one line of an answer, with the ids of what it rests on."""
    runs = coded(clip(one.text, LINE_LIMIT))
    words = [part for run in runs for part in ([run] if "style" in run else dated(run["text"]))]
    if one.cites:
        words.extend((text("  "), text(", ".join(one.cites[:8]), code=True)))
    if one.kind == "unknown":
        return rich(line(emoji("grey_question"), text(" "), *words))
    return rich(bullets(line(*words))) if one.kind == "bullet" else rich(line(*words))


def closing_blocks(question_id: str, answer: Answer) -> list[Block]:
    """Return what stands below an answer: its sources, who answered, and the feedback buttons."""
    blocks: list[Block] = []
    cited = answer.cited()
    if cited:
        shown = [_source(one) for one in cited[:SOURCES]]
        if len(cited) > SOURCES:
            shown.append(line(text(f"and {len(cited) - SOURCES} more", italic=True)))
        blocks.append(rich(line(text("Rests on", bold=True)), bullets(*shown), block_id="answer_sources"))
    blocks.extend((context(plain(footer(answer))), feedback_block(question_id)))
    return blocks


def feedback_block(question_id: str) -> Block:
    """Return Slack's feedback buttons; they carry the answer's id."""

    def one(words: str, verdict: str, label: str) -> Element:
        said = {"type": "plain_text", "text": words, "emoji": True}
        return {"text": said, "value": f"{verdict}:{question_id}", "accessibility_label": label}

    buttons = {
        "type": "feedback_buttons",
        "action_id": FEEDBACK,
        "positive_button": one("Helpful", "up", "This answer helped"),
        "negative_button": one("Not helpful", "down", "This answer did not help"),
    }
    return {"type": "context_actions", "block_id": f"answer:{question_id}", "elements": [buttons]}


def whole_message(question_id: str, answer: Answer) -> tuple[list[Block], str]:
    """Return an answer in one piece, for where it cannot be streamed."""
    lines = [line_block(one) for one in answer.lines[:LINES]] or [
        rich(line(text("There is nothing to say.", italic=True)))
    ]
    return [*lines, *closing_blocks(question_id, answer)], summary(answer.lines)


def summary(lines: Sequence[Line]) -> str:
    """Return an answer's beginning, for notifications."""
    return fallback(" ".join(one.text for one in lines[:2]) or "An answer")


def footer(answer: Answer) -> str:
    """Return who answered, in words: a reader must know a machine, and which."""
    took = f", {duration(answer.seconds)}" if answer.seconds else ""
    if answer.by == "rules":
        why = f": {answer.note}" if answer.note else ""
        return f"Answered by rules, without a model{why}{took}"
    note = f" · {answer.note}" if answer.note else ""
    cost = f", ${answer.dollars:.3f}" if answer.dollars else ""
    return f"Written by {answer.model or 'a model'}{took}{cost}; it may be wrong, its sources are above{note}"


def _source(one: Source) -> Element:
    # Lines say most of it already, and the thread's list of evidence has it whole.
    words: list[Element] = [text(one.id, code=True), text(f" {clip(one.text, 110)}")]
    # Evidence links to where it was seen; a query that was run for this answer is told whole.
    if one.query and one.id.startswith("Q"):
        words.extend((text("  "), text(clip(one.query, 300), code=True)))
    origin = clip(one.origin, 40)
    if safe_link(one.link):
        words.extend((text("  ·  "), link(one.link, origin or "source")))
    elif origin:
        words.extend((text("  ·  "), text(origin, italic=True)))
    return line(*words)
