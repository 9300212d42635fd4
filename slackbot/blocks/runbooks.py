"""Runbooks in Slack: their steps word for word, with where they are from and when they were written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from copilot.knowledge.placeholders import fill
from slackbot.blocks.parts import Block, Element, bullets, fallback, line, link, rich, text
from slackbot.wording import clip, counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from copilot.knowledge.alert_runbooks import AlertRunbook
    from copilot.knowledge.briefing import RunbookQuote

STEPS_ON_CARD, STEPS = 5, 12
STEP = 400
_CODE = re.compile(r"(`[^`\n]+`)")


def what_to_do(quote: RunbookQuote) -> Block:
    """Return the best runbook's first steps for the card."""
    return _quoted("What to do", quote, most=STEPS_ON_CARD)


def runbook_line(quote: RunbookQuote, number: int) -> Block:
    """Return the best runbook in a line, and how to read its steps."""
    return rich(
        line(
            text("Runbook: ", bold=True),
            link(quote.link, clip(quote.title, 120)),
            text(f" ({clip(quote.origin, 160)}); "),
            text(f"/sre runbook {number}", code=True),
            text(" quotes its steps"),
        )
    )


def _quoted(title: str, quote: RunbookQuote, *, most: int) -> Block:
    head = [text(title, bold=True), text(", from the runbook " if title else "")]
    head.extend((link(quote.link, clip(quote.title, 120), bold=not title), text(f" ({clip(quote.origin, 160)})")))
    parts = [line(*head), bullets(*(line(*_step(one, quote)) for one in quote.steps[:most]))]
    rest = len(quote.steps) - most
    if rest > 0:
        parts.append(line(text(f"and {rest} more step{'' if rest == 1 else 's'} in the runbook", italic=True)))
    if quote.filled_in:
        parts.append(line(text(f"Filled in from the incident, in bold: {', '.join(quote.filled_in)}", italic=True)))
    return rich(*parts)


def _step(step: str, quote: RunbookQuote) -> list[Element]:
    """Return a step as it is written, what stands between backticks as code, what the incident filled in bold."""
    elements: list[Element] = []
    for piece in filter(None, _CODE.split(clip(step, STEP))):
        is_code = _CODE.fullmatch(piece) is not None
        parts = fill(piece.strip("`") if is_code else piece, quote.values)
        elements.extend(text(part.text, code=is_code, bold=bool(part.was)) for part in parts)
    return elements


def runbooks_reply(
    asked: str, named: Sequence[AlertRunbook], quoted: Sequence[RunbookQuote] = ()
) -> tuple[list[Block], str]:
    """Return the runbooks that fit, quoted, and those that alerts named."""
    if not named and not quoted:
        about = f" for “{clip(asked, 120)}”" if asked else ""
        words = (
            f"No alert named a runbook{about}, and none is stored that fits. Alerts bring one along in the annotation"
            " `runbook_url`; your own are added with `copilot runbook add`."
        )
        return [rich(line(text(words)))], fallback(words)
    blocks = [_quoted("", one, most=STEPS) for one in quoted]
    if named:
        lines = [
            line(
                link(one.url, clip(one.alert, 120) or "runbook", bold=True),
                text(f" — {clip(one.service, 60)}, last in INC-{one.incident}"),
            )
            for one in named
        ]
        blocks.append(rich(line(text("Runbooks that alerts named", bold=True)), bullets(*lines)))
    return blocks, fallback(counted(len(named) + len(quoted), "runbook"))


__all__ = ["runbooks_reply", "what_to_do"]
