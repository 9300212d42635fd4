"""The five factors of a candidate, each in [0, 1] with its interval and why in one line."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from scoring.case import CHANGE_KINDS, TOLERANCE, Case, about, began
from scoring.confidence import WEIGHTS, beta_interval, rounded
from scoring.evidence import CauseKind, Evidence, EvidenceKind, Factor
from scoring.relevance import UNKNOWN
from scoring.standing import deeper, earlier, fit, loud
from scoring.units import format_duration, format_onset

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scoring.evidence import Acceptance, Candidate, FactorName, Precedent, RankInputs
    from scoring.standing import Standing

# --- signal strength
# What a second, independent indicator may add to the room that the strongest leaves.
_SECOND: Final = 0.3
# Signs that do not hint at the candidate's cause kind say that something is wrong there, not that it is this.
_OFF_KIND: Final = 0.7
_WIDTH: Final = 0.1

# --- temporal correlation
_BEST_WITHIN: Final = 300.0
_HALF_LIFE: Final = 1800.0
_LATE: Final = 0.1
_LATE_HALF_LIFE: Final = 600.0
_AT_TOLERANCE: Final = 0.4
_NO_EFFECT: Final = 0.2
# The symptom's own signs cannot come before themselves.
_SYMPTOM_ITSELF: Final = 0.5
_UNKNOWN: Final = (0.4, 0.1, 0.7)
# Onsets are known to about one sample.
_ONSET_ERROR: Final = 60.0

# --- precedent frequency
# Share of incidents by cause kind before anything is known of a tenant: changes lead every published count (Google's SRE
# book puts them at about 70 %), single kinds of exhaustion and crashes follow. Not fitted; they sum to at most 1.
_BASE_RATES: Final[dict[CauseKind, float]] = {
    CauseKind.BAD_DEPLOY: 0.30,
    CauseKind.CONFIG_CHANGE: 0.18,
    CauseKind.FAILING_DEPENDENCY: 0.06,
    CauseKind.CONNECTION_SATURATION: 0.05,
    CauseKind.MEMORY_SATURATION: 0.05,
    CauseKind.CPU_SATURATION: 0.04,
    CauseKind.CRASH_LOOP: 0.04,
    CauseKind.FAILING_PROBE: 0.04,
    CauseKind.TRAFFIC_SURGE: 0.04,
    CauseKind.NODE_FAILURE: 0.03,
    CauseKind.THIRD_PARTY: 0.03,
    CauseKind.CREDENTIALS: 0.03,
}
_OTHER_RATE: Final = 0.01
# The base rate weighs as much as so many past incidents; an incident of so many days ago counts half.
_PRIOR_INCIDENTS: Final = 3.0
_AGE_HALF_LIFE: Final = 90.0

# --- evidence quality
_SHARES: Final = {"agreement": 0.25, "coverage": 0.15, "freshness": 0.10, "explanation": 0.50}
_FRESH: Final = 120.0
_STALE_HALF_LIFE: Final = 600.0
# Nothing known of the calls between two services, or one of them not in the graph.
_NO_GRAPH: Final = 0.5
# What explains a victim's signs from below weighs by its severity; any other contradiction by this.
_DEEPER: Final = 0.6
_AGAINST: Final = 0.4
# So much a change may lose that does nothing which fits what went wrong.
_UNFIT: Final = 0.25
_QUALITY_WIDTH: Final = 0.08
_MISSING_WIDTH: Final = 0.35

# --- human validation
# Each level's mean weighs as much as so many verdicts on the level below; with none at all it is even.
_BACK_OFF: Final = 4.0
_EVEN: Final = 0.5


def factors(standing: Standing, case: Case, inputs: RankInputs) -> tuple[Factor, ...]:
    """Return the five factors of a candidate in the order of the specification."""
    coverage, missing = _coverage(inputs)
    return (
        _signal(standing, coverage),
        _temporal(standing, case),
        _precedent(standing.candidate, inputs.precedents),
        _quality(standing, case, coverage, missing),
        _validation(standing.candidate, inputs.acceptances),
    )


def _signal(standing: Standing, coverage: float) -> Factor:
    strongest: dict[str, tuple[float, Evidence]] = {}
    for item in standing.own:
        # Many pods, or several sources, that show one indicator are one sign.
        weight = item.severity * _relevance(item, standing)
        if item.indicator not in strongest or weight > strongest[item.indicator][0]:
            strongest[item.indicator] = (weight, item)
    if not strongest:
        return _factor("signal strength", 0.0, 0.0, 0.1, "nothing of its own left its baseline")
    best = sorted(strongest.values(), key=lambda pair: (-pair[0], pair[1].id))
    value = best[0][0]
    if len(best) > 1:
        value += (1.0 - value) * _SECOND * best[1][0]
    width = _WIDTH + _MISSING_WIDTH * (1.0 - coverage)
    reason = best[0][1].statement
    if len(best) > 1:
        reason += f" and {len(best) - 1} more"
    return _factor("signal strength", value, value * (1 - width), value + (1 - value) * width, reason)


def _relevance(item: Evidence, standing: Standing) -> float:
    kind = standing.candidate.cause_kind
    if kind in CHANGE_KINDS and standing.effects:
        return 1.0 if item in standing.effects and fit(standing) >= UNKNOWN else _OFF_KIND
    if kind in item.cause_kinds or kind in (CauseKind.FAILING_DEPENDENCY, CauseKind.THIRD_PARTY):
        return 1.0
    return _OFF_KIND


def _temporal(standing: Standing, case: Case) -> Factor:
    name: FactorName = "temporal correlation"
    if standing.changes and not standing.own:
        at = began(standing.changes[-1])
        value, low, high = _curve(case.onset - at)
        reason = f"changed {format_onset(case.onset - at)}, but nothing seen there went wrong after it"
        return _factor(name, value * _NO_EFFECT, low * _NO_EFFECT, high * _NO_EFFECT, reason)
    if standing.effects:
        # The latest change that is not too late; the earliest where all are.
        moments = [began(change) for change in standing.changes]
        at = max((moment for moment in moments if moment <= case.onset + TOLERANCE), default=moments[0])
        effect = began(standing.effects)
        value, low, high = _curve(case.onset - at)
        if effect > case.onset + TOLERANCE:
            # The change came first, but what it did came after the symptom.
            late = _curve(case.onset - effect)
            value, low, high = min(value, late[0]), min(low, late[1]), min(high, late[2])
        gap = effect - at
        after = f"{format_duration(gap)} after the change" if gap > 0.5 else "with the change"
        return _factor(name, value, low, high, f"changed {format_onset(case.onset - at)}; {after} it went wrong")
    known = loud(standing.own)
    if not known:
        return _factor(name, *_UNKNOWN, "when it began is not known")
    first = earlier(known, case)
    if not first:
        return _factor(name, _SYMPTOM_ITSELF, 0.3, 0.7, "it is the symptom itself: nothing there moved before it")
    lead = case.onset - began(first)
    value, low, high = _curve(lead)
    if sooner := sorted({about(item) for item in deeper(standing.candidate, case)}):
        # A victim moves early too: what it suffers from moved no later.
        low, value, high = (min(one, _SYMPTOM_ITSELF) for one in (low, value, high))
        return _factor(
            name, value, low, high, f"began {format_onset(lead)}, but no sooner than {', '.join(sooner[:2])}"
        )
    return _factor(name, value, low, high, f"began {format_onset(lead)}")


def _curve(lead: float) -> tuple[float, float, float]:
    """Return value, low and high for a suspect that moved `lead` seconds before the symptom."""
    around = [_at(lead + shift) for shift in (-_ONSET_ERROR, 0.0, _ONSET_ERROR)]
    if lead < -TOLERANCE:
        around = [min(value, _LATE) for value in around]
    return around[1], min(around), max(around)


def _at(lead: float) -> float:
    if lead > _BEST_WITHIN:
        return math.pow(0.5, min(lead - _BEST_WITHIN, 100 * _HALF_LIFE) / _HALF_LIFE)
    if lead >= 0.0:
        return 1.0
    if lead >= -TOLERANCE:
        return 1.0 + (1.0 - _AT_TOLERANCE) * lead / TOLERANCE
    return _LATE * math.pow(0.5, min(-lead - TOLERANCE, 100 * _LATE_HALF_LIFE) / _LATE_HALF_LIFE)


def _precedent(candidate: Candidate, precedents: Iterable[Precedent]) -> Factor:
    rate = _BASE_RATES.get(candidate.cause_kind, _OTHER_RATE)
    confirmed = others = 0.0
    times = incidents = 0
    for past in precedents:
        weight = min(1.0, max(0.0, past.similarity)) * math.pow(0.5, min(max(0.0, past.age_days), 1e5) / _AGE_HALF_LIFE)
        if not math.isfinite(weight) or weight <= 0.0:
            continue
        same = past.service == candidate.entity.service and past.cause_kind is candidate.cause_kind
        if same and past.confirmed:
            confirmed += weight
            times += 1
        elif same or past.confirmed:
            # Turned down here, or another cause confirmed there; another cause turned down says nothing of this one.
            others += weight
        else:
            continue
        incidents += 1
    mean, low, high = beta_interval(_PRIOR_INCIDENTS * rate + confirmed, _PRIOR_INCIDENTS * (1 - rate) + others)
    if incidents:
        reason = f"the cause in {times} of {incidents} similar past incidents"
    else:
        reason = f"no similar past incident; {candidate.cause_kind.value} makes about {rate * 100:.0f} % of incidents"
    return _factor("precedent frequency", mean, low, high, reason)


def _quality(standing: Standing, case: Case, coverage: float, missing: tuple[str, ...]) -> Factor:
    counted = {item.source for item in standing.own}
    for change in standing.changes:
        # Several sources that tell of one change tell one thing.
        counted |= set(sorted({item.source for item in change} - counted)[:1])
    sorts = {item.kind for item in standing.own} | ({EvidenceKind.CHANGE} if standing.effects else set())
    # One source that shows two sorts of thing agrees with itself, which is worth something but less than another source.
    independent = len(counted) + 0.5 * max(0, len(sorts) - len(counted)) if standing.own else 0.0
    agreement = 1.0 - math.pow(0.4, independent)
    ages = [item.freshness for item in standing.own if item.kind is EvidenceKind.METRIC]
    age = min(max(0.0, min(ages, default=0.0)), 1e6)
    freshness = math.pow(0.5, max(0.0, age - _FRESH) / _STALE_HALF_LIFE)
    explained, suffering = _explanation(standing.candidate, case)
    value = (
        _SHARES["agreement"] * agreement
        + _SHARES["coverage"] * coverage
        + _SHARES["freshness"] * freshness
        + _SHARES["explanation"] * explained
    )
    value *= 1.0 if standing.own else 0.5
    if standing.effects:
        # What is known to touch nothing of it explains it less well.
        value *= 1.0 - _UNFIT * max(0.0, 1.0 - fit(standing) / UNKNOWN)
    below = {item.id for item in deeper(standing.candidate, case)}
    by_service: dict[tuple[bool, str], float] = {}
    for item in standing.against:
        key = (item.id in below, about(item) if item.id in below else item.id)
        weight = _DEEPER * item.severity if item.id in below else _AGAINST
        by_service[key] = max(by_service.get(key, 0.0), weight)
    for weight in by_service.values():
        value *= 1.0 - weight
    width = _QUALITY_WIDTH + _MISSING_WIDTH * (1.0 - coverage)
    return _factor(
        "evidence quality",
        value,
        value - width,
        value + width,
        _quality_reason(standing, counted, below, explained, suffering, missing),
    )


def _quality_reason(
    standing: Standing,
    sources: set[str],
    below: set[str],
    explained: float,
    suffering: tuple[str, ...],
    missing: tuple[str, ...],
) -> str:
    parts = [f"{len(sources)} source{'s' if len(sources) != 1 else ''}" + (" agree" if len(sources) > 1 else "")]
    explaining = sorted({about(item) for item in standing.against if item.id in below})
    if explaining:
        parts.append(f"but {', '.join(explaining[:3])} below it explains it")
    elif explained >= 0.999 and suffering == (standing.candidate.entity.service,):
        parts.append("it is the service that suffers")
    elif explained >= 0.999:
        parts.append("it explains every service that suffers" if len(suffering) > 1 else f"it explains {suffering[0]}")
    elif explained <= 0.001:
        parts.append(f"nothing that suffers ({', '.join(suffering[:2])}) is known to need it")
    else:
        parts.append(f"it explains {explained * 100:.0f} % of what suffers")
    other = sum(1 for item in standing.against if item.id not in below)
    if other:
        parts.append(f"{other} against it")
    if missing:
        parts.append(f"not answered: {', '.join(missing[:3])}")
    return ", ".join(parts)


def _explanation(candidate: Candidate, case: Case) -> tuple[float, tuple[str, ...]]:
    """Return the share of what suffers that would suffer from this candidate, and the services that suffer."""
    here = candidate.entity.service
    suffering = case.symptomatic()
    credit = 0.0
    for service, weight in suffering.items():
        if service != here and case.is_too_little(here, service):
            continue
        # Failures travel from the called to the caller, a surge of traffic the other way too.
        surge = candidate.cause_kind is CauseKind.TRAFFIC_SURGE and case.graph.depends(here, service)
        if service == here or surge or case.graph.depends(service, here):
            credit += weight
        elif here not in case.graph or service not in case.graph:
            credit += weight * _NO_GRAPH
    return credit / sum(suffering.values()), tuple(sorted(suffering, key=lambda name: (-suffering[name], name)))


def _coverage(inputs: RankInputs) -> tuple[float, tuple[str, ...]]:
    missing = tuple(sorted({gap.source for gap in inputs.gaps}))
    answered = {item.source for item in inputs.evidence} - set(missing)
    asked = set(inputs.sources_asked) | set(missing) | answered
    if not asked:
        return 1.0, missing
    # A source with a gap answered in part where evidence of it is at hand.
    partly = {item.source for item in inputs.evidence} & set(missing)
    return 1.0 - (len(missing) - 0.5 * len(partly)) / len(asked), missing


def _validation(candidate: Candidate, acceptances: Iterable[Acceptance]) -> Factor:
    counts = {level: [0.0, 0.0] for level in ("tenant", "kind", "service")}
    for row in acceptances:
        if row.cause_kind is None:
            level = "" if row.service else "tenant"
        elif row.cause_kind is not candidate.cause_kind:
            level = ""
        elif not row.service:
            level = "kind"
        else:
            level = "service" if row.service == candidate.entity.service else ""
        if level:
            counts[level][0] += max(0, row.accepted)
            counts[level][1] += max(0, row.rejected)
    mean = _EVEN
    low = high = mean
    for accepted, rejected in counts.values():
        mean, low, high = beta_interval(_BACK_OFF * mean + accepted, _BACK_OFF * (1 - mean) + rejected)
    reason = "nobody had judged such a cause before"
    for level, words in (
        ("service", f"this cause at {candidate.entity.service}"),
        ("kind", f"{candidate.cause_kind.value} anywhere"),
        ("tenant", "hypotheses in all"),
    ):
        accepted, rejected = counts[level]
        if accepted + rejected:
            reason = f"people accepted {words} {accepted:.0f} of {accepted + rejected:.0f} times"
            break
    return _factor("human validation", mean, low, high, reason)


def _factor(name: FactorName, value: float, low: float, high: float, reason: str) -> Factor:
    value = rounded(value)
    return Factor(
        name=name,
        weight=WEIGHTS[name],
        value=value,
        low=min(rounded(low), value),
        high=max(rounded(high), value),
        reason=" ".join(reason.split()),
    )
