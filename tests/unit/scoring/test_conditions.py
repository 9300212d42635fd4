"""Conditions of objects in their causal order: what an object suffers from stands before what that does to it."""

from __future__ import annotations

import pytest

from scoring.observations import Dependency, Entity, EntityKind, Observation, State

from . import shop
from .made import at_service, factor, inputs_of, ranked

NODE = Entity(EntityKind.NODE, "node-7")
AT = shop.SYMPTOM_AT


def state(name: str, condition: str, at: float | None = AT, **further: object) -> State:
    kind = EntityKind.NODE if name == NODE.name else EntityKind.WORKLOAD
    entity = NODE if name == NODE.name else Entity(kind, name, "shop", name)
    return State(entity, condition, "kubernetes", at=at, **further)  # type: ignore[arg-type]


def placed(*names: str) -> list[Observation]:
    return [Dependency(shop.service(name), NODE, "placement") for name in names]


def first(*observations: Observation) -> str:
    ranking = ranked([*shop.calls(), shop.alert("checkout is unreachable"), *observations])
    return ranking.scores[0].candidate.entity.service


@pytest.mark.parametrize("effect", ["NodeNotReady", "FailedCreatePodSandBox", "Unreachable", "CrashLoopBackOff"])
def test_a_node_that_fails_stands_before_each_of_its_pods(effect: str) -> None:
    pods = [state(name, effect) for name in ("checkout", "payments", "orders")]
    assert first(*placed("checkout", "payments", "orders"), state("node-7", "KubeletDown", AT - 30), *pods) == "node-7"


def test_a_pod_with_a_fault_of_its_own_is_not_its_nodes_victim() -> None:
    observations = [*placed("payments"), state("payments", "ImageNotFound"), state("payments", "ReplicasUnavailable")]
    ranking = ranked([*shop.calls(), shop.alert("checkout is unreachable"), *observations, state("node-7", "NotReady")])
    assert at_service(ranking, "payments").candidate.contradicting == ()


def test_a_back_off_of_a_pull_is_a_fault_of_ones_own_and_of_a_start_is_not() -> None:
    def contradicted(detail: str) -> bool:
        observations = [
            *placed("payments"),
            state("payments", "BackOff", detail=detail),
            state("node-7", "KubeletDown"),
        ]
        given = inputs_of([*shop.calls(), *observations])
        return any(one.contradicting for one in given.candidates if one.entity.service == "payments")

    assert not contradicted("Back-off pulling image registry.example.org/payments:2")
    assert contradicted("Back-off restarting failed container payments")


def test_what_is_well_again_sets_the_scene_and_names_no_suspect() -> None:
    settled = state("orders", "MissingServiceAccount", active=False, attributes={"settled": "yes"})
    ranking = ranked([*shop.calls(), shop.alert(), settled])
    assert ranking.scores == ()


def test_a_weak_sign_of_ones_own_does_not_hide_that_one_suffers() -> None:
    # checkout names a service that nobody has, as it always did; what stops it is payments.
    observations = [
        state("checkout", "HostUnknown"),
        state("checkout", "Unreachable"),
        state("payments", "ImageNotFound"),
    ]
    assert first(*observations) == "payments"


def test_who_stops_several_explains_more_than_one_of_them() -> None:
    observations = [state(name, "ReadinessProbeFailing") for name in ("checkout", "payments", "cart")]
    ranking = ranked(
        [*shop.calls(), shop.alert(), *placed("payments", "cart"), *observations, state("node-7", "KubeletDown")]
    )
    quality = {
        score.candidate.entity.service: factor(score, "evidence quality").value for score in reversed(ranking.scores)
    }
    assert quality["node-7"] > quality["payments"]
    assert quality["node-7"] > quality["cart"]


def test_what_tells_why_stands_for_a_service_and_not_that_it_is_unwell() -> None:
    observations = [state("payments", word) for word in ("Unreachable", "CrashLoopBackOff", "MissingSecret")]
    given = inputs_of([*shop.calls(), shop.alert(), *observations])
    kinds = {one.cause_kind.value for one in given.candidates if one.entity.service == "payments"}
    assert kinds == {"certificate or credentials", "config change"}


def causes(*observations: Observation) -> list[str]:
    """The causes that are suggested of payments, the most likely first."""
    ranking = ranked([*shop.calls(), shop.alert("payments is not ready"), *observations])
    return [one.candidate.cause_kind.value for one in ranking.scores if one.candidate.entity.service == "payments"]


BY_PROBE = "container payments: back-off 40s, ended by its liveness probe"


@pytest.mark.parametrize(
    ("said", "kinds"),
    [
        # Without traffic, as its probe is refused: nothing ended.
        ((("ReadinessProbeFailing", ""), ("NotReady", ""), ("ReplicasUnavailable", "")), ["failing probe"]),
        ((("StartupProbeFailing", ""), ("MinimumReplicasUnavailable", "")), ["failing probe"]),
        # Ended by the kubelet, again and again.
        ((("CrashLoopBackOff", BY_PROBE), ("BackOff", "Back-off restarting failed container")), ["failing probe"]),
        # It crashes, and so its probe is refused, too.
        ((("CrashLoopBackOff", "back-off 40s"), ("ReadinessProbeFailing", "")), ["crash loop", "failing probe"]),
        ((("CrashLoopBackOff", "back-off 40s"), ("NotReady", "")), ["crash loop"]),
        # What says why goes before both.
        ((("CrashLoopBackOff", BY_PROBE), ("OOMKilled", "")), ["memory saturation"]),
        ((("LivenessProbePortMismatch", ""), ("CrashLoopBackOff", BY_PROBE)), ["config change", "failing probe"]),
    ],
)
def test_a_failing_probe_is_a_cause_of_its_own_and_no_crash_loop(said: list[tuple[str, str]], kinds: list[str]) -> None:
    assert causes(*(state("payments", word, detail=detail, count=9) for word, detail in said)) == kinds


def test_who_is_ended_by_a_probe_may_suffer_from_its_node() -> None:
    ended = state("payments", "CrashLoopBackOff", detail=BY_PROBE, count=9)
    assert first(*placed("payments"), state("node-7", "KubeletDown", AT - 30), ended) == "node-7"


def test_restarts_that_a_probe_makes_are_no_crash_loop() -> None:
    restarts = shop.series(
        "payments", "restarts", "count", 0.0, then=2.0, since=shop.CAUSE_AT, until=shop.CAUSE_AT + 120, noise=0
    )

    assert causes(restarts) == ["crash loop"]
    assert causes(restarts, state("payments", "CrashLoopBackOff", detail=BY_PROBE, count=9)) == ["failing probe"]
