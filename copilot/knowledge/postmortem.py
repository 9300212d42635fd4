"""A post-mortem draft in Markdown: what is known is filled in with its source, what only people know is asked for."""

from __future__ import annotations

import re
from datetime import UTC
from typing import TYPE_CHECKING

from copilot.knowledge import unseen
from copilot.knowledge.markdown import at, gap, length, said
from scoring.evidence import Verdict

if TYPE_CHECKING:
    from copilot.knowledge.briefing import Briefing, HypothesisLine, TimelineLine
    from scoring.evidence import Evidence

MOST_LINES = 80
MOST_UNSEEN = 12
FILL_IN = "_To be filled in._"


def draft(briefing: Briefing) -> str:
    """Return the draft of an incident; times are in UTC, and what outsiders wrote has its Markdown escaped."""
    parts = [
        f"# Post-mortem: INC-{briefing.number} {said(briefing.service)}",
        f"**{said(briefing.title)}**",
        "_Draft, made by SRE Copilot from the incident's record. All times in UTC. Blameless: it asks what, not who._",
        _facts(briefing),
        "## Summary",
        _summary(briefing),
        "## Impact",
        _impact(briefing),
        "## Timeline",
        _timeline(briefing.timeline),
        "## Cause",
        _cause(briefing),
        "## What helped",
        _helped(briefing),
        "## What could not be seen",
        _unseen(briefing),
        "## Follow-ups",
        _follow_ups(briefing),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def helping_changes(briefing: Briefing) -> list[Evidence]:
    """Return the changes between the page and the resolution, in order of time: among them is what may have helped."""
    if briefing.resolved_at is None:
        return []
    first, last = briefing.started_at.timestamp(), briefing.resolved_at.timestamp()
    found = [one for one in briefing.changes if one.onset is not None and first < one.onset <= last]
    told: dict[str, Evidence] = {}
    for one in sorted(found, key=lambda one: (one.onset or 0.0, one.id)):
        told.setdefault(one.change_key or one.id, one)
    return list(told.values())


def _facts(briefing: Briefing) -> str:
    rows = [("Began", at(briefing.started_at))]
    if briefing.seconds:
        rows.append(("First hypotheses", f"after {briefing.seconds:.0f} s"))
    if briefing.acknowledged_at:
        by = f" by {said(briefing.acknowledged_by, 80)}" if briefing.acknowledged_by else ""
        waited = length((briefing.acknowledged_at - briefing.started_at).total_seconds())
        rows.append(("Acknowledged", f"after {waited}{by}"))
    if briefing.resolved_at:
        by = f" by {said(briefing.resolved_by, 80)}" if briefing.resolved_by else ""
        rows.append(("Resolved", f"{at(briefing.resolved_at)}{by}"))
        rows.append(("Lasted", length((briefing.resolved_at - briefing.started_at).total_seconds())))
    else:
        rows.append(("Status", briefing.status))
    grave = [said(one, 40) for one in (briefing.severity, briefing.priority) if one]
    if grave:
        rows.append(("Severity", ", ".join(grave)))
    if briefing.url:
        rows.append(("Alert", f"<{briefing.url}>" if re.fullmatch(r"https?://[^\s<>]+", briefing.url) else ""))
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows if value)])


def _confirmed(briefing: Briefing) -> tuple[str, HypothesisLine | None]:
    one = next((one for one in briefing.hypotheses if one.is_confirmed), None)
    return (one.statement if one else briefing.confirmed_words or briefing.confirmed_earlier), one


def _summary(briefing: Briefing) -> str:
    cause, _ = _confirmed(briefing)
    first = briefing.symptoms[0].statement if briefing.symptoms else briefing.title
    sentences = [f"{said(briefing.service)} was paged at {at(briefing.started_at)}: {said(first).rstrip('.')}."]
    if cause:
        sentences.append(f"The cause: {said(cause).rstrip('.')}.")
    elif briefing.verdict == Verdict.NO_FAULT:
        sentences.append(f"No fault was seen: {said(briefing.explanation).rstrip('.')}.")
    elif briefing.hypotheses:
        lead = briefing.hypotheses[0]
        sentences.append(
            f"The cause was not confirmed; the strongest lead ({lead.low:.2f}–{lead.high:.2f}): {said(lead.statement).rstrip('.')}."
        )
    if briefing.resolved_at:
        lasted = length((briefing.resolved_at - briefing.started_at).total_seconds())
        sentences.append(f"It was resolved after {lasted}.")
    return " ".join(sentences)


def _impact(briefing: Briefing) -> str:
    lines = [f"- {said(one.statement)} ({one.id}, {said(one.source, 40)})" for one in briefing.symptoms[:6]]
    lines.append(f"- Customers affected, and how: {FILL_IN}")
    return "\n".join(lines)


def _timeline(lines: tuple[TimelineLine, ...]) -> str:
    rows = [
        f"| {one.at.astimezone(UTC):%Y-%m-%d %H:%M:%S} | {said(one.text)} | {said(one.source, 40)} |"
        for one in lines[:MOST_LINES]
    ]
    if len(lines) > MOST_LINES:
        rows.append(f"| | and {len(lines) - MOST_LINES} more | |")
    return "\n".join(["| UTC | what happened | told by |", "|---|---|---|", *rows])


def _cause(briefing: Briefing) -> str:
    cause, hypothesis = _confirmed(briefing)
    known = {one.id: one for one in briefing.evidence}
    if cause:
        by = f" Confirmed by {said(briefing.confirmed_by, 80)}." if briefing.confirmed_by else ""
        lines = [f"{said(cause).rstrip('.')}.{by}"]
        if hypothesis:
            words = briefing.confirmed_words
            lines += [f"In their words: {said(words)}"] if words and words != cause else []
            lines += _cited("Evidence for it", hypothesis.supporting, known)
            lines += _cited("Evidence against it", hypothesis.contradicting, known)
        return "\n".join(lines)
    lines = [f"Not confirmed. {FILL_IN}"]
    if briefing.verdict == Verdict.NO_FAULT:
        lines.append("No fault was seen in what was measured; what else moved at that time:")
    for one in briefing.hypotheses[:3]:
        lines.append(f"- {one.low:.2f}–{one.high:.2f}: {said(one.statement)}")
    return "\n".join(lines)


def _cited(title: str, references: tuple[str, ...], known: dict[str, Evidence]) -> list[str]:
    found = [known[one] for one in references if one in known][:8]
    lines = [f"- {one.id}: {said(one.statement)} ({said(one.source, 40)})" for one in found]
    return ["", f"{title}:", "", *lines] if lines else []


def _helped(briefing: Briefing) -> str:
    lines = [
        f"- {said(one.statement)}{f' by {said(one.author, 60)}' if one.author else ''}, before it was resolved"
        for one in helping_changes(briefing)[:6]
    ]
    lines.append(f"- What ended it, and what made it shorter or longer: {FILL_IN}")
    return "\n".join(lines)


def _unseen(briefing: Briefing) -> str:
    lines = [f"- {gap(one)}" for one in unseen.lines(briefing)[:MOST_UNSEEN]]
    return "\n".join(lines) or "All sources that were asked have answered."


def _follow_ups(briefing: Briefing) -> str:
    """Return tasks that follow from the record; each has its reason."""
    cause, hypothesis = _confirmed(briefing)
    tasks = []
    if not cause:
        tasks.append("Confirm the cause in the incident's thread, so that the next incident like it is ranked better")
    if hypothesis and hypothesis.cause_kind in {"bad deploy", "config change"}:
        tasks.append(f"Let a check before or during rollout find this: {said(hypothesis.statement, 200)}")
    if not dict(briefing.labels).get("runbook_url"):
        tasks.append("Give the alert a runbook (annotation `runbook_url`)")
    if not briefing.service_is_known:
        tasks.append(f"Set the service {said(briefing.service, 80)} up, so that its sources can be asked")
    if briefing.symptoms and all(one.direction.value != "for" for one in briefing.symptoms):
        tasks.append("Check the alert's threshold: its own symptom was not seen as a fault")
    tasks += [f"Make it visible: {gap(one)}" for one in briefing.gaps[:3]]
    if briefing.similar:
        numbers = ", ".join(f"INC-{one.number}" for one in briefing.similar[:3])
        tasks.append(f"It resembles {numbers}: see whether their follow-ups were done")
    return "\n".join(f"- [ ] {one}" for one in [*tasks, FILL_IN])


__all__ = ["draft", "helping_changes"]
