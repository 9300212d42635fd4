"""A shop in a real control plane: `payments` rolls out a smaller connection pool, and its pods go under."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scoring.observations import Window
from tests.servers.control_plane import ControlPlane, running_status, stamp
from tests.waiting import until

if TYPE_CHECKING:
    from tests.servers.kubelet import Kubelet

Object = dict[str, Any]
SHOP = "shop"
MARKS = {"kubernetes.io/change-cause": "PAY-1211 tune the pool", "example.org/deployed-by": "maria"}
RBAC = Path(__file__).parents[2] / "k8s" / "rbac.yaml"


@dataclass(frozen=True)
class World:
    """Hold what the tests ask for: the read-only account's token, the failing pod, the window."""

    token: str
    failing: str
    pods: tuple[str, ...]
    window: Window


def deployment(
    name: str, version: str, environment: dict[str, str], *, replicas: int = 1, marks: dict[str, str] | None = None
) -> Object:
    labels = {"app": name}
    container = {
        "name": name,
        "image": f"registry.example.org/shop/{name}:{version}",
        "env": [{"name": key, "value": value} for key, value in environment.items()],
        "resources": {"limits": {"memory": "256Mi"}},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": SHOP, "labels": labels, "annotations": marks or {}},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }  # fmt: skip


def service(name: str, *, selects: str = "") -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": SHOP},
        "spec": {"selector": {"app": selects or name}, "ports": [{"port": 8080}]},
    }


def build(plane: ControlPlane, kubelet: Kubelet) -> World:
    """Make the shop; takes a few seconds, for the rollouts are the controllers' own."""
    plane.apply_file(RBAC)
    plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SHOP}})
    plane.add_node("worker-1", kubelet_port=kubelet.port)
    plane.apply(
        service("payments"),
        service("pay", selects="payments"),
        service("catalog"),
        deployment("checkout", "1.0.0", {"PAYMENTS_URL": "http://pay:8080/v1", "LOG_TOPIC": "catalog"}),
        deployment("payments", "2.13.4", {"DB_POOL_SIZE": "20", "DB_PASSWORD": "hush-one"}, replicas=2),
        {
            "apiVersion": "apps/v1",
            "kind": "StatefulSet",
            "metadata": {"name": "orders-db", "namespace": SHOP},
            "spec": {
                "serviceName": "orders-db",
                "selector": {"matchLabels": {"app": "orders-db"}},
                "template": {
                    "metadata": {"labels": {"app": "orders-db"}},
                    "spec": {"containers": [{"name": "postgres", "image": "postgres:16.1", "args": ["-c", "max_connections=100"]}]},
                },
            },
        },
        {
            "apiVersion": "autoscaling/v2beta2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "checkout-hpa", "namespace": SHOP},
            "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "checkout"}, "minReplicas": 1, "maxReplicas": 3},
        },
        {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "small", "namespace": SHOP}, "spec": {"hard": {"services": "3"}}},
    )  # fmt: skip
    plane.run_pods(SHOP, wanted=4)
    until(lambda: _available(plane, "payments", 2), what="payments 2.13.4")
    rolled_at = next_second()
    plane.apply(
        deployment("payments", "2.14.0", {"DB_POOL_SIZE": "5", "DB_PASSWORD": "hush-two"}, replicas=2, marks=MARKS),
    )
    until(lambda: _rolled(plane, "payments", 2), what="payments 2.14.0")
    # The quota's controller counts at its own pace, seconds after the rollout on a busy machine.
    until(lambda: _counted(plane, "small", {"services": "3"}), what="quota small to be counted")
    pods = [pod for pod in plane.objects("Pod", SHOP) if pod["spec"]["containers"][0]["name"] == "payments"]
    failing = pods[0]
    _fail(plane, failing, rolled_at)
    until(lambda: _unavailable(plane, "payments") == 1, what="the deployment to count the failing pod")
    _event(plane, failing, rolled_at)
    _logs(kubelet, plane, failing["metadata"]["name"], rolled_at)
    now = time.time()
    names = tuple(sorted(pod["metadata"]["name"] for pod in plane.objects("Pod", SHOP)))
    window = Window(start=now - 3600, end=now + 60, alert_at=rolled_at + 300)
    return World(plane.token("sre-copilot", "sre-copilot-reader"), failing["metadata"]["name"], names, window)


def next_second() -> float:
    """Wait for the next whole second, and return it: creation times are whole seconds, and what is made now has another."""
    now = time.time()
    time.sleep(int(now) + 1 - now)
    return float(int(now) + 1)


def _old(pod: Object) -> bool:
    return "2.13.4" in pod["spec"]["containers"][0]["image"]


def _available(plane: ControlPlane, name: str, replicas: int) -> bool:
    plane.run_pods(SHOP)
    status = plane.call("GET", f"apis/apps/v1/namespaces/{SHOP}/deployments/{name}")["status"]
    return bool(status.get("availableReplicas") == replicas == status.get("updatedReplicas"))


def _unavailable(plane: ControlPlane, name: str) -> int:
    status = plane.call("GET", f"apis/apps/v1/namespaces/{SHOP}/deployments/{name}")["status"]
    return int(status.get("unavailableReplicas", 0))


def _rolled(plane: ControlPlane, name: str, replicas: int) -> bool:
    done = _available(plane, name, replicas)
    # There is no kubelet to take deleted pods away.
    for pod in plane.objects("Pod", SHOP):
        if pod["metadata"].get("deletionTimestamp"):
            body = {"gracePeriodSeconds": 0, "kind": "DeleteOptions", "apiVersion": "v1"}
            plane.delete(f"api/v1/namespaces/{SHOP}/pods/{pod['metadata']['name']}", body)
    return done and not [pod for pod in plane.objects("Pod", SHOP) if _old(pod)]


def _counted(plane: ControlPlane, quota: str, used: dict[str, str]) -> bool:
    found = plane.call("GET", f"api/v1/namespaces/{SHOP}/resourcequotas/{quota}")
    return bool(found.get("status", {}).get("used") == used)


def _fail(plane: ControlPlane, pod: Object, at: float) -> None:
    status = running_status(pod, restarts=3, ready=False)
    container = status["containerStatuses"][0]
    container["state"] = {
        "waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s restarting failed container"}
    }
    container["lastState"] = {
        "terminated": {"exitCode": 137, "reason": "OOMKilled", "startedAt": stamp(at), "finishedAt": stamp(at + 1)}
    }
    plane.set_status("Pod", SHOP, pod["metadata"]["name"], status)


def _event(plane: ControlPlane, pod: Object, at: float) -> None:
    for number, count in ((1, 3), (2, 4)):
        plane.apply({
            "apiVersion": "v1", "kind": "Event", "type": "Warning", "reason": "Unhealthy",
            "metadata": {"name": f"{pod['metadata']['name']}.{number}", "namespace": SHOP},
            "involvedObject": {"kind": "Pod", "namespace": SHOP, "name": pod["metadata"]["name"]},
            "message": f"Readiness probe failed: HTTP probe failed with statuscode: 50{number}", "count": count,
            "firstTimestamp": stamp(at), "lastTimestamp": stamp(at + number), "source": {"component": "kubelet"},
        })  # fmt: skip


def _logs(kubelet: Kubelet, plane: ControlPlane, failing: str, at: float) -> None:
    for pod in plane.objects("Pod", SHOP):
        name, container = pod["metadata"]["name"], pod["spec"]["containers"][0]["name"]
        kubelet.write(SHOP, name, container, (stamp(at - 30), "INFO started in 1.2 s"))
        if container == "payments":
            lines = [
                (stamp(at + second), f"ERROR pool exhausted after {second * 7} ms, waiting={second}")
                for second in range(3)
            ]
            kubelet.write(SHOP, name, container, *lines, previous=name == failing)
    kubelet.write(
        SHOP, failing, "payments", (stamp(at - 20), "ERROR pool exhausted after 9 ms, waiting=1"), previous=True
    )
