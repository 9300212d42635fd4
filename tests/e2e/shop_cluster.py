"""The shop in a real Kubernetes API: rolled out by the real controllers, then dated back to the story's times in etcd."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING

import httpx

from tests.e2e.shop import ALERT, CATALOG_ROLLOUT, NAMESPACE, NODES, PAYMENTS_ROLLOUT, POOL, SERVICES, SWITCHED
from tests.e2e.shop_metrics import noise
from tests.servers.control_plane import ControlPlane, Object, stamp
from tests.waiting import PATIENCE, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.servers.kubelet import Kubelet

DAY = 86_400.0
# name -> the revisions before the present one: version, days before the page, other environment, cause
HISTORY: dict[str, list[tuple[str, float, dict[str, str], str]]] = {
    "payments": [
        ("2.13.0", 16 * DAY, {"DB_POOL_SIZE": "20"}, "payments 2.13.0: retry declined cards once (#461)"),
        ("2.13.1", 6.2 * DAY, {"DB_POOL_SIZE": "20"}, "payments 2.13.1: log the acquirer's reference (#470)"),
    ],
    "catalog": [("v3.1.4", 8.1 * DAY, {}, "catalog v3.1.4: cache stock levels (#1219)")],
}
PRESENT: dict[str, tuple[float, dict[str, str], str]] = {
    "payments": (
        PAYMENTS_ROLLOUT,
        {"DB_POOL_SIZE": "5"},
        "payments 2.14.0: right-size the connection pool, update the acquirer's client (#482)",
    ),
    "catalog": (CATALOG_ROLLOUT, {}, "catalog v3.2.0: show delivery times on product pages (#1240)"),
}
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def build(plane: ControlPlane, kubelet: Kubelet) -> dict[str, tuple[str, ...]]:
    """Make the shop and return the names of each service's pods."""
    plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    for node in NODES:
        plane.add_node(node, kubelet_port=kubelet.port)
    for name in SERVICES:
        plane.apply(_service(name))
        for version, _, environment, cause in HISTORY.get(name, []):
            plane.apply(_deployment(name, version, environment, cause, replicas=0))
            _wait_for_revision(plane, name, cause)
        _, environment, cause = PRESENT.get(name, (0.0, {}, f"{name} {SERVICES[name].version}"))
        plane.apply(_deployment(name, SERVICES[name].version, environment, cause, replicas=0))
        _wait_for_revision(plane, name, cause)
        plane.apply(_deployment(name, SERVICES[name].version, environment, cause, replicas=SERVICES[name].replicas))
    wanted = sum(traffic.replicas for traffic in SERVICES.values())
    plane.run_pods(NAMESPACE, wanted=wanted)

    def available() -> bool:
        return all(
            one["status"].get("availableReplicas") == one["spec"]["replicas"]
            for one in plane.objects("Deployment", NAMESPACE)
        )

    until(available, what="available deployments")

    def reachable() -> bool:
        found = {
            one["metadata"]["name"]: sum(len(part.get("addresses") or ()) for part in one.get("subsets") or ())
            for one in plane.objects("Endpoints", NAMESPACE)
        }
        return all(found.get(name) == traffic.replicas for name, traffic in SERVICES.items())

    until(reachable, what="endpoints of every service")
    plane.call("DELETE", f"api/v1/namespaces/{NAMESPACE}/events")
    pods: dict[str, list[str]] = {}
    for pod in plane.objects("Pod", NAMESPACE):
        pods.setdefault(pod["metadata"]["labels"]["app"], []).append(pod["metadata"]["name"])
    names = {name: tuple(sorted(found)) for name, found in pods.items()}
    _date_back(plane)
    _complain(plane, names["payments"])
    _write_logs(kubelet, names)
    return names


def _service(name: str) -> Object:
    return {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": 8080}]},
    }  # fmt: skip


def _deployment(name: str, version: str, environment: dict[str, str], cause: str, *, replicas: int) -> Object:
    labels = {"app": name, "app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "shop"}
    variables = {
        "PORT": "8080",
        **{f"{callee.upper()}_URL": f"http://{callee}.{NAMESPACE}.svc:8080" for callee in SERVICES[name].calls},
    }
    if name in POOL:
        variables |= {"DB_HOST": f"{name}-db.prod.internal", "DB_POOL_SIZE": str(POOL[name][0])}
    variables |= environment
    container = {
        "name": name,
        "image": f"registry.example.com/acme/{name}:{version}",
        "ports": [{"containerPort": 8080}],
        "env": [{"name": key, "value": value} for key, value in variables.items()],
        "resources": {"requests": {"cpu": "250m", "memory": "512Mi"}, "limits": {"cpu": "1", "memory": "768Mi"}},
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 10},
    }
    return {
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels, "annotations": {"kubernetes.io/change-cause": cause}},
        "spec": {
            "replicas": replicas, "revisionHistoryLimit": 10, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }  # fmt: skip


def _wait_for_revision(plane: ControlPlane, name: str, cause: str) -> None:
    def made() -> bool:
        return any(
            one["metadata"]["annotations"].get("kubernetes.io/change-cause") == cause
            for one in _replica_sets(plane, name)
        )

    until(made, what=f"the replica set of {cause!r}")


def _replica_sets(plane: ControlPlane, name: str = "") -> list[Object]:
    where = f"apis/apps/v1/namespaces/{NAMESPACE}/replicasets"
    return list(plane.call("GET", where + (f"?labelSelector=app%3D{name}" if name else ""))["items"])


def _date_back(plane: ControlPlane) -> None:
    """Give every object the times of the story; the API server sets them itself and lets nobody change them."""
    ages = {cause: ALERT - before for revisions in HISTORY.values() for _, before, _, cause in revisions}
    ages |= {cause: at for at, _, cause in PRESENT.values()}
    made: dict[str, float] = {}
    for one in _replica_sets(plane):
        at = ages.get(one["metadata"]["annotations"].get("kubernetes.io/change-cause", ""), ALERT - 21 * DAY)
        made[one["metadata"]["name"]] = at
        _rewrite(plane, f"apis/apps/v1/namespaces/{NAMESPACE}/replicasets", "replicasets/shop", one, at)
    for pod in plane.objects("Pod", NAMESPACE):
        at = made[pod["metadata"]["ownerReferences"][0]["name"]] + 4
        _rewrite(plane, f"api/v1/namespaces/{NAMESPACE}/pods", "pods/shop", pod, at)
    for one in plane.objects("Deployment", NAMESPACE):
        at = PRESENT.get(one["metadata"]["name"], (ALERT - 21 * DAY, {}, ""))[0]

        def progressed(found: Object, at: float = at) -> None:
            found["metadata"]["creationTimestamp"] = stamp(ALERT - 190 * DAY)
            for condition in found["status"]["conditions"]:
                condition["lastUpdateTime"] = stamp(at + 18)

        _rewrite(plane, f"apis/apps/v1/namespaces/{NAMESPACE}/deployments", "deployments/shop", one, at, progressed)
    for one in plane.objects("Service", NAMESPACE):
        _rewrite(plane, f"api/v1/namespaces/{NAMESPACE}/services", "services/specs/shop", one, ALERT - 190 * DAY)
    for one in plane.objects("Node"):
        _rewrite(plane, "api/v1/nodes", "minions", one, ALERT - 41 * DAY)


def _rewrite(
    plane: ControlPlane, path: str, key: str, one: Object, at: float, change: Callable[[Object], None] = lambda _: None
) -> None:
    """Write an object straight into etcd, all of its times moved to `at`; the API server reads JSON there, too."""
    name = one["metadata"]["name"]
    found: Object = json.loads(_STAMP.sub(stamp(at), json.dumps(plane.call("GET", f"{path}/{name}"))))
    change(found)
    found["metadata"].pop("resourceVersion")
    found["metadata"].pop("managedFields", None)
    words = (f"/registry/{key}/{name}".encode(), json.dumps(found).encode())
    encoded, value = (base64.b64encode(word).decode() for word in words)
    httpx.post(
        f"{plane.store}/v3/kv/put", json={"key": encoded, "value": value}, trust_env=False, timeout=PATIENCE
    ).raise_for_status()


def _complain(plane: ControlPlane, pods: tuple[str, ...]) -> None:
    """The kubelet's word on payments: its readiness probe waits for a connection, too."""
    for number, (pod, first, last, count) in enumerate(
        ((pods[0], SWITCHED + 75, ALERT - 8, 5), (pods[1], SWITCHED + 98, ALERT - 21, 3))
    ):
        body = {
            "apiVersion": "v1", "kind": "Event", "type": "Warning", "reason": "Unhealthy", "count": count,
            "metadata": {"name": f"{pod}.18f2{number}", "namespace": NAMESPACE},
            "message": 'Readiness probe failed: Get "http://10.42.1.17:8080/ready": context deadline exceeded (Client.Timeout exceeded while awaiting headers)',
            "involvedObject": {"kind": "Pod", "namespace": NAMESPACE, "name": pod, "fieldPath": "spec.containers{payments}"},
            "source": {"component": "kubelet", "host": NODES[number]}, "firstTimestamp": stamp(first), "lastTimestamp": stamp(last),
        }  # fmt: skip
        plane.apply(body)


def _write_logs(kubelet: Kubelet, names: dict[str, tuple[str, ...]]) -> None:
    for name, pods in names.items():
        for pod in pods:
            kubelet.write(
                NAMESPACE,
                pod,
                name,
                *(
                    (stamp(at).replace("Z", f".{int(at * 1000) % 1000:03d}000000Z"), line)
                    for at, line in sorted(_lines(name, pod))
                ),
            )


def _lines(name: str, pod: str) -> Iterator[tuple[float, str]]:
    """What a container says: few lines while all is well, and its own kind of trouble."""
    wobble = noise("log", pod)
    begin = PRESENT[name][0] + 9 if name in PRESENT else ALERT - 3300
    if name in PRESENT:
        yield begin, f"INFO  Starting {name} {SERVICES[name].version} on {pod}"
        if name == "payments":
            yield begin + 1.4, "INFO  HikariPool-1 - Starting with maximumPoolSize=5"
        yield begin + 3.1, f"INFO  {name} is listening on :8080"
    at = begin + 5
    while at < ALERT + 1800:
        yield at, f"INFO  {_routine(name)} in {abs(SERVICES[name].p50 * 1000 * (1 + 0.2 * wobble())):.0f} ms"
        at += 60 + 9 * abs(wobble())
    if name not in TROUBLE:
        yield ALERT - 2400, "WARN  configuration reload skipped: nothing changed"
        return
    since, every, say = TROUBLE[name]
    at, number = since, 0
    while at < ALERT + 1800:
        yield at, say(number, wobble)
        number += 1
        # The first minutes are the loudest; later the clients back off.
        at += every * (1 + 0.3 * abs(wobble())) * (1.0 if at < ALERT + 120 else 6.0)


def _routine(name: str) -> str:
    return {
        "web": "GET /products 200", "catalog": "GET /catalog/items 200", "cart": "GET /cart 200",
        "checkout": "POST /checkout 200", "payments": "POST /payments 201", "orders": "POST /orders 201",
    }[name]  # fmt: skip


def _payments(number: int, wobble: Callable[[], float]) -> str:
    waiting = max(4, round(30 + 7 * wobble()))
    if number % 4 == 3:
        return f"WARN  POST /payments 503 in {30000 + round(40 * abs(wobble()))} ms: no database connection"
    return (
        "ERROR HikariPool-1 - Connection is not available, request timed out after 30000ms "
        f"(total=5, active=5, idle=0, waiting={waiting})"
    )


def _checkout(number: int, wobble: Callable[[], float]) -> str:
    if number % 3 == 2:
        return f"WARN  slow call: payments answered after {2400 + round(500 * abs(wobble()))} ms"
    return "ERROR POST /checkout 504: request to http://payments.shop.svc:8080/payments timed out after 3000 ms"


def _web(_: int, __: Callable[[], float]) -> str:
    return "WARN  POST /checkout: upstream checkout answered 504"


TROUBLE: dict[str, tuple[float, float, Callable[[int, Callable[[], float]], str]]] = {
    "payments": (SWITCHED + 48, 6.0, _payments),
    "checkout": (SWITCHED + 52, 7.0, _checkout),
    "web": (SWITCHED + 61, 15.0, _web),
}
