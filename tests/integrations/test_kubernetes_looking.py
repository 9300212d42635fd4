"""Questions to a cluster in a conversation: objects of the incident's namespaces without their secrets, and log ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from integrations.base import Rejected, Scope, Seen, ServiceScope
from integrations.kubernetes import Kubernetes, KubernetesCredentials
from integrations.kubernetes.looking import OBJECTS, Log, Objects
from scoring.observations import Window
from tests.integrations.door import Answer, FakeDoor

if TYPE_CHECKING:
    from collections.abc import Mapping

SCOPE = Scope(service=ServiceScope(name="payments", namespace="shop", workload="payments"))
WINDOW = Window(start=0, end=3600, alert_at=1800)


def pod(name: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "shop", "creationTimestamp": "2026-11-20T10:00:00Z"},
        "spec": {
            "nodeName": "worker-1",
            "containers": [{"name": "app", "image": "shop/payments:42", "env": [{"name": "TOKEN", "value": "hush-hush"}]}],
        },
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "False", "reason": "ContainersNotReady"}],
            "containerStatuses": [
                {
                    "name": "app", "ready": False, "restartCount": 4, "image": "shop/payments:42",
                    "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}},
                    "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137}},
                }
            ],
        },
    }  # fmt: skip


def cluster(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
    path = url.removeprefix("http://cluster.test").split("?", maxsplit=1)[0]
    pods = [pod("payments-1"), pod("checkout-1"), *(pod(f"cart-{number}") for number in range(40))]
    known: dict[str, Any] = {
        "/api/v1/namespaces/shop/pods": {"items": pods},
        "/api/v1/namespaces/shop/events": {
            "items": [
                {"involvedObject": {"kind": "Pod", "name": "payments-1"}, "reason": "BackOff", "message": "restarting",
                 "count": 7, "lastTimestamp": "2026-11-20T10:20:00Z"},
                {"involvedObject": {"kind": "Pod", "name": "payments-1"}, "reason": "Pulled", "message": "image",
                 "count": 1, "lastTimestamp": "2026-11-20T10:00:00Z"},
            ]
        },
        "/apis/apps/v1/namespaces/shop/deployments": {
            "items": [
                {
                    "metadata": {"name": "payments", "namespace": "shop"},
                    "spec": {"replicas": 3, "template": pod("x")},
                    "status": {"replicas": 3, "readyReplicas": 1},
                }
            ]
        },
    }  # fmt: skip
    if path == "/api/v1/namespaces/shop/pods/payments-1/log":
        return 200, {"content-type": "text/plain"}, "\n".join(f"line {number}" for number in range(100))
    return (200, {}, known[path]) if path in known else (404, {}, {"message": "not found"})


def look(asked: Objects | Log, *, door: FakeDoor | None = None, **limits: Any) -> Seen:
    credentials = KubernetesCredentials.model_validate({"url": "http://cluster.test", "token": "t", **limits})
    return Kubernetes().look(door or FakeDoor(cluster), credentials, SCOPE, WINDOW, asked)


def test_pods_tell_of_their_health_and_nothing_of_their_environment() -> None:
    seen = look(Objects(kind="pods", containing="payments"))

    (row,) = seen.rows
    assert row["containers"] == [
        {
            "name": "app", "ready": False, "restarts": 4, "image": "shop/payments:42", "waiting": "CrashLoopBackOff",
            "message": "back-off 40s", "last_ended": "OOMKilled", "last_exit_code": 137,
        }
    ]  # fmt: skip
    assert row["conditions"][0]["reason"] == "ContainersNotReady"
    assert "hush-hush" not in json.dumps(seen.rows)
    assert seen.query == "list pods in shop whose name contains payments"


def test_many_objects_are_cut_and_it_is_told() -> None:
    seen = look(Objects(kind="pods"))

    assert len(seen.rows) == OBJECTS
    assert seen.note == "17 more were left out"


def test_workloads_tell_what_is_wanted_and_what_is_there() -> None:
    (row,) = look(Objects(kind="deployments")).rows

    assert (row["wanted"], row["status"]) == ({"replicas": 3}, {"replicas": 3, "readyReplicas": 1})
    assert "hush-hush" not in json.dumps(row)


def test_events_come_newest_first() -> None:
    assert [row["reason"] for row in look(Objects(kind="events", containing="payments-1")).rows] == [
        "BackOff",
        "Pulled",
    ]


def test_the_end_of_a_log_is_read() -> None:
    seen = look(Log(namespace="shop", pod="payments-1", lines=3))

    assert [row["line"] for row in seen.rows] == ["line 97", "line 98", "line 99"]


@pytest.mark.parametrize("asked", [Objects(kind="pods", namespace="kube-system"), Log(namespace="other", pod="a")])
def test_a_namespace_outside_the_incident_is_refused_before_anyone_is_asked(asked: Objects | Log) -> None:
    door = FakeDoor(cluster)

    with pytest.raises(Rejected, match="is outside this incident; known are: shop"):
        look(asked, door=door)
    assert door.asked == []


@pytest.mark.parametrize("kind", ["secrets", "configmaps", "serviceaccounts", "pods/exec", ""])
def test_what_may_hold_secrets_cannot_be_asked_for(kind: str) -> None:
    with pytest.raises(ValidationError):
        Objects.model_validate({"kind": kind})


@pytest.mark.parametrize("changed", [{"pod": "a/../../secrets"}, {"lines": 1000}, {"pod": ""}, {"follow": True}])
def test_a_log_is_read_within_bounds(changed: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Log.model_validate({"namespace": "shop", "pod": "a", **changed})


def test_only_reads_are_ever_sent() -> None:
    door = FakeDoor(cluster)
    for asked in (Objects(kind="pods"), Objects(kind="events"), Log(namespace="shop", pod="payments-1")):
        look(asked, door=door)

    assert {one.method for one in door.asked} == {"GET"}
