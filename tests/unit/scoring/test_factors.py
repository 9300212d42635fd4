"""What each of the five factors must obey, whatever the evidence."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st

from scoring.case import TOLERANCE, Case
from scoring.evidence import (
    Acceptance,
    Candidate,
    CauseKind,
    Direction,
    Evidence,
    EvidenceKind,
    Precedent,
    RankInputs,
    Score,
)
from scoring.observations import Dependency, Gap
from scoring.rank import rank

from . import made, shop
from .made import factor

PAYMENTS = shop.service("payments")
CHECKOUT = shop.service("checkout")
CALL = (Dependency(CHECKOUT, PAYMENTS),)
ONSET = shop.SYMPTOM_AT


def symptom(**changed: object) -> Evidence:
    item = Evidence(
        id="E1",
        kind=EvidenceKind.METRIC,
        entity=CHECKOUT,
        indicator="latency_p95",
        statement="checkout p95 latency 2.4 s, was 180 ms (×13)",
        severity=1.0,
        direction=Direction.FOR,
        source="prometheus",
        onset=ONSET,
        is_symptom=True,
        cause_kinds=(CauseKind.FAILING_DEPENDENCY,),
    )
    return replace(item, **changed)  # type: ignore[arg-type]


def sign(number: int = 2, **changed: object) -> Evidence:
    """Make a sign of payments' pool being full."""
    item = symptom(
        id=f"E{number}",
        entity=PAYMENTS,
        indicator="pool_utilisation",
        statement="payments connection pool in use 100 %, was 46 %",
        onset=ONSET - 60,
        is_symptom=False,
        cause_kinds=(CauseKind.CONNECTION_SATURATION,),
    )
    return replace(item, **changed)  # type: ignore[arg-type]


def deployed(at: float, number: int = 3) -> Evidence:
    return Evidence(
        id=f"E{number}",
        kind=EvidenceKind.CHANGE,
        entity=PAYMENTS,
        indicator="payments v2 deployed",
        statement="payments v2 deployed",
        severity=0.3,
        direction=Direction.CONTEXT,
        source="deploys",
        onset=at,
        cause_kinds=(CauseKind.BAD_DEPLOY,),
        change_key="payments:v2",
    )


def suspect(
    *supporting: str, kind: CauseKind = CauseKind.CONNECTION_SATURATION, against: tuple[str, ...] = ()
) -> Candidate:
    return Candidate(PAYMENTS, kind, "payments' pool is full", supporting, against)


def given_that(*evidence: Evidence, candidate: Candidate, **further: object) -> RankInputs:
    inputs = RankInputs(
        window=shop.WINDOW,
        subject=CHECKOUT,
        evidence=evidence,
        candidates=(candidate,),
        dependencies=CALL,
        sources_asked=("deploys", "prometheus"),
    )
    return replace(inputs, **further)  # type: ignore[arg-type]


def score(*evidence: Evidence, candidate: Candidate, **further: object) -> Score:
    return rank(given_that(*evidence, candidate=candidate, **further)).scores[0]


# --- temporal correlation


@made.thorough
@given(st.floats(TOLERANCE + 0.01, 6 * 3600))
def test_a_cause_that_began_after_its_effect_is_never_above_a_tenth(late: float) -> None:
    scored = score(symptom(), sign(onset=ONSET + late), candidate=suspect("E2"))
    assert factor(scored, "temporal correlation").value <= 0.1


@made.thorough
@given(st.floats(TOLERANCE + 0.01, 6 * 3600))
def test_a_change_after_the_symptom_is_never_above_a_tenth(late: float) -> None:
    change = deployed(ONSET + late)
    scored = score(
        symptom(), sign(onset=ONSET + late + 60), change, candidate=suspect("E2", "E3", kind=CauseKind.BAD_DEPLOY)
    )
    assert factor(scored, "temporal correlation").value <= 0.1


@made.thorough
@given(st.floats(0, 300))
def test_best_is_to_begin_within_five_minutes_before(lead: float) -> None:
    assert (
        factor(score(symptom(), sign(onset=ONSET - lead), candidate=suspect("E2")), "temporal correlation").value == 1.0
    )


def test_it_halves_in_thirty_minutes() -> None:
    scored = score(symptom(), sign(onset=ONSET - 300 - 1800), candidate=suspect("E2"))
    assert factor(scored, "temporal correlation").value == 0.5


@made.thorough
@given(st.floats(0, 7200), st.floats(0, 7200))
def test_earlier_is_never_better_beyond_five_minutes(one: float, other: float) -> None:
    near, far = sorted((one, other))
    values = [
        factor(score(symptom(), sign(onset=ONSET - lead), candidate=suspect("E2")), "temporal correlation").value
        for lead in (near, far)
    ]
    assert values[0] >= values[1]


def test_a_change_without_an_effect_counts_little() -> None:
    scored = score(symptom(), deployed(ONSET - 120), candidate=suspect("E3", kind=CauseKind.BAD_DEPLOY))
    assert factor(scored, "temporal correlation").value == 0.2
    assert factor(scored, "signal strength").value == 0.0
    assert scored.confidence < 0.4


def test_the_earliest_sign_of_the_suspect_counts() -> None:
    scored = score(symptom(), sign(onset=ONSET + 600), sign(3, onset=ONSET - 60), candidate=suspect("E2", "E3"))
    assert factor(scored, "temporal correlation").value == 1.0


def test_a_weak_sign_that_came_early_does_not_date_a_loud_one() -> None:
    loud = sign(2, onset=ONSET + 600, severity=0.9)
    early = sign(3, indicator="cpu_utilisation", onset=ONSET - 120, severity=0.4)
    both = score(symptom(), loud, early, candidate=suspect("E2", "E3"))
    assert factor(both, "temporal correlation") == factor(
        score(symptom(), loud, candidate=suspect("E2")), "temporal correlation"
    )
    # One that is half as loud does.
    early = replace(early, severity=0.45)
    assert factor(score(symptom(), loud, early, candidate=suspect("E2", "E3")), "temporal correlation").value == 1.0


def test_the_symptom_is_not_before_itself() -> None:
    itself = Candidate(CHECKOUT, CauseKind.FAILING_DEPENDENCY, "checkout is slow", ("E1",))
    assert factor(score(symptom(), candidate=itself), "temporal correlation").value == 0.5


# --- signal strength


@made.thorough
@given(made.shares, made.shares)
def test_a_more_severe_sign_never_lowers_signal_strength(one: float, other: float) -> None:
    less, more = sorted((one, other))
    weak, strong = (
        factor(score(symptom(), sign(severity=severity), candidate=suspect("E2")), "signal strength").value
        for severity in (less, more)
    )
    assert weak <= strong


@made.thorough
@given(made.shares)
def test_one_indicator_seen_twice_is_one_sign(severity: float) -> None:
    once = score(symptom(), sign(severity=severity), candidate=suspect("E2"))
    twice = score(symptom(), sign(severity=severity), sign(3, severity=severity), candidate=suspect("E2", "E3"))
    assert factor(once, "signal strength").value == factor(twice, "signal strength").value


def test_what_is_wrong_elsewhere_is_no_signal_of_the_suspect() -> None:
    assert factor(score(symptom(), candidate=suspect("E1")), "signal strength").value == 0.0


# --- precedent frequency


@made.thorough
@given(st.lists(made.precedents, max_size=8), made.shares, st.floats(0, 1000))
def test_one_more_confirmation_never_lowers_precedent(past: list[Precedent], similarity: float, age: float) -> None:
    more = Precedent("payments", CauseKind.CONNECTION_SATURATION, similarity, age, confirmed=True)
    before, after = (
        factor(score(symptom(), sign(), candidate=suspect("E2"), precedents=history), "precedent frequency").value
        for history in (tuple(past), (*past, more))
    )
    assert after >= before


@made.thorough
@given(st.lists(made.precedents, max_size=8), made.shares, st.floats(0, 1000))
def test_one_more_cause_turned_down_never_raises_precedent(
    past: list[Precedent], similarity: float, age: float
) -> None:
    more = Precedent("payments", CauseKind.CONNECTION_SATURATION, similarity, age, confirmed=False)
    before, after = (
        factor(score(symptom(), sign(), candidate=suspect("E2"), precedents=history), "precedent frequency").value
        for history in (tuple(past), (*past, more))
    )
    assert after <= before


def test_without_history_it_is_the_base_rate_of_the_kind() -> None:
    assert factor(score(symptom(), sign(), candidate=suspect("E2")), "precedent frequency").value == 0.05


def test_a_more_similar_and_a_younger_precedent_weigh_more() -> None:
    def after(similarity: float, age: float) -> float:
        past = Precedent("payments", CauseKind.CONNECTION_SATURATION, similarity, age, confirmed=True)
        return factor(
            score(symptom(), sign(), candidate=suspect("E2"), precedents=(past,)), "precedent frequency"
        ).value

    assert after(0.9, 1) > after(0.4, 1)
    assert after(0.9, 1) > after(0.9, 180)


# --- evidence quality


@made.thorough
@given(made.inputs(), st.data())
def test_adding_a_contradiction_never_raises_quality_nor_confidence(inputs: RankInputs, data: st.DataObject) -> None:
    assume(inputs.candidates and inputs.evidence)
    candidate = inputs.candidates[0]
    extra = data.draw(st.sampled_from(inputs.evidence)).id
    doubted = replace(candidate, contradicting=(*candidate.contradicting, extra))
    plain = rank(replace(inputs, candidates=(candidate,))).scores[0]
    worse = rank(replace(inputs, candidates=(doubted,))).scores[0]
    assert factor(worse, "evidence quality").value <= factor(plain, "evidence quality").value


@made.thorough
@given(made.inputs(), st.data())
def test_a_source_counted_twice_counts_once(inputs: RankInputs, data: st.DataObject) -> None:
    assume(inputs.candidates)
    candidate = inputs.candidates[0]
    candidate = replace(
        candidate, supporting=tuple(one for one in candidate.supporting if one not in candidate.contradicting)
    )
    assume(candidate.supporting)
    by_id = {item.id: item for item in inputs.evidence}
    again = replace(by_id[data.draw(st.sampled_from(candidate.supporting))], id="E99")
    cited = replace(candidate, supporting=(*candidate.supporting, "E99"))
    once = rank(replace(inputs, candidates=(candidate,))).scores[0]
    twice = rank(replace(inputs, evidence=(*inputs.evidence, again), candidates=(cited,))).scores[0]
    assert factor(twice, "evidence quality").value <= factor(once, "evidence quality").value


def test_two_sources_that_tell_of_one_change_are_one_voice() -> None:
    change = deployed(ONSET - 120)
    second = replace(change, id="E4", source="kubernetes")
    kind = CauseKind.BAD_DEPLOY
    once = score(symptom(), sign(), change, candidate=suspect("E2", "E3", kind=kind))
    twice = score(symptom(), sign(), change, second, candidate=suspect("E2", "E3", "E4", kind=kind))
    assert factor(once, "evidence quality").value == factor(twice, "evidence quality").value


def test_an_independent_source_that_agrees_raises_quality() -> None:
    log = sign(3, kind=EvidenceKind.LOG, source="kubernetes", indicator="pool exhausted")
    one = score(symptom(), sign(), candidate=suspect("E2"))
    two = score(symptom(), sign(), log, candidate=suspect("E2", "E3"))
    assert factor(two, "evidence quality").value > factor(one, "evidence quality").value


def test_a_source_that_did_not_answer_widens_signal_and_quality() -> None:
    gap = Gap("kubernetes", "pods", "timed out")
    full = score(symptom(), sign(), candidate=suspect("E2"))
    part = score(symptom(), sign(), candidate=suspect("E2"), gaps=(gap,))
    for name in ("signal strength", "evidence quality"):
        assert factor(part, name).low < factor(full, name).low
    assert factor(part, "signal strength").value == factor(full, "signal strength").value
    assert part.low < full.low
    assert "kubernetes" in factor(part, "evidence quality").reason


def test_a_loud_victim_above_a_slow_dependency_has_poor_quality() -> None:
    victim = Candidate(CHECKOUT, CauseKind.FAILING_DEPENDENCY, "checkout is slow", ("E1",))
    blamed = factor(score(symptom(), sign(), candidate=victim), "evidence quality")
    alone = factor(score(symptom(), candidate=victim), "evidence quality")
    assert blamed.value < 0.5 * alone.value
    assert "payments" in blamed.reason


def test_a_victim_that_moved_early_moved_no_sooner_than_what_it_suffers_from() -> None:
    web = shop.service("web")
    loud = sign(3, entity=web, indicator="latency_p99", cause_kinds=(CauseKind.FAILING_DEPENDENCY,), onset=ONSET - 30)
    victim = Candidate(web, CauseKind.FAILING_DEPENDENCY, "web is slow", ("E3",))
    calls = (*CALL, Dependency(web, CHECKOUT))
    temporal = factor(score(symptom(), sign(), loud, candidate=victim, dependencies=calls), "temporal correlation")
    assert (temporal.value, temporal.reason) == (
        0.5,
        "began 30 s before the onset, but no sooner than checkout, payments",
    )


def test_what_a_caller_measures_of_its_calls_is_about_the_called() -> None:
    edge = sign(entity=CHECKOUT, peer=PAYMENTS, indicator="latency_p95", cause_kinds=(CauseKind.FAILING_DEPENDENCY,))
    called, caller = suspect("E2"), Candidate(CHECKOUT, CauseKind.FAILING_DEPENDENCY, "checkout is slow", ("E2",))
    assert factor(score(symptom(), edge, candidate=called), "signal strength").value == 0.7
    assert factor(score(symptom(), edge, candidate=caller), "signal strength").value == 0.0


def test_a_caller_is_not_explained_by_what_calls_it() -> None:
    upside_down = (Dependency(PAYMENTS, CHECKOUT),)
    downward = factor(score(symptom(), sign(), candidate=suspect("E2")), "evidence quality").value
    upward = factor(
        score(symptom(), sign(), candidate=suspect("E2"), dependencies=upside_down), "evidence quality"
    ).value
    assert upward < 0.6 * downward


def test_stale_samples_lower_quality() -> None:
    fresh = score(symptom(), sign(), candidate=suspect("E2"))
    stale = score(symptom(), sign(freshness=1800.0), candidate=suspect("E2"))
    assert factor(stale, "evidence quality").value < factor(fresh, "evidence quality").value


def test_a_cycle_of_calls_blames_who_was_first() -> None:
    cycle = (*CALL, Dependency(PAYMENTS, CHECKOUT))
    slow = sign(indicator="latency_p95", cause_kinds=(CauseKind.FAILING_DEPENDENCY,), onset=ONSET - 300)
    case = Case((symptom(), slow), cycle, window=shop.WINDOW, subject=CHECKOUT)
    assert [item.id for item in case.deeper("checkout")] == ["E2"]
    assert case.deeper("payments") == ()


# --- human validation


LEVELS = st.sampled_from(
    [("payments", CauseKind.CONNECTION_SATURATION), ("", CauseKind.CONNECTION_SATURATION), ("", None)]
)


@made.thorough
@given(st.lists(made.acceptances, max_size=8), LEVELS, st.booleans())
def test_a_thumbs_up_never_lowers_and_a_thumbs_down_never_raises(
    rows: list[Acceptance], level: tuple[str, CauseKind | None], up: bool
) -> None:
    more = Acceptance(*level, accepted=int(up), rejected=int(not up))
    before, after = (
        factor(score(symptom(), sign(), candidate=suspect("E2"), acceptances=judged), "human validation").value
        for judged in (tuple(rows), (*rows, more))
    )
    assert after >= before if up else after <= before


def test_nobody_asked_is_even() -> None:
    judged = factor(score(symptom(), sign(), candidate=suspect("E2")), "human validation")
    assert (judged.value, judged.reason) == (0.5, "nobody had judged such a cause before")
    assert judged.low < 0.25
    assert judged.high > 0.75


def test_it_backs_off_from_service_to_kind_to_tenant() -> None:
    def value(*rows: Acceptance) -> float:
        return factor(score(symptom(), sign(), candidate=suspect("E2"), acceptances=rows), "human validation").value

    service = Acceptance("payments", CauseKind.CONNECTION_SATURATION, 6, 0)
    kind = Acceptance("", CauseKind.CONNECTION_SATURATION, 6, 0)
    tenant = Acceptance("", None, 6, 0)
    assert value(service) == value(kind) == value(tenant) == 0.8
    assert value(service, kind, tenant) > value(kind, tenant) > value(tenant)
    assert value(Acceptance("orders", CauseKind.CONNECTION_SATURATION, 6, 0)) == 0.5
