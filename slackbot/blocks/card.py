"""The incident's root message: what is happening, what changed, what it likely is, and what the copilot could not see."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scoring.evidence import Verdict
from slackbot.blocks import words
from slackbot.blocks.parts import (
    Block,
    Element,
    actions,
    bullets,
    button,
    context,
    divider,
    emoji,
    fallback,
    header,
    line,
    link,
    link_button,
    moment,
    option,
    ours,
    plain,
    rich,
    safe_link,
    small_link,
    small_moment,
    text,
)
from slackbot.blocks.related import related_line
from slackbot.blocks.way_back import altered, changes_behind, command
from slackbot.wording import clip, duration, listed

if TYPE_CHECKING:
    from copilot.knowledge.briefing import Briefing, HypothesisLine, SourceLine
    from scoring.evidence import Evidence

STAGES = {
    "open": "Opening the investigation",
    "gather": "Asking the sources",
    "propose": "Putting hypotheses together",
    "rank": "Weighing the evidence",
    "post": "Weighing the evidence",
}
# Who reads of missing evidence wants to know whose: all are named that a tenant is likely to have.
MOST_SILENT = 12
SOURCE_SIGNS = {"asking": "hourglass_flowing_sand", "answered": "white_check_mark", "partial": "warning", "failed": "x"}
VENDORS = {"pagerduty": "PagerDuty", "alertmanager": "Alertmanager", "slack": "Slack", "asked": "the request"}
# The source of incidents that no alert opened, and the label by which alerts name their runbook.
BY_HAND = "asked"
RUNBOOK = "runbook_url"
SINCE_LINES = 8
ORIGINS = {"precedent": "seen before", "model": "proposed by the model"}


_BEFORE_ALERT = re.compile(r",? \d+ \w+ (?:before|after) the alert$")


def root_card(briefing: Briefing) -> tuple[list[Block], str]:
    """Return the blocks and the fallback text of the incident's message."""
    blocks = [
        header(
            f"{words.mark(briefing)} {words.name(briefing)} · {clip(briefing.service, 60)} · {clip(briefing.title, 140)}"
        ),
        _standing(briefing),
    ]
    blocks.extend(_people(briefing))
    if words.has_ranking(briefing):
        if briefing.is_working:
            blocks.append(_looking_again(briefing))
        elif briefing.stage == "failed":
            blocks.append(_failed(briefing))
        blocks.extend(_verdict(briefing))
    elif briefing.stage == "failed":
        blocks.extend((divider(), _failed(briefing)))
    elif briefing.is_working:
        blocks.extend(_progress(briefing))
    if briefing.symptoms:
        blocks.append(_happening(briefing))
    changes = words.notable_changes(briefing)
    if changes:
        blocks.append(_changed(briefing, changes))
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


def named(one: Evidence) -> Element:
    """Return an evidence's short name, linked to where it was seen."""
    return link(one.link, one.id) if safe_link(one.link) else text(one.id, code=True)


def _happening(briefing: Briefing) -> Block:
    shown = words.telling_symptoms(briefing)
    lines = [line(text(clip(one.statement, 240)), text("  "), named(one)) for one in shown]
    return rich(line(text("What is happening", bold=True)), bullets(*lines))


def change_words(one: Evidence, begun: float) -> list[Element]:
    """Return one change: what, by whom, how long before onset."""
    # The time before onset follows; the one before the alert would only be a second number.
    elements = [text(clip(_BEFORE_ALERT.sub("", one.statement), 200))]
    if one.author and one.author.lower() not in one.statement.lower():
        elements.append(text(f" by {clip(one.author, 60)}"))
    if one.onset is not None:
        elements.extend((text(" — "), text(words.before_onset(one.onset, begun), bold=True)))
    return elements


def _changed(briefing: Briefing, changes: list[list[Evidence]]) -> Block:
    begun = words.onset(briefing)
    return rich(
        line(text("What changed", bold=True)),
        bullets(*(line(*_told_once(sightings, begun)) for sightings in changes)),
    )


def _told_once(sightings: list[Evidence], begun: float) -> list[Element]:
    """Return one change as all its sources together know it: what, what it altered, by whom, when, and where it was seen."""
    first = sightings[0]
    altered = next((one.detail for one in sightings if one.detail), "")
    author = next((one.author for one in sightings if one.author), "")
    if altered and first.indicator:
        elements = [text(clip(first.indicator, 120)), text(f" ({clip(altered, 120)})")]
        if author:
            elements.append(text(f" by {clip(author, 60)}"))
        began = min((one.onset for one in sightings if one.onset is not None), default=None)
        if began is not None:
            elements.extend((text(" — "), text(words.before_onset(began, begun), bold=True)))
    else:
        elements = change_words(next((one for one in sightings if one.author), first), begun)
    for one in sorted(sightings, key=lambda one: (len(one.id), one.id))[:3]:
        elements.extend((text("  "), named(one)))
    return elements


# The verdict ---------------------------------------------------------------------------------------------------------


def _verdict(briefing: Briefing) -> list[Block]:
    blocks: list[Block] = []
    if not briefing.is_working:
        blocks.append(divider())
    confirmed = words.confirmed_cause(briefing)
    if confirmed:
        by = f" by {clip(briefing.confirmed_by, 60)}" if briefing.confirmed_by else ""
        told = words.confirmed_hypothesis(briefing)
        # The first hypothesis follows in full; said twice it would only push the rest down.
        said = "." if told is not None and told.rank == 1 else f": {clip(confirmed, 300)}"
        blocks.append(rich(line(emoji("white_check_mark"), text(" Cause confirmed", bold=True), text(by + said))))
    if briefing.verdict == Verdict.NO_FAULT:
        blocks.append(_no_fault(briefing))
    elif briefing.verdict == Verdict.INCONCLUSIVE:
        blocks.append(_inconclusive(briefing))
    else:
        title = "Likely cause" if briefing.verdict == Verdict.LIKELY else "Possible causes, none clearly ahead"
        if not confirmed:
            blocks.append(rich(_said(title, briefing.explanation)))
    # Where the first is clear, the others are a line each; their buttons are in a menu.
    is_clear = briefing.verdict == Verdict.LIKELY or bool(confirmed)
    for place, hypothesis in enumerate(briefing.hypotheses[: words.MOST_HYPOTHESES]):
        if place and is_clear:
            blocks.append(folded(hypothesis))
        else:
            blocks.extend(hypothesis_blocks(briefing, hypothesis))
    if briefing.same_lead and briefing.verdict in {Verdict.LIKELY, Verdict.POSSIBLE}:
        numbers = listed([f"INC-{number}" for number in briefing.same_lead], 5)
        blocks.append(context(plain(f"🔗 The same lead as in {numbers}: probably one fault")))
    if briefing.since_last:
        blocks.append(_since_last(briefing))
    blocks.append(divider())
    return blocks


def _since_last(briefing: Briefing) -> Block:
    """Return what this look found that the one before it did not."""
    lines = [line(text(clip(one, 240))) for one in briefing.since_last[:SINCE_LINES]]
    return rich(line(text("Since the last look", bold=True)), bullets(*lines))


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
    lines = [line(text("Missing: ", bold=True), text(clip(one, 200))) for one in briefing.missing[:3]]
    if briefing.next_check:
        lines.append(line(text("Next check: ", bold=True), text(clip(briefing.next_check, 300))))
    return [bullets(*lines)] if lines else []


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
    if hypothesis.next_check:
        parts.append(line(text("Next check: ", bold=True), text(clip(hypothesis.next_check, 300))))
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
    address = next((one.link for one in sightings if safe_link(one.link)), "")
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


# While it works, and when it does not ---------------------------------------------------------------------------------


def _looking_again(briefing: Briefing) -> Block:
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


def _progress(briefing: Briefing) -> list[Block]:
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


def _failed(briefing: Briefing) -> Block:
    return rich(
        line(
            emoji("warning"),
            text(" The investigation did not finish", bold=True),
            text(f": {clip(briefing.error, 300)}" if briefing.error else "."),
        ),
        line(text("Nothing is lost: what was gathered stays, and “Investigate again” starts a new run.")),
    )


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
        if briefing.model_note:
            facts.append(f"rules only: {clip(briefing.model_note, 120)}")
        elif briefing.model:
            facts.append(f"{clip(briefing.model, 40)} ${briefing.dollars:.3f}")
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
