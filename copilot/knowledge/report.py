"""A report in Markdown: the verdict, the ranked causes with why, the evidence, and what could not be seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from copilot.knowledge import unseen
from copilot.knowledge.markdown import at, check, gap, length, said
from scoring.evidence import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from copilot.knowledge.briefing import Briefing, HypothesisLine

MOST_EVIDENCE = 60


def write(briefing: Briefing) -> str:
    """Return the report of an incident; times are in UTC, and what outsiders wrote has its Markdown escaped, commands are code."""
    parts = [
        f"# INC-{briefing.number} {said(briefing.service)}",
        f"**{said(briefing.title)}**",
        _standing(briefing),
        *_causes(briefing),
        *_listed("Next check", _next_check(briefing), check),
        *_listed("Evidence", [_evidence(briefing, place) for place in range(len(briefing.evidence))][:MOST_EVIDENCE]),
        *_listed("Who was asked", [f"Specialists: {briefing.routing}."] if briefing.routing else []),
        *_listed("What could not be seen", unseen.lines(briefing), gap),
        *_listed("Similar incidents", _similar(briefing)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _standing(briefing: Briefing) -> str:
    begun = f"{briefing.status.capitalize()}, since {at(briefing.started_at)} UTC"
    if briefing.resolved_at:
        begun += f", resolved after {length((briefing.resolved_at - briefing.started_at).total_seconds())}"
    if briefing.is_working:
        return f"{begun}. The investigation is under way: {briefing.stage}."
    if briefing.error:
        return f"{begun}. The investigation failed: {said(briefing.error)}."
    return f"{begun}." if briefing.run_id else f"{begun}. It was not investigated."


def _causes(briefing: Briefing) -> list[str]:
    if not briefing.verdict:
        return []
    parts = [f"## Verdict: {briefing.verdict}", said(briefing.explanation)]
    if briefing.hypotheses and briefing.verdict == Verdict.NO_FAULT:
        parts.append("What else moved at that time, should there have been a fault after all:")
    for one in briefing.hypotheses:
        confirmed = ", confirmed" if one.is_confirmed else ""
        parts += [f"### {one.rank}. {said(one.statement)}", f"Confidence {one.low:.2f}–{one.high:.2f}{confirmed}."]
        parts.append(_factors(one))
        cited = [f"for it: {', '.join(one.supporting)}"] if one.supporting else []
        cited += [f"against it: {', '.join(one.contradicting)}"] if one.contradicting else []
        parts.append(f"Evidence {'; '.join(cited)}." if cited else "")
        parts.append(f"Next check: {check(one.next_check)}" if one.next_check else "")
    parts += [f"Weighed and found light: {said(one)}" for one in briefing.weighed_light]
    if briefing.model_note:
        proposed = "proposed these causes" if briefing.hypotheses else "looked for a cause, and propose none"
        parts.append(f"Rules alone {proposed}: {said(briefing.model_note)}.")
    return parts


def _next_check(briefing: Briefing) -> list[str]:
    """Return the check that settles the verdict, unless it stands with the first cause already."""
    told = {one.next_check for one in briefing.hypotheses}
    return [briefing.next_check] if briefing.next_check and briefing.next_check not in told else []


def _factors(one: HypothesisLine) -> str:
    rows = [
        f"| {said(factor.name)} | {factor.weight:.2f} | {factor.value:.2f} | {said(factor.reason)} |"
        for factor in one.factors
    ]
    return "\n".join(["| factor | weight | value | why |", "|---|---|---|---|", *rows]) if rows else ""


def _evidence(briefing: Briefing, place: int) -> str:
    one = briefing.evidence[place]
    return f"{one.id}: {one.statement} ({one.source})"


def _similar(briefing: Briefing) -> list[str]:
    return [
        f"INC-{one.number}, {one.title}: {one.why}" + (f"; its cause: {one.cause}" if one.cause else "")
        for one in briefing.similar
    ]


def _listed(title: str, lines: list[str], form: Callable[[str], str] = said) -> list[str]:
    return [f"## {title}", "\n".join(f"- {form(line)}" for line in lines)] if lines else []


__all__ = ["write"]
