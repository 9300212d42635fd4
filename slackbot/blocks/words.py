"""What a briefing means, in the few words that cards, threads and modals share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from scoring.evidence import CauseKind, Direction, EvidenceKind, Verdict, said
from scoring.indicators import describe, family_of
from slackbot.wording import clip, duration

if TYPE_CHECKING:
    from copilot.knowledge.briefing import Briefing, HypothesisLine
    from scoring.evidence import Evidence, Factor

SHORT = {
    "signal strength": "signal",
    "temporal correlation": "timing",
    "precedent frequency": "precedent",
    "evidence quality": "evidence",
    "human validation": "people",
}
FACTOR_ORDER = tuple(SHORT)
MOST_HYPOTHESES = 3
_GRAVE = {"critical", "error", "high", "sev1", "sev-1", "sev2", "sev-2", "p1", "p2", "page"}
_MILD = {"info", "low", "notice", "p4", "p5"}


def mark(briefing: Briefing) -> str:
    """Return one sign for where the incident stands; the words beside it say the same."""
    if briefing.status == "resolved":
        return "✅"
    words = {briefing.severity.lower(), briefing.urgency.lower(), briefing.priority.lower()}
    if words & _GRAVE:
        return "🔴"
    return "🔵" if words & _MILD else "🟠"


def name(briefing: Briefing) -> str:
    """Return what people call the incident."""
    return f"INC-{briefing.number}"


def status(briefing: Briefing) -> str:
    """Return where the incident stands, with who put it there."""
    if briefing.status == "resolved":
        by = f" by {briefing.resolved_by}" if briefing.resolved_by else ""
        took = (
            f" after {duration((briefing.resolved_at - briefing.started_at).total_seconds())}"
            if briefing.resolved_at
            else ""
        )
        return f"Resolved{by}{took}"
    if briefing.status == "acknowledged":
        return f"Acknowledged by {briefing.acknowledged_by}" if briefing.acknowledged_by else "Acknowledged"
    return "Triggered"


def kind(cause_kind: str) -> str:
    """Return a kind of cause as people say it of a service."""
    return said(cause_kind)


def bar(value: float) -> str:
    """Return a value in [0, 1] as five marks, readable without colour."""
    filled = int(max(0.0, min(1.0, value)) * 5 + 0.5)
    return "▰" * filled + "▱" * (5 - filled)


def score(value: float) -> str:
    """Return a score with two digits."""
    return f"{max(0.0, min(1.0, value)):.2f}"


def interval(low: float, high: float) -> str:
    """Return a range of scores."""
    return f"{score(low)}–{score(high)}"


def ordered(factors: tuple[Factor, ...]) -> list[Factor]:
    """Return the factors in the order in which they are always shown."""
    return sorted(factors, key=lambda factor: FACTOR_ORDER.index(factor.name) if factor.name in SHORT else len(SHORT))


def factor_bars(factors: tuple[Factor, ...]) -> str:
    """Return the five factors as a row of bars."""
    return "  ·  ".join(f"{SHORT.get(factor.name, 'other')} {bar(factor.value)}" for factor in ordered(factors)[:5])


def when(evidence: Evidence) -> datetime | None:
    """Return the evidence's time as a date, where it has one that a calendar knows."""
    return instant(evidence.onset)


def instant(at: float | None) -> datetime | None:
    """Return Unix seconds as a date, where they are one that a calendar knows."""
    return datetime.fromtimestamp(at, tz=UTC) if at is not None and 0 < at < 253_402_300_800 else None


def notable_changes(briefing: Briefing, most: int = 3) -> list[list[Evidence]]:
    """Return the changes that matter most, each with all its sightings, the telling one first.

    Those that a hypothesis rests on come first, then the latest before onset.
    """
    leaned_on: dict[str, int] = {}
    for hypothesis in briefing.hypotheses[:MOST_HYPOTHESES]:
        for reference in hypothesis.supporting:
            leaned_on.setdefault(reference, hypothesis.rank)
    begun = briefing.begun

    def importance(one: Evidence) -> tuple[float, float, float, str]:
        at = one.onset if one.onset is not None else begun
        return (leaned_on.get(one.id, 99), 0.0 if at <= begun + 30 else 1.0, abs(begun - at), one.id)

    sightings: dict[str, list[Evidence]] = {}
    for one in sorted(briefing.changes, key=importance):
        # One change that two sources saw is told once: one knows who made it, the other what it altered.
        sightings.setdefault(one.change_key or one.id, []).append(one)
    # Who did it tells of it better than who announced it: a merge or a push runs only once it is deployed.
    return [sorted(group, key=_is_announced) for group in list(sightings.values())[:most]]


def _is_announced(one: Evidence) -> bool:
    return one.cause_kinds == (CauseKind.HUMAN_OR_JOB,)


def telling_symptoms(briefing: Briefing, most: int = 3) -> list[Evidence]:
    """Return the symptoms that say most together: the worst of each family (latency, errors, traffic) before a second of one.

    What else is measurably wrong at the paged service stands beside them: slow and failing says more than slow thrice.
    """
    ranked = sorted(briefing.symptoms, key=lambda one: -one.severity)
    own = (
        one
        for one in briefing.evidence
        if one.kind is EvidenceKind.METRIC
        and one.direction is Direction.FOR
        and one.peer is None
        and one.entity.service == briefing.service
        and describe(one.indicator).golden
    )
    first: dict[str, Evidence] = {}
    for one in (*ranked, *(sorted(own, key=lambda one: -one.severity) if ranked else ())):
        first.setdefault(family_of(one), one)
    chosen = [*first.values(), *(one for one in ranked if one not in first.values())]
    return chosen[:most]


def weightiest(briefing: Briefing, most: int) -> list[str]:
    """Return the names of the evidence that matters most, the weightiest first.

    What hypotheses cite and what speaks against a fault come first, then symptoms, changes, and the most severe.
    """
    cited: set[str] = set()
    for hypothesis in briefing.hypotheses[:MOST_HYPOTHESES]:
        cited.update((*hypothesis.supporting, *hypothesis.contradicting))

    def weight(one: Evidence) -> tuple[bool, bool, bool, bool, float]:
        is_cited = one.id in cited
        is_kept = is_cited or one.direction is Direction.AGAINST
        return (not is_kept, not is_cited, not one.is_symptom, not is_change(one), -one.severity)

    return [one.id for one in sorted(briefing.evidence, key=weight)[:most]]


def decisive(briefing: Briefing, most: int = 3) -> list[Evidence]:
    """Return the series worth a chart: the first symptom, then what the hypotheses rest on, best first."""
    by_reference = {one.id: one for one in briefing.evidence}
    wanted = [one for one in briefing.symptoms if one.plot is not None][:1]
    for hypothesis in briefing.hypotheses[:MOST_HYPOTHESES]:
        found = [by_reference[reference] for reference in hypothesis.supporting if reference in by_reference]
        wanted.extend(sorted((one for one in found if one.plot is not None), key=lambda one: -one.severity))
    wanted.extend(one for one in briefing.symptoms if one.plot is not None)
    kept: list[Evidence] = []
    for one in wanted:
        same = any((one.entity.key, one.indicator) == (other.entity.key, other.indicator) for other in kept)
        if not same and one.plot is not None and len(one.plot.times) > 1:
            kept.append(one)
    return kept[:most]


def headline(briefing: Briefing) -> str:
    """Return the incident's state in one sentence, the verdict first; what a notification shows."""
    about = f"{name(briefing)} {briefing.service}"
    first = briefing.hypotheses[0] if briefing.hypotheses else None
    confirmed = confirmed_cause(briefing)
    if confirmed:
        return f"{about}: cause confirmed: {clip(confirmed, 200)} ({status(briefing)})"
    if briefing.stage == "failed" and not has_ranking(briefing):
        return f"{about}: {clip(briefing.title, 200)}. The investigation did not finish."
    if briefing.verdict == Verdict.LIKELY and first:
        return f"{about}: likely cause {interval(first.low, first.high)}: {clip(first.statement, 300)} ({status(briefing)})"
    if briefing.verdict == Verdict.POSSIBLE and first:
        return f"{about}: possible cause {interval(first.low, first.high)}: {clip(first.statement, 300)} ({status(briefing)})"
    if briefing.verdict == Verdict.NO_FAULT:
        return f"{about}: {clip(briefing.title, 200)}. No fault seen. ({status(briefing)})"
    if briefing.verdict == Verdict.INCONCLUSIVE:
        return f"{about}: {clip(briefing.title, 200)}. Inconclusive. ({status(briefing)})"
    return f"{about}: {clip(briefing.title, 200)} ({status(briefing)})"


def confirmed_hypothesis(briefing: Briefing) -> HypothesisLine | None:
    """Return the hypothesis that people settled on, if they did."""
    return next((one for one in briefing.hypotheses if one.is_confirmed), None)


def confirmed_cause(briefing: Briefing) -> str:
    """Return the cause that people settled on, in words; empty where they did not."""
    one = confirmed_hypothesis(briefing)
    return one.statement if one else briefing.confirmed_words or briefing.confirmed_earlier


def has_ranking(briefing: Briefing) -> bool:
    """Return whether there is something to say about causes."""
    return bool(briefing.verdict)


def is_change(evidence: Evidence) -> bool:
    """Return whether the evidence is a change."""
    return evidence.kind is EvidenceKind.CHANGE
