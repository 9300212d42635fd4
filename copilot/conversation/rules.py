"""Answers without a model: what an incident's rows say on the question that was matched, each line with what it rests on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from copilot.answers import Answer, Line, Source, source_of
from copilot.conversation import rollback
from copilot.conversation.matching import Topic, topics
from copilot.knowledge import unseen
from copilot.knowledge.placeholders import fill
from scoring.changes import parts
from scoring.evidence import Direction, Verdict
from scoring.units import format_onset

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from copilot.knowledge.briefing import Briefing, HypothesisLine
    from scoring.evidence import Evidence

MOST = 6
HYPOTHESES = 3
TEXT = 300
CAN = (
    "I answer: why, what changed, whether to roll back, what is wrong, similar incidents, what to check next, status, timeline,"
    " runbook, what is missing."
)


def reply(question: str, briefing: Briefing) -> Answer:
    """Return what the incident's rows say on each part of a question, in its order; each line and source is told once."""
    answers = [answer(topic, briefing, question) for topic in topics(question) or (None,)]
    lines = dict.fromkeys(line for one in answers for line in one.lines)
    sources = {source.id: source for one in answers for source in one.sources}
    return Answer(lines=tuple(lines), sources=tuple(sources.values()))


def answer(topic: Topic | None, briefing: Briefing, question: str = "") -> Answer:
    """Return what the incident's rows say on the topic; for a question that was not matched, what could be asked instead.

    The question's own words decide which change is meant where the topic is a rollback.
    """
    if topic is None:
        return Answer(
            lines=(
                Line(
                    "I can't see that: without a model I match questions to fixed answers, and matched none.",
                    (),
                    "unknown",
                ),
                Line(CAN),
            )
        )
    if topic is Topic.ROLLBACK:
        lines, sources = rollback.answer(question, briefing), _sources(briefing)
    else:
        lines, sources = _SAYING[topic](briefing)
    return Answer(lines=tuple(_short(line) for line in lines), sources=sources)


def across(open_incidents: Sequence[tuple[int, str, str]], total: int) -> Answer:
    """Return an answer where no one incident is meant: the open ones as (number, service, title)."""
    if not total:
        return Answer(lines=(Line("No incidents are open."),))
    lines = [
        Line(f"{total} open incident{'' if total == 1 else 's'}. Name one, e.g. “why INC-{open_incidents[0][0]}”:")
    ]
    lines += [
        _short(Line(f"INC-{number} {service}: {title}", (), "bullet")) for number, service, title in open_incidents
    ]
    return Answer(lines=tuple(lines))


def _short(line: Line) -> Line:
    text = " ".join(line.text.split())
    return Line(text if len(text) <= TEXT else text[: TEXT - 1].rstrip() + "…", line.cites, line.kind)


_Said = tuple[list[Line], tuple[Source, ...]]


def _sources(briefing: Briefing) -> tuple[Source, ...]:
    return tuple(source_of(one) for one in briefing.evidence)


def _at(at: float | datetime | None) -> str:
    if at is None:
        return ""
    moment = at if isinstance(at, datetime) else datetime.fromtimestamp(at, tz=UTC)
    # With its date, so that Slack can show it in each reader's zone, and nobody has to guess the day.
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _not_yet(briefing: Briefing) -> str:
    if briefing.is_working:
        return "I am still looking: there are no hypotheses yet."
    if briefing.stage == "failed":
        return "I can't see that: the investigation did not finish. Ask for another with `Investigate again`."
    return "I can't see a cause: nothing that was seen points to one."


def _why(briefing: Briefing) -> _Said:
    if not briefing.verdict:
        return [Line(_not_yet(briefing), (), "unknown")], ()
    lines = [*_confirmed(briefing), Line(f"{briefing.verdict.capitalize()}: {briefing.explanation}".rstrip(": "), ())]
    if not briefing.hypotheses:
        lines.extend(Line(f"Missing: {one}", (), "bullet") for one in briefing.missing[:HYPOTHESES])
        lines.extend([Line(f"Next check: {briefing.next_check}")] if briefing.next_check else [])
        return lines, ()
    if briefing.verdict == Verdict.NO_FAULT:
        lines.append(Line("What else moved at that time:"))
    lines.extend(_hypothesis(one) for one in briefing.hypotheses[:HYPOTHESES])
    first = briefing.hypotheses[0]
    known = {one.id: one for one in briefing.evidence}
    lines.extend(
        Line(f"For {first.rank}: {known[reference].statement}", (reference,), "bullet")
        for reference in first.supporting[:4]
        if reference in known
    )
    lines.extend(
        Line(f"Against {first.rank}: {known[reference].statement}", (reference,), "bullet")
        for reference in first.contradicting[:2]
        if reference in known
    )
    return lines, _sources(briefing)


def _confirmed(briefing: Briefing) -> list[Line]:
    """Return that people settled on a cause, who, and which; nothing where they did not."""
    one = next((one for one in briefing.hypotheses if one.is_confirmed), None)
    cause = one.statement if one else briefing.confirmed_words or briefing.confirmed_earlier
    if not cause:
        return []
    by = f" by {briefing.confirmed_by}" if briefing.confirmed_by else ""
    return [Line(f"Cause confirmed{by}: {cause}", one.supporting[:6] if one else ())]


def _hypothesis(one: HypothesisLine) -> Line:
    confirmed = ", confirmed" if one.is_confirmed else ""
    return Line(f"{one.rank}. {one.statement} ({one.low:.2f}–{one.high:.2f}{confirmed})", one.supporting[:6])


def _changes(briefing: Briefing) -> _Said:
    if not briefing.changes:
        asked = ", ".join(line.name for line in briefing.sources) or "no source"
        return [
            Line("I see no change before the onset.", ()),
            Line(f"I can't see changes that nobody reports to me; asked were: {asked}.", (), "unknown"),
        ], ()
    told: dict[str, Evidence] = {}
    for one in sorted(briefing.changes, key=lambda one: abs(briefing.lead(one) or 0.0)):
        told.setdefault(one.change_key or one.id, one)
    lines = [
        Line(
            f"{len(told)} change{'' if len(told) == 1 else 's'} around the onset ({_at(briefing.begun)}), the nearest first:"
        )
    ]
    lines.extend(Line(_change(one, briefing), (one.id,), "bullet") for one in list(told.values())[:MOST])
    return lines, _sources(briefing)


def _change(one: Evidence, briefing: Briefing) -> str:
    """Return a change in a line: when, counted from the onset, what, by whom, and why it fits or does not."""
    what, why = parts(one.statement)
    lead = briefing.lead(one)
    when = f"{format_onset(lead)}: " if lead is not None else ""
    by = f", by {one.author}" if one.author else ""
    return f"{when}{what}{by}{f' ({why})' if why else ''}"


def _similar(briefing: Briefing) -> _Said:
    if not briefing.similar:
        return [Line("I see no past incident like this one.", ())], ()
    lines = [Line("Seen before:")]
    for one in briefing.similar:
        cause = f" It was: {one.cause}." if one.cause else " Its cause was never confirmed."
        words = f" “{one.words}”" if one.words and one.words != one.cause else ""
        lines.append(
            Line(
                f"INC-{one.number} {one.title} ({one.started_at:%Y-%m-%d}, {one.why or 'alike'}).{cause}{words}",
                (),
                "bullet",
            )
        )
    return lines, ()


def _status(briefing: Briefing) -> _Said:
    people = f", with {', '.join(briefing.assignees[:4])}" if briefing.assignees else ""
    by = f" by {briefing.acknowledged_by}" if briefing.status == "acknowledged" and briefing.acknowledged_by else ""
    lines = [
        Line(
            f"INC-{briefing.number} {briefing.service}: {briefing.title}. {briefing.status.capitalize()}{by}"
            f" since {_at(briefing.started_at)}{people}."
        )
    ]
    lines.extend(Line(one.statement, (one.id,), "bullet") for one in briefing.symptoms[:3])
    if briefing.verdict == Verdict.NO_FAULT:
        lines.append(Line(f"No fault seen: {briefing.explanation}".rstrip(": ")))
    elif briefing.hypotheses:
        lines.append(_hypothesis(briefing.hypotheses[0]))
    else:
        lines.append(Line(_not_yet(briefing), (), "unknown"))
    return lines, _sources(briefing)


def _quoted(briefing: Briefing) -> _Said:
    """Return the best runbook's steps, word for word."""
    best = briefing.runbooks[0]
    source = Source(id="R1", text=f"Runbook {best.title} ({best.origin})", origin="runbook", link=best.link)
    lines = [Line(f"The runbook “{best.title}” says ({best.origin}; shown as {best.why}):", ("R1",))]
    steps = ("".join(part.text for part in fill(step, best.values)) for step in best.steps[:MOST])
    lines.extend(Line(step, ("R1",), "bullet") for step in steps)
    if best.filled_in:
        lines.append(Line(f"Filled in from the incident: {', '.join(best.filled_in)}", ("R1",)))
    return lines, (source,)


def _runbook(briefing: Briefing) -> _Said:
    url = dict(briefing.labels).get("runbook_url", "")
    if not url and briefing.runbooks:
        return _quoted(briefing)
    if not url:
        return [
            Line(
                f"I can't see a runbook for {briefing.service}: the alert names none (label runbook_url).",
                (),
                "unknown",
            )
        ], ()
    source = Source(id="R1", text=f"Runbook of the alert {briefing.title}", origin=briefing.source, link=url)
    lines = [Line("The alert names its runbook; it is linked below.", ("R1",))]
    if briefing.next_check:
        lines.append(Line(f"Next check: {briefing.next_check}", ()))
    return lines, (source,)


def _symptoms(briefing: Briefing) -> _Said:
    seen = [one for one in briefing.evidence if one.direction is Direction.FOR and one.kind.value != "change"]
    seen.sort(key=lambda one: (not one.is_symptom, -one.severity))
    if not seen:
        return [Line("I can't see anything wrong in what was asked.", (), "unknown"), *_gap_lines(briefing)], ()
    speak = "1 thing speaks" if len(seen) == 1 else f"{len(seen)} things speak"
    first = ", the alert's own symptoms first" if seen[0].is_symptom and len(seen) > 1 else ""
    lines = [Line(f"{speak} for a fault{first}:")]
    lines.extend(Line(one.statement, (one.id,), "bullet") for one in seen[:MOST])
    return lines, _sources(briefing)


def _next(briefing: Briefing) -> _Said:
    if settled := _confirmed(briefing):
        blamed = next((one for one in briefing.hypotheses if one.is_confirmed), None)
        return [*settled, *(rollback.way_back_lines(briefing, blamed) if blamed else ())], _sources(briefing)
    checks = dict.fromkeys(filter(None, (briefing.next_check, *(one.next_check for one in _suspects(briefing)))))
    if not checks:
        return [Line("I can't see a check that would settle it.", (), "unknown")], ()
    # The check of an all-clear is about the alert, and rests on no hypothesis.
    is_of_lead = bool(briefing.hypotheses) and briefing.verdict != Verdict.NO_FAULT
    cites = briefing.hypotheses[0].supporting[:4] if is_of_lead else ()
    first, *others = checks
    lines = [Line(f"Next check: {first}", cites)]
    lines.extend(Line(one, (), "bullet") for one in others)
    return lines, _sources(briefing)


def _suspects(briefing: Briefing) -> Sequence[HypothesisLine]:
    """Return what is suspected; of an all-clear nothing is."""
    return () if briefing.verdict == Verdict.NO_FAULT else briefing.hypotheses[:HYPOTHESES]


def _gap_lines(briefing: Briefing) -> list[Line]:
    return [Line(text, (), "bullet") for text in unseen.lines(briefing)][:MOST]


def _gaps(briefing: Briefing) -> _Said:
    lines = _gap_lines(briefing)
    asked = [Line(f"Asked were {briefing.routing}.", ())] if briefing.routing else []
    if not lines:
        names = ", ".join(one.name for one in briefing.sources) or "none"
        return [Line(f"Every source that was asked has answered: {names}.", ()), *asked], ()
    return [Line("I can't see:", (), "unknown"), *lines, *asked], ()


def _timeline(briefing: Briefing) -> _Said:
    lines = [Line(f"{_at(one.at)} {one.text}", (), "bullet") for one in briefing.timeline[:12]]
    return [Line("In order:"), *lines], ()


def _help(_briefing: Briefing) -> _Said:
    return [Line(CAN)], ()


_SAYING: dict[Topic, Callable[[Briefing], _Said]] = {
    Topic.WHY: _why,
    Topic.CHANGES: _changes,
    Topic.SIMILAR: _similar,
    Topic.STATUS: _status,
    Topic.RUNBOOK: _runbook,
    Topic.SYMPTOMS: _symptoms,
    Topic.NEXT: _next,
    Topic.GAPS: _gaps,
    Topic.TIMELINE: _timeline,
    Topic.HELP: _help,
}
