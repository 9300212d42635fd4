"""The answers to `/sre`: help, open incidents, one incident, why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from slackbot.blocks import words
from slackbot.blocks.card import root_card
from slackbot.blocks.modals import settled, why_blocks
from slackbot.blocks.parts import (
    Block,
    Element,
    actions,
    bullets,
    button,
    coded,
    context,
    divider,
    fallback,
    header,
    line,
    link,
    moment,
    ours,
    rich,
    safe_link,
    text,
)
from slackbot.blocks.thread import similar_message
from slackbot.wording import clip, counted, duration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from copilot.knowledge.briefing import Briefing
    from copilot.knowledge.recent_changes import ChangeLine

BLOCKS_IN_MESSAGE = 50
MOST_CHANGES = 20
MOST_SOURCES = 5


@dataclass(frozen=True, slots=True)
class OpenIncident:
    """Hold one line of the status."""

    number: int
    title: str
    service: str
    status: str
    severity: str
    started_at: datetime
    assignees: tuple[str, ...]
    is_mine: bool
    lead: str
    link: str


def help_reply(groups: Mapping[str, Mapping[str, str]]) -> tuple[list[Block], str]:
    """Return what `/sre` knows: `groups` hold what is typed, and what comes of it."""
    parts: list[Element] = []
    for title, commands in groups.items():
        lines = [line(text(f"/sre {typed}", code=True), text(f"  {told}")) for typed, told in commands.items()]
        parts.extend((line(text(title, bold=True)), bullets(*lines)))
    shared = "Answers are for you alone; add `--share` and the channel sees them."
    asked = "In an incident's thread, ask in your own words: `@copilot what changed?`"
    typed = dict.fromkeys(one.split()[0] for commands in groups.values() for one in commands)
    return [rich(*parts), context(ours(shared)), context(ours(asked))], "/sre " + " · ".join(typed)


def status_reply(open_incidents: Sequence[OpenIncident], total: int) -> tuple[list[Block], str]:
    """Return the open incidents, the asker's own first."""
    if not open_incidents:
        return [rich(line(text("No open incidents. ", bold=True), text("All quiet.")))], "No open incidents."
    mine = [one for one in open_incidents if one.is_mine]
    others = [one for one in open_incidents if not one.is_mine]
    count = counted(total, "open incident")
    parts: list[Element] = [line(text(count, bold=True))]
    for title, found in (("Yours", mine), ("Others" if mine else "", others)):
        if found:
            if title:
                parts.append(line(text(title, bold=True)))
            parts.append(bullets(*(_open(one) for one in found)))
    if total > len(open_incidents):
        parts.append(line(text(f"and {total - len(open_incidents)} more")))
    return [rich(*parts)], fallback(count)


def _open(one: OpenIncident) -> Element:
    elements = [
        link(one.link, f"INC-{one.number}", bold=True),
        text(f" {clip(one.service, 60)}: {clip(one.title, 140)} — {one.status}"),
    ]
    if one.severity:
        elements.append(text(f", {clip(one.severity, 20)}"))
    elements.extend((text(", since "), moment(one.started_at, "{time} ({ago})")))
    if one.lead:
        elements.append(text(f". {clip(one.lead, 160)}"))
    return line(*elements)


def incident_reply(briefing: Briefing, address: str) -> tuple[list[Block], str]:
    """Return the incident's card, with the address to share where that is one."""
    blocks, text_ = root_card(briefing)
    if safe_link(address):
        blocks = [*blocks[: BLOCKS_IN_MESSAGE - 1], rich(line(text("A link to share: "), link(address, address)))]
    return blocks, text_


def why_reply(briefing: Briefing) -> tuple[list[Block], str]:
    """Return how the incident's hypotheses were scored, the first in full."""
    if not briefing.hypotheses:
        said = {
            True: "is still being looked at: there are no hypotheses yet.",
            False: "has no hypotheses: nothing that was seen points to a cause.",
        }[briefing.is_working]
        return [rich(line(text(f"{words.name(briefing)} {said}")))], fallback(f"{words.name(briefing)} {said}")
    blocks = [header(f"{words.name(briefing)}: why")]
    blocks.extend(settled(briefing, briefing.hypotheses[0]))
    for hypothesis in briefing.hypotheses[: words.MOST_HYPOTHESES]:
        if hypothesis.rank == 1:
            blocks.extend(why_blocks(briefing, hypothesis))
        else:
            blocks.append(divider())
            chosen = [text("  ✅ this was it", bold=True)] if hypothesis.is_confirmed else []
            blocks.append(
                rich(
                    line(
                        text(f"{hypothesis.rank}. {clip(hypothesis.statement, 300)}  "),
                        text(words.interval(hypothesis.low, hypothesis.high), code=True),
                        *chosen,
                    )
                )
            )
            blocks.append(context(ours(words.factor_bars(hypothesis.factors) or "–")))
            blocks.append(
                actions(
                    button("Why?", "why", str(hypothesis.id), label=f"Why cause {hypothesis.rank}"),
                    block_id=f"why:{hypothesis.id}",
                )
            )
    return blocks[:BLOCKS_IN_MESSAGE], fallback(words.headline(briefing))


def opened_reply(number: int, channel: str, url: str) -> tuple[list[Block], str]:
    """Return that an investigation was opened, and where it is shown."""
    where = link(url, "its message") if url else text(f"#{clip(channel.lstrip('#'), 80)}" if channel else "Slack")
    elements = (text("Opened "), text(f"INC-{number}", bold=True), text(". Follow it at "), where, text("."))
    return [rich(line(*elements))], f"Opened INC-{number}."


def joined_reply(number: int, words_: str, url: str, *, looks_again: bool) -> tuple[list[Block], str]:
    """Return that an incident of the service is open, what comes of asking, and how to open another all the same."""
    name = f"INC-{number}"
    what = "it is looked at again in" if looks_again else "its look of the last minutes answers this, in"
    elements = [
        link(url, name, bold=True) if url else text(name, bold=True),
        text(f" of this service is open already: {what} "),
        link(url, "its thread") if url else text("its thread"),
        text(". To open another all the same: "),
        text(f"/sre investigate {clip(words_, 200)} --new", code=True),
    ]
    return [rich(line(*elements))], f"{name} of this service is open already."


def thread_reply(number: int, words_: str, url: str) -> tuple[list[Block], str]:
    """Return that something is in an incident's thread."""
    where = link(url, f"the thread of INC-{number}") if url else text(f"the thread of INC-{number}")
    return [rich(line(text(f"{words_} "), where, text(".")))], f"{words_} the thread of INC-{number}."


def said(words_: str) -> tuple[list[Block], str]:
    """Return a plain answer; what is in it is shown as it stands."""
    return [rich(line(*coded(clip(words_, 1500))))], fallback(words_)


def feedback_reply(number: int, rank: int, value: str, statement: str) -> tuple[list[Block], str]:
    """Return that a verdict was recorded."""
    sign = "👍" if value == "up" else "👎"
    elements = (text(f"{sign} recorded for INC-{number} #{rank}: "), text(clip(statement, 300), italic=True))
    return [rich(line(*elements))], fallback(f"{sign} recorded for INC-{number} #{rank}")


def unchosen_reply(said_: str, closest: str) -> tuple[list[Block], str]:
    """Return that no service is called so, and the command that was probably meant; nothing was opened."""
    elements = [text("No service is called “"), text(clip(said_, 200)), text("”, so nothing was opened yet.")]
    if closest:
        elements.extend((text(" Did you mean "), text(f"/sre investigate {clip(closest, 80)}", code=True), text("?")))
    return [rich(line(*elements))], fallback(f"No service is called “{clip(said_, 200)}”; nothing was opened yet.")


def similar_reply(briefing: Briefing) -> tuple[list[Block], str]:
    """Return past incidents like this one."""
    if not briefing.similar:
        return said(f"{words.name(briefing)}: no past incident is like it.")
    return similar_message(briefing)


def changes_reply(service: str, span: timedelta, found: Sequence[ChangeLine]) -> tuple[list[Block], str]:
    """Return what changed at a service, the newest first."""
    over = duration(span.total_seconds())
    if not found:
        return said(f"Nothing is known to have changed at {clip(service, 80)} in the last {over}.")
    count = f"{counted(len(found), 'change')} at {clip(service, 80)} in the last {over}"
    parts: list[Element] = [line(text(count, bold=True)), bullets(*(_change(one) for one in found[:MOST_CHANGES]))]
    if len(found) > MOST_CHANGES:
        parts.append(line(text(f"and {len(found) - MOST_CHANGES} older ones")))
    return [rich(*parts)], fallback(count)


def _change(one: ChangeLine) -> Element:
    elements = [
        moment(one.at, "{date_short_pretty} {time}"),
        text("  "),
        link(one.link, clip(one.title, 160), bold=True),
    ]
    if one.detail and one.detail not in one.title:
        elements.append(text(f" ({clip(one.detail, 160)})"))
    if one.author:
        elements.append(text(f" by {clip(one.author, 60)}"))
    if one.status:
        elements.append(text(f", {clip(one.status, 30)}"))
    for number, source in enumerate(one.sources[:MOST_SOURCES]):
        elements.append(text("  ·  " if number == 0 else ", ", italic=True))
        name = clip(source.name, 40)
        # The title leads to the first address already.
        elements.append(link(source.link, name) if source.link and source.link != one.link else text(name, italic=True))
    if one.incident:
        elements.append(text(f"  ·  looked at in INC-{one.incident}"))
    return line(*elements)
