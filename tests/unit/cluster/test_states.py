"""What a state carries: when it began, how often, whether it goes on, the command that shows it, and what stands in between."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.cluster import Cluster, Word, dependencies, find
from integrations.cluster.schedule import BadSchedule, Schedule
from scoring.conditions import interpret
from scoring.meanings import CONDITIONS
from scoring.observations import Dependency, Entity, EntityKind, State

from .shop import NAMESPACE, NOW, Shop, ago, event, objects, pod, workload


def test_each_word_has_a_meaning_and_hints_at_a_cause() -> None:
    for word in Word:
        assert word.value in CONDITIONS
        assert CONDITIONS[word.value].severity > 0.0
        assert CONDITIONS[word.value].kinds


def test_a_state_carries_the_command_that_shows_it_with_names_quoted() -> None:
    shop = Shop()
    shop.add("Deployment", workload("a b"))
    shop.get("Deployment", "a b")["status"]["availableReplicas"] = 0
    shop.drop("ConfigMap", "settings")

    assert shop.one("ReplicasUnavailable").query == "kubectl -n shop describe deployment 'a b'"
    assert shop.one("MissingConfigMap").query == "kubectl -n shop get configmap settings"


def test_a_selector_that_was_changed_lately_began_then() -> None:
    shop = Shop()
    service = shop.get("Service", "payments")
    service["spec"]["selector"] = {"app": "payment"}
    service["metadata"]["managedFields"] = [
        {"manager": "kubectl", "time": ago(600), "fieldsV1": {"f:spec": {}}},
        {"manager": "controller", "time": ago(10), "fieldsV1": {"f:status": {}}, "subresource": "status"},
    ]

    assert shop.one("SelectorMismatch").at == NOW - 600


def test_what_does_not_tell_when_it_changed_has_no_time() -> None:
    shop = Shop()
    shop.get("Service", "payments")["spec"]["selector"] = {"app": "payment"}

    assert shop.one("SelectorMismatch").at is None


def test_a_pods_state_names_its_node_and_its_service() -> None:
    shop = Shop()
    shop.unready("payments", since=300)
    state = next(one for one in shop.states() if one.condition == "NotReady")

    assert state.entity == Entity(EntityKind.POD, "payments-5c-aaaaa", "shop", "payments")
    assert state.attributes == {"kind": "pod", "node": "node-1"}
    assert state.at == NOW - 300


def test_the_caller_names_the_services() -> None:
    shop = Shop()
    shop.unready()

    found = shop.states(
        service_of=lambda namespace, workload, labels: (
            f"{namespace}-{workload}-{labels['app']}" if "app" in labels else ""
        )
    )

    assert {one.entity.service for one in found} == {"shop-payments-payments", "policy-check"}


def test_what_was_over_before_the_time_that_is_looked_at_is_left_out() -> None:
    shop = Shop()
    shop.pods()[0]["status"]["containerStatuses"][0]["lastState"] = {
        "terminated": {"reason": "OOMKilled", "exitCode": 137, "finishedAt": ago(7200)}
    }
    shop.add(
        "Event",
        event("Pod", "payments-5c-aaaaa", "FailedPreStopHook", "x", firstTimestamp=ago(9000), lastTimestamp=ago(7200)),
    )

    assert {one.condition for one in shop.states()} == {"OOMKilled", "FailedPreStopHook"}
    assert shop.states(since=NOW - 3600) == []


def test_what_ended_once_has_passed_and_what_ends_again_and_again_goes_on() -> None:
    shop = Shop()
    status = shop.pods()[0]["status"]["containerStatuses"][0]
    status["lastState"] = {"terminated": {"reason": "OOMKilled", "exitCode": 137, "finishedAt": ago(60)}}
    assert not shop.one("OOMKilled").active

    status["state"] = {"waiting": {"reason": "CrashLoopBackOff"}}
    assert shop.one("OOMKilled").active


def test_a_pod_that_was_refused_at_first_and_is_there_now_counts_little() -> None:
    shop = Shop()
    message = 'Error creating: pods "x" is forbidden: error looking up service account shop/default: serviceaccount "default" not found'
    shop.add("Event", event("ReplicaSet", "payments-5c", "FailedCreate", message, count=2))

    state = shop.one("MissingServiceAccount")

    assert (state.active, state.attributes["settled"], state.count) == (False, "yes", 2)
    assert interpret(state).severity == pytest.approx(0.285)


def test_a_pod_that_is_still_refused_goes_on() -> None:
    shop = Shop()
    message = 'Error creating: pods "x" is forbidden: error looking up service account shop/payer: serviceaccount "payer" not found'
    shop.add("Event", event("ReplicaSet", "payments-5c", "FailedCreate", message, count=15))
    shop.get("ReplicaSet", "payments-5c")["spec"]["replicas"] = 3

    state = shop.one("MissingServiceAccount")

    assert (state.active, "settled" in state.attributes, interpret(state).severity) == (True, False, 0.95)


def test_a_pod_that_is_gone_complains_no_more() -> None:
    shop = Shop()
    shop.add(
        "Event", event("Pod", "payments-5c-gone", "Unhealthy", "Readiness probe failed: connection refused", count=5)
    )

    assert not shop.one("ReadinessProbeFailing").active


def test_an_event_of_an_hour_ago_has_passed() -> None:
    shop = Shop()
    shop.add(
        "Event",
        event("Node", "node-1", "SystemOOM", "victim process: java", firstTimestamp=ago(4000), lastTimestamp=ago(3600)),
    )

    state = shop.one("SystemOOM")

    assert (state.active, state.at) == (False, NOW - 4000)


def test_a_workload_that_a_quota_holds_back_depends_on_the_namespaces_quota() -> None:
    shop = Shop()
    message = 'Error creating: pods "x" is forbidden: exceeded quota: compute, requested: pods=1, used: pods=10, limited: pods=10'
    shop.get("ReplicaSet", "payments-5c")["spec"]["replicas"] = 3
    shop.add("Event", event("ReplicaSet", "payments-5c", "FailedCreate", message))

    assert shop.dependencies() == [
        Dependency(
            Entity(EntityKind.WORKLOAD, "payments", NAMESPACE, "payments"),
            Entity(EntityKind.COMPONENT, "quota compute", NAMESPACE, NAMESPACE),
            "kubernetes",
        )
    ]


def test_a_node_without_pods_of_the_scope_is_marked() -> None:
    shop = Shop()
    for name in ("node-1", "node-2"):
        shop.get("Node", name)["status"]["conditions"][1] = {"type": "MemoryPressure", "status": "True"}
    for one in shop.objects["Pod"]:
        one["spec"]["nodeName"] = "node-1"

    assert {
        one.entity.name: one.attributes["hosts_pods_in_scope"]
        for one in shop.states()
        if one.condition == "MemoryPressure"
    } == {
        "node-1": "yes",
        "node-2": "no",
    }


def test_the_environment_tells_who_calls_whom() -> None:
    shop = Shop()
    shop.template()["containers"][0]["env"].append({"name": "SELF_URL", "value": "http://payments:80"})

    assert [(one.caller.service, one.callee.service) for one in dependencies(shop.cluster())] == [("payments", "db")]


def test_the_selected_pods_say_whom_a_service_belongs_to() -> None:
    shop = Shop()

    assert shop.cluster().service(shop.get("Service", "policy-check")) == Entity(
        EntityKind.SERVICE, "payments", NAMESPACE
    )


def test_a_claim_made_by_a_stateful_set_belongs_to_it() -> None:
    shop = Shop()
    shop.get("StatefulSet", "db")["spec"]["volumeClaimTemplates"] = [
        {"metadata": {"name": "more"}, "spec": {"storageClassName": "fast"}}
    ]

    assert shop.cluster().claim(NAMESPACE, "more-db-3").owner == "db"


def test_a_pods_maker_is_found_where_its_replica_set_is_not() -> None:
    cluster = Cluster.of({"Pod": [pod("web-6bccdc5454-2qw9c", "web", ("ReplicaSet", "web-6bccdc5454"))]})

    assert cluster.maker(next(iter(cluster.all("Pod")))) == ("Deployment", "web")
    assert cluster.pod_named(NAMESPACE, "api-6bccdc5454-2qw9c").owner == "api"


# --- schedules ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "zone", "due"),
    [
        ("*/30 * * * *", "", 0),
        ("17 * * * *", "", 43 * 60),
        ("0 3 * * *", "Europe/Berlin", 10 * 3600),
        ("CRON_TZ=Europe/Berlin 0 3 * * *", "", 10 * 3600),
        ("@daily", "", 12 * 3600),
        ("0 0 * * mon-wed", "", 2 * 86_400 + 12 * 3600),
        ("0 0 1 */2 *", "", 19 * 86_400 + 12 * 3600),
        ("0 0 13 * fri", "", 12 * 3600),
        ("0 0 30 2 *", "", None),
    ],
)
def test_a_schedule_tells_when_it_was_last_due(text: str, zone: str, due: float | None) -> None:
    # It is a Friday, 12:00 UTC.
    assert Schedule(text, zone).last_due(NOW) == (None if due is None else NOW - due)


@pytest.mark.parametrize(
    "text",
    ["", "* * * *", "60 * * * *", "* 24 * * *", "*/0 * * * *", "5-1 * * * *", "x * * * *", "@sometimes", "* * * * * *"],
)
def test_a_schedule_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(BadSchedule):
        Schedule(text)


@given(st.text(max_size=40), st.text(max_size=20))
def test_any_text_is_a_schedule_or_refused(text: str, zone: str) -> None:
    try:
        due = Schedule(text, zone).last_due(NOW)
    except BadSchedule:
        return
    assert due is None or due <= NOW


# --- odd objects --------------------------------------------------------------------------------------------------------

ODD: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 10**12), st.floats(), st.text(max_size=8), st.just([]), st.just({}), st.just([1]), st.just({"a": 1}),
    st.just("2026-11-20T11:00:00Z"), st.sampled_from(["False", "True", "Unknown", "Pending", "Failed", "*", "svc", "a.b.svc:1", "0/2 nodes are available: 9 x"]),
)  # fmt: skip
KINDS = sorted(kind for kind, items in objects().items() if items or kind == "Event")


def places(value: Any) -> list[tuple[Any, Any]]:
    own = list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    return [(value, key) for key, _ in own] + [inner for _, item in own for inner in places(item)]


@given(st.data())
@settings(deadline=None, max_examples=300)
def test_damaged_objects_never_raise(data: st.DataObject) -> None:
    damaged = copy.deepcopy(objects())
    damaged["Event"] = [
        event("Pod", "payments-5c-aaaaa", "Unhealthy", "Liveness probe failed: x", count=4),
        event("ReplicaSet", "payments-5c", "FailedCreate", "exceeded quota: a, requested: pods=1, used"),
    ]
    for _ in range(data.draw(st.integers(1, 4))):
        kind = data.draw(st.sampled_from(KINDS))
        spots = places(damaged[kind])
        if spots:
            holder, key = spots[data.draw(st.integers(0, len(spots) - 1))]
            holder[key] = copy.deepcopy(data.draw(ODD))

    found = list(find(Cluster.of(damaged, at=NOW)))

    assert all(isinstance(one, State | Dependency) for one in found)


@given(
    st.dictionaries(
        st.sampled_from(KINDS),
        st.lists(ODD | st.dictionaries(st.sampled_from(["metadata", "spec", "status"]), ODD, max_size=3), max_size=3),
    )
)
def test_anything_in_place_of_objects_never_raises(given_objects: dict[str, list[Any]]) -> None:
    assert all(isinstance(one, State | Dependency) for one in find(Cluster.of(given_objects, at=NOW)))


# --- recorded from real servers and by others ---------------------------------------------------------------------------

ARGO = {
    "daemonset-ondelete.yaml": set(),
    "deployment-degraded.yaml": {"ProgressDeadlineExceeded"},
    "deployment-progressing.yaml": set(),
    "hpa-v1-degraded.yaml": {"AutoscalerWithoutMetrics"},
    "hpa-v2-degraded.yaml": {"FailedGetScale"},
    "job-failed.yaml": {"BackoffLimitExceeded"},
    "job-suspended.yaml": {"JobSuspended"},
    "pod-crashloop.yaml": {"CrashLoopBackOff", "Error", "NotReady"},
    "pod-imagepullbackoff.yaml": {"ImagePullBackOff"},
    "pod-succeeded.yaml": set(),
    "pvc-bound.yaml": set(),
    "pvc-pending.yaml": {"ClaimPending"},
    "ingress.yaml": set(),
}


@pytest.mark.parametrize(("file", "conditions"), ARGO.items())
def test_objects_that_others_recorded_are_told(shared: Path, file: str, conditions: set[str]) -> None:
    one = yaml.safe_load((shared / "vendor/payloads/kubernetes/argo-health" / file).read_text().replace("\t", "  "))
    one = json.loads(json.dumps(one, default=lambda at: at.isoformat()))

    found = find(Cluster.of({one["kind"]: [one]}))

    assert {state.condition for state in found if isinstance(state, State)} == conditions


def test_what_a_real_server_answered_is_told(shared: Path) -> None:
    folder = shared / "vendor/payloads/kubernetes/real-apiserver-1.20.2"
    kinds = {
        "pods": "Pod",
        "deployments": "Deployment",
        "replicasets": "ReplicaSet",
        "events": "Event",
        "nodes": "Node",
    }

    found = find(
        Cluster.of({kind: json.loads((folder / f"{name}.json").read_text())["items"] for name, kind in kinds.items()})
    )

    assert {(one.entity.service, one.condition) for one in found if isinstance(one, State) and one.active} == {
        ("checkout", "CrashLoopBackOff"), ("checkout", "NotReady"), ("checkout", "OOMKilled"), ("checkout", "ReplicasUnavailable"),
    }  # fmt: skip
