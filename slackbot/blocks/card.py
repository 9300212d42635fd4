"""The incident's root message: what is happening, what changed, what it likely is, and what the copilot could not see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scoring.evidence import Direction, Verdict
from slackbot.blocks import words
from slackbot.blocks.changes import change_words, changes_block, named
from slackbot.blocks.hypothesis import check_line, confirmation_line, folded, hypothesis_blocks, verdict_buttons
from slackbot.blocks.parts import (
    Block,
    Element,
    actions,
    bullets,
    button,
    coded,
    context,
    divider,
    emoji,
    fallback,
    header,
    line,
    link_button,
    ours,
    plain,
    rich,
    safe_link,
    small_link,
    small_moment,
    text,
)
from slackbot.blocks.progress import MOST_SILENT, failed_block, looking_again, progress_blocks, source_line
from slackbot.blocks.related import related_line
from slackbot.blocks.runbooks import runbook_line, what_to_do
from slackbot.blocks.topology import impact_line
from slackbot.wording import clip, duration, listed

if TYPE_CHECKING:
    from copilot.knowledge.briefing import Briefing, HypothesisLine

VENDORS = {"pagerduty": "PagerDuty", "alertmanager": "Alertmanager", "slack": "Slack", "asked": "the request"}
# The source of incidents that no alert opened, and the label by which alerts name their runbook.
BY_HAND = "asked"
RUNBOOK = "runbook_url"
SINCE_LINES = 8


def root_card(briefing: Briefing) -> tuple[list[Block], str]:
    """Return the blocks and the fallback text of the incident's message."""
    # What was described in words for no service in particular is told once.
    about = dict.fromkeys((clip(briefing.service, 60), clip(briefing.title, 140)))
    blocks = [header(" · ".join((f"{words.mark(briefing)} {words.name(briefing)}", *about))), _standing(briefing)]
    blocks.extend(_people(briefing))
    if words.has_ranking(briefing):
        if briefing.is_working:
            blocks.append(looking_again(briefing))
        elif briefing.stage == "failed":
            blocks.append(failed_block(briefing))
        blocks.extend(_verdict(briefing))
    elif briefing.stage == "failed":
        blocks.extend((divider(), failed_block(briefing)))
    elif briefing.is_working:
        blocks.extend(progress_blocks(briefing))
    if briefing.symptoms:
        blocks.append(_happening(briefing))
    changes = words.notable_changes(briefing)
    if changes:
        blocks.append(changes_block(briefing, changes))
    if briefing.runbooks and words.has_ranking(briefing) and briefing.status != "resolved":
        # Whoever has confirmed the cause knows what to do of it: the steps of a runbook that fits the symptoms only push it down.
        is_settled = bool(words.confirmed_cause(briefing))
        quote = briefing.runbooks[0]
        blocks.append(runbook_line(quote, briefing.number) if is_settled else what_to_do(quote))
    if words.has_ranking(briefing) and briefing.weighed_light:
        light = [clip(one, 160) for one in briefing.weighed_light]
        blocks.append(context(plain(f"Weighed and found light: {'; '.join(light[:3])}")))
    blocks.extend(_incident_buttons(briefing))
    blocks.append(_footer(briefing))
    return blocks, fallback(words.headline(briefing))


def _standing(briefing: Briefing) -> Block:
    """Return status, severity, since when, and the way to the alert."""
    facts = [f"*{words.status(briefing).split(' by ')[0].split(' after ')[0]}*"]
    if briefing.status == "resolved" and briefing.resolved_at:
        took = duration((briefing.resolved_at - briefing.started_at).total_seconds())
        facts = [f"*Resolved* at {small_moment(briefing.resolved_at)} after {took}"]
        facts.append(f"began {small_moment(briefing.started_at, '{date_short_pretty} {time}')}")
    else:
        facts.append(f"since {small_moment(briefing.started_at, '{time} ({ago})')}")
    if briefing.url:
        vendor = VENDORS.get(briefing.source, "the alert")
        facts.append(small_link(briefing.url, f"open in {vendor}" if briefing.source in VENDORS else "open the alert"))
    if briefing.muted_until and briefing.status != "resolved":
        facts.append(f"🔕 muted until {small_moment(briefing.muted_until)}")
    return context(ours("  ·  ".join(facts)))


def _people(briefing: Briefing) -> list[Block]:
    """Return who is on it and how grave it is: names from outside, hence in plain text."""
    facts = []
    if briefing.status == "acknowledged" and briefing.acknowledged_by:
        facts.append(f"👀 {clip(briefing.acknowledged_by, 60)} is on it")
    if briefing.status == "resolved" and briefing.resolved_by:
        facts.append(f"resolved by {clip(briefing.resolved_by, 60)}")
    if briefing.assignees and briefing.assignees != (briefing.acknowledged_by,):
        facts.append(f"assigned to {listed([clip(one, 40) for one in briefing.assignees], 3)}")
    grave = [clip(one, 30) for one in dict.fromkeys((briefing.severity, briefing.priority)) if one]
    if not grave and briefing.urgency:
        grave = [f"{clip(briefing.urgency, 30)} urgency"]
    facts.extend(grave)
    blocks = [context(plain("  ·  ".join(facts)))] if facts else []
    related = related_line(briefing)
    if related:
        blocks.append(context(plain(f"🔗 {related}: one line each in the thread")))
    if not briefing.service_is_known:
        blocks.append(
            context(
                plain(
                    f"No service is set up for “{clip(briefing.service, 80)}”, so sources were asked by the alert's labels alone."
                    " An admin can add it, and the next page will see more."
                )
            )
        )
    return blocks


def _happening(briefing: Briefing) -> Block:
    shown = words.telling_symptoms(briefing)
    is_seen = any(one.direction is Direction.FOR for one in shown) and briefing.verdict != Verdict.NO_FAULT
    title = "What is happening" if is_seen else "What was measured"
    lines = [line(text(clip(one.statement, 240)), text("  "), named(one)) for one in shown]
    return rich(line(text(title, bold=True)), bullets(*lines))


# The verdict ---------------------------------------------------------------------------------------------------------


def _verdict(briefing: Briefing) -> list[Block]:
    blocks: list[Block] = []
    if not briefing.is_working:
        blocks.append(divider())
    confirmed = words.confirmed_cause(briefing)
    told = words.confirmed_hypothesis(briefing)
    if confirmed:
        # The first hypothesis follows in full; said twice it would only push the rest down.
        blocks.append(rich(confirmation_line(briefing, cause="" if told is not None and told.rank == 1 else confirmed)))
    elif briefing.verdict == Verdict.NO_FAULT:
        blocks.append(_no_fault(briefing))
    elif briefing.verdict == Verdict.INCONCLUSIVE:
        blocks.append(_inconclusive(briefing))
    else:
        title = "Likely cause" if briefing.verdict == Verdict.LIKELY else "Possible causes, none clearly ahead"
        blocks.append(rich(_said(title, briefing.explanation)))
    for hypothesis in briefing.hypotheses[: words.MOST_HYPOTHESES]:
        if _is_in_full(briefing, hypothesis, is_settled=bool(confirmed)):
            blocks.extend(hypothesis_blocks(briefing, hypothesis))
        else:
            blocks.append(folded(hypothesis))
    if briefing.impact:
        blocks.append(impact_line(briefing.impact))
    if briefing.same_lead and briefing.verdict in {Verdict.LIKELY, Verdict.POSSIBLE}:
        numbers = listed([f"INC-{number}" for number in briefing.same_lead], 5)
        blocks.append(context(plain(f"🔗 The same lead as in {numbers}: probably one fault")))
    if briefing.since_last:
        blocks.append(_since_last(briefing))
    blocks.append(divider())
    return blocks


def _is_in_full(briefing: Briefing, hypothesis: HypothesisLine, *, is_settled: bool) -> bool:
    """Say whether a hypothesis is told in full: what was confirmed, else the first, else all where none is clearly ahead.

    The others are a line each, and after an all-clear every one; their buttons are in a menu.
    """
    if is_settled and briefing.confirmed_earlier and words.confirmed_hypothesis(briefing) is None:
        # It is an earlier look's; what leads now is mostly the same.
        return hypothesis is briefing.hypotheses[0]
    if is_settled:
        return hypothesis.is_confirmed
    if briefing.verdict == Verdict.LIKELY:
        return hypothesis is briefing.hypotheses[0]
    return briefing.verdict != Verdict.NO_FAULT


def _since_last(briefing: Briefing) -> Block:
    """Return what this look found that the one before it did not."""
    lines = [line(text(clip(one, 240))) for one in briefing.since_last[:SINCE_LINES]]
    return rich(line(text("Since the last look", bold=True)), bullets(*lines))


def _said(title: str, explanation: str) -> Element:
    rest = [text(f": {clip(explanation, 300)}")] if explanation else []
    return line(text(title, bold=True), *rest)


def _no_fault(briefing: Briefing) -> Block:
    parts = [
        line(
            emoji("white_circle"),
            text(" No fault seen", bold=True),
            text(f": {clip(briefing.explanation, 300)}" if briefing.explanation else ""),
        )
    ]
    parts.extend(_open_questions(briefing))
    if briefing.hypotheses:
        parts.append(line(text("What else moved at that time", bold=True)))
    return rich(*parts)


def _inconclusive(briefing: Briefing) -> Block:
    parts = [
        line(
            emoji("grey_question"),
            text(" Inconclusive", bold=True),
            text(f": {clip(briefing.explanation, 300)}" if briefing.explanation else ": no cause stands out."),
        )
    ]
    parts.extend(_open_questions(briefing))
    if briefing.hypotheses:
        parts.append(line(text("Strongest lead" if len(briefing.hypotheses) == 1 else "Strongest leads", bold=True)))
    return rich(*parts)


def _open_questions(briefing: Briefing) -> list[Element]:
    """Return what is missing and what would settle it."""
    lines = [line(text("Missing: ", bold=True), *coded(clip(one, 200))) for one in briefing.missing[:3]]
    # The lead's own check stands with the lead.
    if briefing.next_check and briefing.next_check not in {one.next_check for one in briefing.hypotheses[:1]}:
        lines.append(check_line(briefing.next_check))
    return [bullets(*lines)] if lines else []


def _incident_buttons(briefing: Briefing) -> list[Block]:
    value = str(briefing.incident_id)
    buttons = []
    if not briefing.is_working:
        label = f"Investigate {words.name(briefing)} again"
        buttons.append(button("Investigate again", "investigate_again", value, label=label))
    runbook = safe_link(dict(briefing.labels).get(RUNBOOK, ""))
    if runbook:
        buttons.append(link_button("Runbook", "runbook", runbook, label=f"Open the runbook of {words.name(briefing)}"))
    if briefing.status != "resolved":
        if briefing.source == BY_HAND:
            buttons.append(button("Resolve", "resolve", value, label=f"Resolve {words.name(briefing)}"))
        if briefing.muted_until:
            buttons.append(button("Unmute", "unmute", value, label=f"Unmute {words.name(briefing)}"))
        else:
            buttons.append(button("Mute 1 h", "mute", value, label=f"Mute {words.name(briefing)} for one hour"))
    return [actions(*buttons, block_id=f"incident:{briefing.incident_id}")] if buttons else []


def _footer(briefing: Briefing) -> Block:
    """Return time taken, what did not answer, and what the model did."""
    facts: list[str] = []
    if briefing.seconds and words.has_ranking(briefing):
        facts.append(f"ranked after {duration(briefing.seconds)}")
    answered = [clip(one.name, 30) for one in briefing.sources if one.status in {"answered", "partial"}]
    silent = [clip(one.name, 30) for one in briefing.sources if one.status == "failed"]
    if not briefing.is_working:
        if answered:
            facts.append(f"asked {listed(answered, 5)}")
        if silent:
            facts.append(f"did not answer: {listed(silent, MOST_SILENT)}")
    if words.has_ranking(briefing):
        if any(briefing.model_note and briefing.model_note in one for one in briefing.limited):
            facts.append("rules only")
        elif briefing.model_note:
            facts.append(f"rules only: {clip(briefing.model_note, 120)}")
        elif briefing.model:
            facts.append(f"{clip(briefing.model, 40)} ${briefing.dollars:.3f}")
    facts.extend(f"limited: {clip(one, 160)}" for one in briefing.limited)
    if briefing.run_sequence > 1:
        asked = f", asked by {clip(briefing.asked_by, 40)}" if briefing.asked_by else ""
        facts.append(f"look {briefing.run_sequence}{asked}")
    if not facts:
        count = len(briefing.sources)
        done = sum(one.status != "asking" for one in briefing.sources)
        facts.append(
            f"{done} of {count} sources have answered; hypotheses follow here" if count else "hypotheses follow here"
        )
    return context(plain("  ·  ".join(facts)))


__all__ = ["change_words", "folded", "hypothesis_blocks", "named", "root_card", "source_line", "verdict_buttons"]
