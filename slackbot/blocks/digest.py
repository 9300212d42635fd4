"""The digest: a week, or another stretch of time, in a few lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slackbot.blocks import words
from slackbot.blocks.parts import Block, Element, bullets, context, fallback, header, line, moment, plain, rich, text
from slackbot.wording import clip, duration, listed

if TYPE_CHECKING:
    from copilot.knowledge.digest import Digest


def digest_message(digest: Digest) -> tuple[list[Block], str]:
    """Return the digest; a quiet time is told in one line."""
    count = f"{digest.incidents} incident{'' if digest.incidents == 1 else 's'}"
    said = f"{count} in {duration((digest.until - digest.since).total_seconds())}"
    blocks: list[Block] = [
        header(f"📊 {said}"),
        rich(
            line(
                text("From "),
                moment(digest.since, "{date_short_pretty} {time}"),
                text(" to "),
                moment(digest.until, "{date_short_pretty} {time}"),
                text(f"; {_before(digest)}."),
            )
        ),
    ]
    if not digest.incidents:
        return blocks, fallback(f"{said}: all quiet.")
    blocks.append(rich(bullets(*_numbers(digest))))
    if digest.noisiest:
        noisy = [
            line(
                text(f"{clip(one.service, 60)}: {clip(one.alert, 140)}"),
                text(f" — {_times(one.incidents, one.joined)}"),
            )
            for one in digest.noisiest
        ]
        blocks.append(rich(line(text("Noisiest alerts", bold=True)), bullets(*noisy)))
    if digest.recurring:
        causes = [
            line(
                text(f"{clip(words.kind(one.cause_kind), 40).capitalize()} at {clip(one.service, 80)}", bold=True),
                text(f": {listed([f'INC-{number}' for number in one.incidents], 6)}"),
            )
            for one in digest.recurring
        ]
        blocks.append(rich(line(text("Recurring causes, confirmed within 90 days", bold=True)), bullets(*causes)))
    facts = [f"{digest.still_open} still open"] if digest.still_open else ["none still open"]
    if digest.dollars:
        facts.append(f"the model cost ${digest.dollars:.2f}")
    blocks.append(context(plain("  ·  ".join(facts))))
    return blocks, fallback(f"{said}, {_before(digest)}.")


def _before(digest: Digest) -> str:
    span = duration((digest.until - digest.since).total_seconds())
    return f"{digest.before or 'none'} in the {span} before"


def _times(incidents: int, joined: int) -> str:
    own = f"{incidents} incident{'' if incidents == 1 else 's'}" if incidents else ""
    others = f"joined others {joined} time{'' if joined == 1 else 's'}" if joined else ""
    return ", ".join(part for part in (own, others) if part)


def _numbers(digest: Digest) -> list[Element]:
    lines = [_fact("Services", listed([f"{clip(name, 60)} {count}" for name, count in digest.services], 5))]
    medians = [
        (words, seconds)
        for words, seconds in (
            ("first hypotheses", digest.first_hypotheses),
            ("acknowledged", digest.acknowledged),
            ("resolved", digest.lasted),
        )
        if seconds is not None
    ]
    if medians:
        lines.append(
            _fact("Median times", ", ".join(f"{words} after {duration(seconds)}" for words, seconds in medians))
        )
    acceptance = digest.acceptance
    judged = (
        f"{acceptance * 100:.0f} % of verdicts are 👍 ({digest.up} of {digest.up + digest.down})"
        if acceptance is not None
        else ""
    )
    if digest.answered:
        first = f"the confirmed cause was the first hypothesis in {digest.first_right} of {digest.answered}"
        judged = "; ".join(part for part in (judged, first) if part)
    lines.append(_fact("Acceptance", judged or "nobody has given a verdict yet"))
    unanswered = digest.resolved - digest.answered
    if unanswered > 0:
        lines.append(_fact("Without a confirmed cause", f"{unanswered} of {digest.resolved} resolved"))
    if digest.related:
        lines.append(_fact("Kept out of the channel", f"{digest.related} related alerts joined an open incident"))
    return lines


def _fact(title: str, words: str) -> Element:
    return line(text(f"{title}: ", bold=True), text(words))


__all__ = ["digest_message"]
