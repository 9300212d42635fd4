"""Candidates become a ranking: scored, in a total and stable order, with a verdict that may be that nothing is known."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from scoring.case import TOLERANCE, Case, about, began
from scoring.changes import reason
from scoring.checks import own_logs
from scoring.confidence import total
from scoring.evidence import CauseKind, Evidence, EvidenceKind, Ranking, RankInputs, Score, Verdict
from scoring.factors import factors
from scoring.health import all_clear
from scoring.relevance import UNKNOWN
from scoring.standing import is_lead, stand
from scoring.units import format_onset
from scoring.version import VERSION

if TYPE_CHECKING:
    from scoring.evidence import Candidate, Factor
    from scoring.standing import Standing

# A likely cause has at least this confidence, and this much more than the next at another service …
_LIKELY: Final = 0.60
_CLEAR: Final = 0.08
# … and it moved: signs of its own, before or with the symptom, not explained away. A change alone has none of these.
_LIKELY_FACTORS: Final = {"signal strength": 0.5, "temporal correlation": 0.4, "evidence quality": 0.4}
# Below these there is a lead, not a cause.
_POSSIBLE: Final = 0.40
_POSSIBLE_SIGNAL: Final = 0.3
# How a factor that costs most is told: its reason alone would read like praise.
_WEAK: Final = {"signal strength": "its signs are weak: ", "evidence quality": "the evidence is thin: "}
_MOST_LIGHT: Final = 5
_MOST_MISSING: Final = 8
# Changes of earlier than this before the onset are not worth a sentence.
_RECENT: Final = 7200.0


@dataclass(frozen=True, slots=True)
class _Scored:
    score: Score
    standing: Standing


def rank(inputs: RankInputs) -> Ranking:
    """Return the ranking of candidates with verdict, what is missing and what was weighed and found light."""
    case = Case(inputs.evidence, inputs.dependencies, window=inputs.window, subject=inputs.subject)
    scored = sorted((_score(candidate, case, inputs) for candidate in dict.fromkeys(inputs.candidates)), key=_order)
    missing = _missing(case, inputs)
    well = all_clear(case, looked_at=inputs.looked_at, complete=not inputs.gaps)
    leads = [one for one in scored if one.score.is_lead]
    verdict, explanation = _verdict(leads, case, well)
    return Ranking(
        version=VERSION,
        verdict=verdict,
        scores=tuple(one.score for one in scored),
        onset=case.onset,
        explanation=explanation,
        missing=missing,
        next_check=_next_check(leads, verdict, inputs, case),
        weighed_light=_weighed_light(scored, case),
    )


def _score(candidate: Candidate, case: Case, inputs: RankInputs) -> _Scored:
    standing = stand(candidate, case)
    made = factors(standing, case, inputs)
    confidence, low, high = total(made)
    return _Scored(Score(candidate, made, confidence, low, high, is_lead(standing, case)), standing)


def _order(one: _Scored) -> tuple[object, ...]:
    candidate = one.score.candidate
    onset = one.standing.onset
    return (
        -one.score.confidence,
        math.inf if onset is None else onset,
        candidate.entity,
        candidate.statement,
        candidate.cause_kind.value,
        candidate.origin.value,
        candidate.supporting,
        candidate.contradicting,
        candidate.next_check,
    )


def _verdict(leads: list[_Scored], case: Case, well: str | None) -> tuple[Verdict, str]:
    if well is not None:
        return Verdict.NO_FAULT, well
    if not leads:
        return Verdict.INCONCLUSIVE, "Nothing that was seen points to a cause."
    first = leads[0]
    value = {factor.name: factor.value for factor in first.score.factors}
    name = _name(first)
    # A service's name keeps its small letter.
    opening = name if name.startswith(_service(first)) else f"{name[0].upper()}{name[1:]}"
    if first.score.confidence < _POSSIBLE or value["signal strength"] < _POSSIBLE_SIGNAL:
        return Verdict.INCONCLUSIVE, f"The strongest lead is {name}, but {_weak(first, case)}."
    rival = next((one for one in leads[1:] if _service(one) != _service(first)), None)
    clear = rival is None or first.score.confidence - rival.score.confidence >= _CLEAR
    sound = all(value[factor] >= least for factor, least in _LIKELY_FACTORS.items() if factor in value)
    if first.score.confidence >= _LIKELY and clear and sound and not (case.standing or case.disturbances(case.subject)):
        return (
            Verdict.POSSIBLE,
            f"{opening} leads, but nothing that was seen of {case.subject} shows a symptom that it explains.",
        )
    if first.score.confidence >= _LIKELY and clear and sound:
        ahead = (
            f" ({first.score.confidence:.2f} against {rival.score.confidence:.2f} for {_name(rival)})" if rival else ""
        )
        return Verdict.LIKELY, f"{opening} stands clear of all others{ahead}: {_began(first)}."
    if not clear and rival is not None:
        return Verdict.POSSIBLE, f"{opening} and {_name(rival)} are too close to tell apart."
    return Verdict.POSSIBLE, f"{opening} leads, but {_weak(first, case)}."


def _missing(case: Case, inputs: RankInputs) -> tuple[str, ...]:
    lines = [gap.told for gap in sorted(set(inputs.gaps))]
    if not any(item.is_symptom for item in inputs.evidence):
        lines.append(f"no data shows the symptom at {case.subject}")
    looked = {about(item) for item in inputs.evidence if item.kind is not EvidenceKind.CHANGE}
    unseen = sorted(name for name in case.graph.reach(case.subject) if name not in looked)
    if unseen:
        lines.append(f"nothing was seen of {', '.join(unseen[:5])}, which {case.subject} needs")
    return tuple(lines[:_MOST_MISSING])


def _next_check(leads: list[_Scored], verdict: Verdict, inputs: RankInputs, case: Case) -> str:
    if verdict is Verdict.NO_FAULT:
        return "Compare the alert's expression and threshold with the chart."
    if leads:
        return leads[0].score.candidate.next_check
    subject = inputs.subject
    # An alert seldom names the namespace; what else the incident knows does.
    where = subject if subject.namespace else replace(subject, namespace=case.namespace(subject.service))
    look = f"open the alert's own chart, and read the logs of {subject.service}: {own_logs(where)}"
    silent = sorted({gap.source for gap in inputs.gaps})
    if silent:
        return f"Investigate again when {' and '.join(silent[:2])} {'answers' if len(silent) == 1 else 'answer'}; until then {look}"
    return look[0].upper() + look[1:]


def _weighed_light(scored: list[_Scored], case: Case) -> tuple[str, ...]:
    """Return a sentence for each recent change that is no cause, and why not: the subject's first, then the latest."""
    cited = {
        item.id
        for one in scored
        if one.score.is_lead and one.standing.effects and not case.deeper(_service(one))
        for change in one.standing.changes
        for item in change
    }
    lines: list[tuple[bool, float, str]] = []
    for service in case.services:
        for change in case.changes(service):
            lead = case.onset - began(change)
            if cited.isdisjoint(item.id for item in change) and lead <= _RECENT:
                sentence = f"{change[0].indicator} {format_onset(lead)}, but {_why_light(change, case)}"
                lines.append((service != case.subject, abs(lead), sentence))
    return tuple(dict.fromkeys(sentence for _, _, sentence in sorted(lines)))[:_MOST_LIGHT]


def _why_light(change: tuple[Evidence, ...], case: Case) -> str:
    service = change[0].entity.service
    if began(change) > case.onset + TOLERANCE:
        return "the symptom was there before it"
    disturbed = case.disturbances(service)
    told = reason(change)
    if told and max(item.severity for item in change) < UNKNOWN:
        return told
    if not disturbed:
        return _unseen(service, case)
    if deeper := sorted({about(item) for item in case.deeper(service)}):
        return f"what went wrong at {service} is explained by {', '.join(deeper[:2])}"
    return _why_not(change, case)


def _unseen(service: str, case: Case) -> str:
    """Return why a change counts little at a service of which nothing is seen to be wrong."""
    if (steady := case.steady(service)) is not None:
        return steady.statement.partition(" (")[0]
    unseen = f"no data shows that anything at {service} went wrong"
    return unseen if case.needs(service) else f"{unseen}, and {case.subject} is not known to need it"


def _why_not(change: tuple[Evidence, ...], case: Case) -> str:
    """Return why what went wrong at a change's service is not taken for what it did."""
    service = change[0].entity.service
    disturbed = case.disturbances(service)
    if case.effects(change):
        return (
            "other causes explain more" if case.connects(service) else f"{case.subject} is not known to need {service}"
        )
    if all(item.until is not None for item in disturbed):
        return f"what moved at {service} was over while the symptom lasted"
    if all(item.onset is not None and item.onset < began(change) - TOLERANCE for item in disturbed):
        return f"what went wrong at {service} began before it"
    return f"nothing that went wrong at {service} followed it closely"


def _weakest(made: tuple[Factor, ...]) -> str:
    """Return the reason of the factor that costs most, of those that this incident's own data decide."""
    weighed = [factor for factor in made if factor.name not in ("precedent frequency", "human validation")]
    weakest = min(weighed, key=lambda factor: (factor.weight * (factor.value - 1.0), factor.name))
    return _WEAK.get(weakest.name, "") * (weakest.value > 0.0) + weakest.reason


def _weak(one: _Scored, case: Case) -> str:
    """Return what speaks most against a lead; of one that nothing was measured of, that."""
    if not one.standing.own and case.steady(_service(one)) is None:
        return "no data shows whether anything went wrong there"
    return _weakest(one.score.factors)


def _began(one: _Scored) -> str:
    """Return when a suspect began, in a phrase; how soon what it did followed, the suspect's own sentence tells."""
    reason = next(factor.reason for factor in one.score.factors if factor.name == "temporal correlation")
    return reason.partition("; ")[0]


def _name(one: _Scored) -> str:
    kind = one.score.candidate.cause_kind
    service = _service(one)
    # That it is what others depend on, and that it fails, is no word for what ails it.
    return f"a fault in {service}" if kind is CauseKind.FAILING_DEPENDENCY else f"{service} ({kind.value})"


def _service(one: _Scored) -> str:
    return one.score.candidate.entity.service
