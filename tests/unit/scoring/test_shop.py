"""The shop's incident, and small changes to it, as a specification of the ranking."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from scoring.candidates import admit
from scoring.evidence import Acceptance, Candidate, CauseKind, EvidenceKind, Origin, Precedent, Verdict
from scoring.frozen import freeze
from scoring.observations import (
    Change,
    Dependency,
    Entity,
    EntityKind,
    Gap,
    LogPattern,
    Observation,
    Series,
    State,
    Worse,
)
from scoring.rank import rank

from . import shop
from .made import at_service, factor, inputs_of, ranked

SEEDS = range(25)


@pytest.mark.parametrize("seed", SEEDS)
def test_it_names_payments_deploy_first_and_clears_catalog(seed: int) -> None:
    ranking = ranked(shop.incident(seed=seed))
    first = ranking.scores[0].candidate
    assert (first.entity, first.cause_kind) == (shop.service("payments"), CauseKind.BAD_DEPLOY)
    assert ranking.verdict is Verdict.LIKELY
    assert 0.6 < ranking.scores[0].confidence < 0.8
    assert ranking.weighed_light == (
        "catalog v2.3.1 deployed 2 min before the onset, but nothing at catalog left its baseline",
    )


def test_it_says_what_the_deploy_did_with_numbers() -> None:
    candidate = ranked(shop.incident()).scores[0].candidate
    assert candidate.statement == (
        "payments v2.14.0 deployed was followed 1 min later by connection pool in use 100 %, was 46 %"
    )
    assert ranked(shop.incident()).explanation == (
        "payments (bad deploy) stands clear of all others (0.78 against 0.50 for a fault in checkout): changed 2 min before the"
        " onset."
    )
    assert candidate.next_check == (
        "Compare the last two revisions: kubectl -n shop rollout history deployment/payments; "
        'watch: pool_utilisation{service="payments"}'
    )


def test_it_names_what_the_change_altered_whichever_source_knows_it() -> None:
    observations = [
        replace(one, detail="image payments:v2.13.2 → v2.14.0; DB_POOL_SIZE 20 → 5")
        if isinstance(one, Change) and one.source == "kubernetes"
        else one
        for one in shop.incident()
    ]
    assert (
        "payments v2.14.0 deployed (DB_POOL_SIZE 20 → 5) was followed 1 min later by"
        in ranked(observations).scores[0].candidate.statement
    )


@pytest.mark.parametrize(
    ("other", "told"),
    [("production", "Right-size the pool"), ("eu-west", "environment production; Right-size the pool")],
)
def test_the_environment_is_told_only_where_there_are_several(other: str, told: str) -> None:
    changes = [
        replace(
            shop.deploy("payments", "v2.14.0", shop.CAUSE_AT), detail="environment production; Right-size the pool"
        ),
        replace(shop.deploy("cart", "v3", shop.CAUSE_AT - 60), detail=f"environment {other}"),
    ]
    (line,) = [
        one.statement
        for one in inputs_of([*shop.incident(changes=False), *changes]).evidence
        if one.entity.name == "payments" and one.kind is EvidenceKind.CHANGE
    ]
    assert line == f"payments v2.14.0 deployed: {told}, 1 min before the onset"


def test_a_changed_service_that_only_got_less_traffic_did_not_get_worse() -> None:
    observations = [
        one
        for one in shop.incident()
        if not (isinstance(one, Series) and one.entity.name == "catalog" and one.indicator == "request_rate")
    ]
    observations.append(
        shop.series("catalog", "request_rate", "requests/s", 40, then=9, since=shop.SYMPTOM_AT, worse=Worse.EITHER)
    )
    assert ranked(observations).weighed_light == (
        "catalog v2.3.1 deployed 2 min before the onset, but nothing at catalog got worse",
    )


def test_the_symptoms_come_first_in_the_words_of_the_alert() -> None:
    evidence = inputs_of(shop.incident()).evidence
    assert [item.id for item in evidence] == [f"E{number}" for number in range(1, len(evidence) + 1)]
    assert [(item.id, item.indicator) for item in evidence if item.is_symptom] == [
        ("E1", "latency_p95"),
        ("E2", "latency_p50"),
    ]
    assert evidence[0].statement == "checkout p95 latency 2.5 s, was 177 ms (×14)"
    assert evidence[0].onset == shop.SYMPTOM_AT


@pytest.mark.parametrize("seed", SEEDS)
def test_without_the_deploy_it_is_the_full_pool(seed: int) -> None:
    first = ranked(shop.incident(seed=seed, changes=False)).scores[0]
    assert (first.candidate.entity.name, first.candidate.cause_kind) == ("payments", CauseKind.CONNECTION_SATURATION)
    assert first.candidate.statement.startswith("Connection saturation at payments: connection pool in use ")
    assert first.candidate.statement.endswith(", since 1 min before the onset")


def test_confirmed_precedents_raise_it_and_narrow_its_range() -> None:
    past = tuple(Precedent("payments", CauseKind.BAD_DEPLOY, 0.9, age, confirmed=True) for age in (3.0, 20.0, 41.0))
    judged = (Acceptance("payments", CauseKind.BAD_DEPLOY, 4, 0), Acceptance("", CauseKind.BAD_DEPLOY, 4, 0))
    fresh, known = ranked(shop.incident()), ranked(shop.incident(), history=past, judged=judged)
    assert known.scores[0].candidate == fresh.scores[0].candidate
    assert known.scores[0].confidence > fresh.scores[0].confidence + 0.05
    assert known.scores[0].high - known.scores[0].low < fresh.scores[0].high - fresh.scores[0].low


def test_a_precedent_brings_its_own_candidate_where_there_is_a_sign_of_it() -> None:
    past = (Precedent("payments", CauseKind.DATABASE_LOCKS, 0.8, 10.0, confirmed=True, reference="INC-7"),)
    made = [one for one in inputs_of(shop.incident(), history=past).candidates if one.origin is Origin.PRECEDENT]
    assert [(one.entity.name, one.cause_kind) for one in made] == [("payments", CauseKind.DATABASE_LOCKS)]
    assert "INC-7" in made[0].statement
    assert not any(
        one.origin is Origin.PRECEDENT
        for one in inputs_of(
            shop.incident(), history=(Precedent("elsewhere", CauseKind.BAD_DEPLOY, 0.8, 1.0, confirmed=True),)
        ).candidates
    )


def test_a_deploy_of_the_victim_is_explained_by_what_is_below_it() -> None:
    observations = [*shop.incident(changes=False), shop.deploy("checkout", "v9", shop.ROLLOUT_AT)]
    ranking = ranked(observations)
    assert ranking.scores[0].candidate.entity.name == "payments"
    assert any("checkout v9 deployed" in line and "payments" in line for line in ranking.weighed_light)


def test_a_victim_whose_probes_fail_is_still_a_victim() -> None:
    probe = State(shop.service("checkout"), "Unhealthy", "kubernetes", at=shop.SYMPTOM_AT + 30, count=12)
    ranking = ranked([*shop.incident(), probe])
    assert ranking.verdict is Verdict.LIKELY
    assert ranking.scores[0].candidate.entity.name == "payments"
    assert "payments" in factor(at_service(ranking, "checkout"), "evidence quality").reason


def test_a_service_that_runs_out_of_memory_is_no_victim() -> None:
    killed = State(shop.service("checkout"), "OOMKilled", "kubernetes", at=shop.CAUSE_AT - 60, count=3)
    ranking = ranked([*shop.incident(changes=False), killed])
    assert at_service(ranking, "checkout").candidate.cause_kind is CauseKind.MEMORY_SATURATION
    assert at_service(ranking, "checkout").candidate.contradicting == ()


def test_restarts_are_counted() -> None:
    restarts = shop.series(
        "payments", "restarts", "count", 0.0, then=2.0, since=shop.CAUSE_AT, until=shop.CAUSE_AT + 120, noise=0
    )
    evidence = next(item for item in inputs_of([*shop.quiet_day(), restarts]).evidence if item.indicator == "restarts")
    assert evidence.statement == "payments container restarts: 2 in 9 min"
    assert evidence.cause_kinds == (CauseKind.CRASH_LOOP,)


def test_memory_that_grew_far_from_its_limit_blames_no_one_and_near_it_does() -> None:
    def blamed(limit: float) -> set[CauseKind]:
        grown = shop.series("payments", "memory_usage", "bytes", 100e6, then=190e6, since=shop.CAUSE_AT, limit=limit)
        return {score.candidate.cause_kind for score in ranked([*shop.quiet_day(), grown]).scores}

    assert blamed(1e9) == set()
    assert blamed(200e6) == {CauseKind.MEMORY_SATURATION}


def test_an_external_service_that_its_callers_see_failing_is_a_third_party() -> None:
    acquirer = Entity(EntityKind.EXTERNAL, "api.acquirer.example")
    slow = replace(
        shop.series("payments", "latency_p95", "seconds", 0.2, then=4.0, since=shop.CAUSE_AT - 30), peer=acquirer
    )
    ranking = ranked([*shop.incident(changes=False), slow])
    first = ranking.scores[0].candidate
    assert (first.entity, first.cause_kind) == (acquirer, CauseKind.THIRD_PARTY)
    assert "payments" in {dependency.caller.name for dependency in inputs_of([slow]).dependencies}


def test_a_node_that_went_away_is_found_below_the_pods_that_ran_there() -> None:
    pod = Entity(EntityKind.POD, "checkout-1", "shop", "checkout")
    node = Entity(EntityKind.NODE, "node-1")
    observations: list[Observation] = [
        shop.alert(),
        *shop.calls(),
        shop.series("checkout", "latency_p95", "seconds", 0.18, then=2.4, since=shop.SYMPTOM_AT),
        State(pod, "NotReady", "kubernetes", at=shop.SYMPTOM_AT, attributes={"node": "node-1"}),
        State(node, "NotReady", "kubernetes", at=shop.CAUSE_AT),
    ]
    first = ranked(observations).scores[0].candidate
    assert (first.entity, first.cause_kind) == (node, CauseKind.NODE_FAILURE)
    assert first.next_check.startswith("Read the node's conditions: kubectl describe node node-1")


def test_a_deploy_after_the_onset_is_too_late() -> None:
    late = shop.deploy("payments", "v3", shop.SYMPTOM_AT + 300)
    ranking = ranked([*shop.incident(changes=False), late])
    assert ranking.scores[0].candidate.cause_kind is CauseKind.CONNECTION_SATURATION
    assert ranking.weighed_light == ("payments v3 deployed 5 min after the onset, but the symptom was there before it",)


def test_a_recent_change_alone_is_a_lead_and_never_a_likely_cause() -> None:
    observations: list[Observation] = [
        shop.alert(),
        *shop.calls(),
        *(shop.deploy(name, "v2", shop.SYMPTOM_AT - 60) for name in ("payments", "catalog", "checkout")),
    ]
    ranking = ranked(observations)
    assert ranking.verdict is Verdict.INCONCLUSIVE
    assert {score.candidate.cause_kind for score in ranking.scores} == {CauseKind.BAD_DEPLOY}
    assert all(score.confidence < 0.4 for score in ranking.scores)
    assert "no data shows the symptom at checkout" in ranking.missing


def test_a_symptom_that_is_not_in_the_data_is_no_fault() -> None:
    ranking = ranked(shop.quiet_day())
    assert ranking.verdict is Verdict.NO_FAULT
    assert ranking.explanation.startswith("checkout p95 latency 124 ms, as before the alert (118 ms)")


def test_a_symptom_that_has_recovered_is_no_fault_and_its_trace_stays() -> None:
    back = shop.ALERT_AT - 120
    observations = [one for one in shop.quiet_day() if not (isinstance(one, Series) and one.entity.name == "checkout")]
    observations.append(
        shop.series("checkout", "latency_p95", "seconds", 0.18, then=2.4, since=shop.SYMPTOM_AT, until=back)
    )
    ranking = ranked(observations)
    assert ranking.verdict is Verdict.NO_FAULT
    assert ranking.explanation.startswith("checkout p95 latency is back at 175 ms since 5 min after the onset.")
    assert ranking.scores[0].candidate.entity.name == "checkout"


def test_a_recovered_symptom_with_something_badly_wrong_below_is_not_no_fault() -> None:
    killed = State(shop.service("payments"), "OOMKilled", "kubernetes", at=shop.CAUSE_AT)
    ranking = ranked([*shop.quiet_day(), killed])
    assert ranking.verdict is not Verdict.NO_FAULT
    assert ranking.scores[0].candidate.cause_kind is CauseKind.MEMORY_SATURATION


def test_a_source_that_did_not_answer_is_named_and_widens_the_range() -> None:
    gap = Gap("kubernetes", "pods of payments", "timed out after 8 s")
    full, part = ranked(shop.incident()), ranked([*shop.incident(), gap])
    assert part.missing == ("kubernetes did not answer pods of payments: timed out after 8 s",)
    assert part.scores[0].low < full.scores[0].low


def test_an_unrelated_anomaly_does_not_come_before_what_explains_the_symptom() -> None:
    noise = shop.series("orders", "cpu_utilisation", "ratio", 0.3, then=0.98, since=shop.CAUSE_AT - 600, limit=1.0)
    observations = [
        one
        for one in shop.incident()
        if not (isinstance(one, Series) and one.entity.name == "orders" and one.indicator == "cpu_utilisation")
    ]
    ranking = ranked([*observations, noise])
    assert ranking.scores[0].candidate.entity.name == "payments"
    assert at_service(ranking, "orders").candidate.cause_kind is CauseKind.CPU_SATURATION


def test_fewer_requests_at_the_services_below_blame_no_one() -> None:
    observations = [
        one
        for one in shop.incident()
        if not (isinstance(one, Series) and one.entity.name == "catalog" and one.indicator == "request_rate")
    ]
    observations.append(
        shop.series("catalog", "request_rate", "requests/s", 40, then=9, since=shop.SYMPTOM_AT, worse=Worse.EITHER)
    )
    ranking = ranked(observations)
    assert {score.candidate.entity.name for score in ranking.scores} == {"payments", "checkout", "web"}
    assert len(ranking.weighed_light) == 1


def test_a_rollout_that_settles_is_no_effect_of_itself() -> None:
    blip = shop.series(
        "catalog",
        "replicas_unavailable",
        "count",
        0.0,
        then=1.0,
        since=shop.ROLLOUT_AT,
        until=shop.ROLLOUT_AT + 180,
        noise=0,
    )
    ranking = ranked([*shop.incident(), blip])
    assert ranking.scores[0].candidate.entity.name == "payments"
    assert ranking.weighed_light == (
        "catalog v2.3.1 deployed 2 min before the onset, but what moved at catalog was over while the symptom lasted",
    )


def test_logs_that_speak_of_the_pool_are_an_independent_voice() -> None:
    log = LogPattern(
        shop.service("payments"), "could not acquire connection: pool exhausted", 0, 240, "kubernetes",
        seconds_before=3000, seconds_during=400, level="error", first_seen=shop.CAUSE_AT + 5,
    )  # fmt: skip
    plain, voiced = ranked(shop.incident(changes=False)), ranked([*shop.incident(changes=False), log])
    assert factor(voiced.scores[0], "evidence quality").value > factor(plain.scores[0], "evidence quality").value


def test_a_surge_of_traffic_is_found_where_it_enters() -> None:
    observations: list[Observation] = [shop.alert("web error ratio high", "web"), *shop.calls()]
    for name in shop.NAMES:
        observations += [
            shop.series(name, "request_rate", "requests/s", 40, then=400, since=shop.CAUSE_AT, worse=Worse.EITHER),
            shop.series(name, "latency_p95", "seconds", 0.1, then=0.15, since=shop.SYMPTOM_AT),
        ]
    observations.append(shop.series("web", "error_ratio", "ratio", 0.001, then=0.2, since=shop.SYMPTOM_AT))
    ranking = ranked(observations, subject=shop.service("web"))
    assert ranking.scores[0].candidate.entity.name == "web"
    assert ranking.scores[0].candidate.cause_kind is CauseKind.TRAFFIC_SURGE
    assert sum(score.candidate.cause_kind is CauseKind.TRAFFIC_SURGE for score in ranking.scores) == 1


def test_the_model_may_lend_its_words_and_moves_no_factor() -> None:
    inputs = inputs_of(shop.incident())
    rule = inputs.candidates[[one.entity.name for one in inputs.candidates].index("payments")]
    words = Candidate(
        shop.service("payments"), CauseKind.BAD_DEPLOY, "v2.14.0 cut the pool to 5.", ("E3",), origin=Origin.MODEL
    )
    admitted = admit((*inputs.candidates, words), inputs.evidence)
    told = next(one for one in admitted if one.entity.name == "payments")
    assert told == replace(rule, statement="v2.14.0 cut the pool to 5.", origin=Origin.MODEL)
    before, after = rank(inputs), rank(replace(inputs, candidates=admitted))
    assert after.scores[0].factors == before.scores[0].factors


@pytest.mark.parametrize(
    ("supporting", "contradicting", "statement"),
    [
        ((), (), "payments is slow"),
        (("E1", "E999"), (), "payments is slow"),
        (("E1",), ("E999",), "payments is slow"),
        (("E1",), (), "  "),
    ],
)
def test_a_proposal_that_cites_nothing_or_what_is_not_there_is_dropped(
    supporting: tuple[str, ...], contradicting: tuple[str, ...], statement: str
) -> None:
    inputs = inputs_of(shop.incident())
    proposal = Candidate(
        shop.service("payments"), CauseKind.STORAGE, statement, supporting, contradicting, origin=Origin.MODEL
    )
    assert admit((*inputs.candidates, proposal), inputs.evidence) == inputs.candidates


def test_a_model_alone_cannot_make_a_recent_change_likely() -> None:
    inputs = inputs_of(shop.incident())
    change = next(item for item in inputs.evidence if item.entity.name == "catalog" and item.change_key)
    proposal = Candidate(
        shop.service("catalog"), CauseKind.BAD_DEPLOY, "catalog did it", (change.id, "E1", "E2"), origin=Origin.MODEL
    )
    ranking = rank(replace(inputs, candidates=admit((*inputs.candidates, proposal), inputs.evidence)))
    assert at_service(ranking, "catalog").confidence < 0.4
    assert ranking.scores[0].candidate.entity.name == "payments"


def test_evidence_is_bounded_and_keeps_symptoms_and_changes() -> None:
    observations: list[Observation] = list(shop.incident())
    for number in range(300):
        observations.append(
            shop.series(f"noisy-{number}", "latency_p95", "seconds", 0.1, then=9.0, since=shop.CAUSE_AT)
        )
        observations.append(shop.deploy(f"noisy-{number}", "v1", shop.ROLLOUT_AT - 600))
    inputs = inputs_of(observations)
    assert len(inputs.evidence) == 60
    assert sum(item.is_symptom for item in inputs.evidence) == 2
    assert [item.entity.service for item in inputs.evidence if item.change_key].count("payments") == 2
    assert sum(bool(item.change_key) for item in inputs.evidence) == 30


def test_a_change_in_the_future_is_left_out() -> None:
    evidence = inputs_of([*shop.quiet_day(), shop.deploy("payments", "v9", shop.NOW + 60)]).evidence
    assert not any(item.change_key for item in evidence)


def test_a_name_from_outside_is_quoted_in_what_people_paste() -> None:
    entity = replace(shop.service("payments"), name="payments; rm -rf /")
    killed = State(entity, "CrashLoopBackOff", "kubernetes", at=shop.CAUSE_AT)
    candidate = ranked([*shop.quiet_day(), killed], subject=entity).scores[0].candidate
    assert "'payments; rm -rf /'" in candidate.next_check


@pytest.mark.parametrize(
    ("elsewhere", "command"),
    [("shop", "kubectl -n shop logs deployment/search "), ("search-v2", "kubectl logs deployment/search ")],
)
def test_a_check_names_the_namespace_that_all_else_is_in_and_guesses_between_none(elsewhere: str, command: str) -> None:
    search = Entity(EntityKind.SERVICE, "search")
    killed = State(search, "CrashLoopBackOff", "kubernetes", at=shop.CAUSE_AT)
    other = State(Entity(EntityKind.SERVICE, "index", elsewhere), "Running", "kubernetes", at=shop.CAUSE_AT)
    calls = Dependency(shop.service("web"), other.entity)
    candidate = ranked([*shop.quiet_day(), killed, other, calls], subject=search).scores[0].candidate

    assert command in candidate.next_check
    assert candidate.entity == search


def test_it_gives_the_same_bytes_whatever_order_the_sources_answer_in() -> None:
    observations = shop.incident()
    assert freeze(rank(inputs_of(reversed(observations)))) == freeze(rank(inputs_of(observations)))


def test_two_hundred_series_of_an_hour_take_well_under_a_tenth_of_a_second() -> None:
    observations: list[Observation] = list(shop.incident())
    for number in range(25):
        observations += [one for one in shop.usual(f"service-{number}") if isinstance(one, Series)]
    assert sum(isinstance(one, Series) for one in observations) >= 180
    rank(inputs_of(observations))
    taken = min(_seconds(observations) for _ in range(3))
    assert taken < 0.1


def _seconds(observations: list[Observation]) -> float:
    # Of the processor, not of the clock on the wall: others may be at work beside.
    began = time.process_time()
    rank(inputs_of(observations))
    return time.process_time() - began


def test_a_change_seen_by_two_sources_is_one_change() -> None:
    keys = {
        item.change_key: item.source
        for item in inputs_of(shop.incident()).evidence
        if isinstance(item.change_key, str) and item.change_key
    }
    assert sorted(keys) == ["catalog:catalog@v2.3.1", "payments:payments@v2.14.0"]


def test_a_change_named_by_tag_here_and_by_commit_there_is_one_change() -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    pipeline: Change = replace(shop.deploy("payments", "v3", shop.ROLLOUT_AT), key="", source="deploys")
    rollout = replace(shop.deploy("payments", commit, shop.ROLLOUT_AT + 40, source="kubernetes"), key="")
    evidence = inputs_of([*shop.incident(changes=False), pipeline, rollout]).evidence
    assert {item.change_key for item in evidence if item.change_key} == {"payments:v3"}
    assert any("payments 0123456 deployed" in item.statement for item in evidence)
