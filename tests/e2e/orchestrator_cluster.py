"""Ten common faults, each in a namespace of its own of a real Kubernetes API, as controllers, scheduler and kubelets would show them."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scoring.evidence import CauseKind
from tests.e2e.shop_cluster import DAY, _rewrite
from tests.servers.control_plane import ControlPlane, Object, running_status, stamp
from tests.waiting import until

if TYPE_CHECKING:
    from tests.servers.kubelet import Kubelet

K = CauseKind
# How long ago a rollout began, and its pods to fail: seconds.
ROLLED_OUT, FAILED = 240.0, 200.0


@dataclass(frozen=True)
class Case:
    """A fault: what somebody says of it, what is broken where, and which causes are the right answer.

    `about` is the service at fault where it is another than the one that is named; that one is its caller. `says` is what the
    first hypothesis must name besides the kind of cause; `logs` are lines of the container at fault, `previous` where it restarted.
    """

    name: str
    words: str
    service: str
    kinds: tuple[CauseKind, ...]
    first: str
    about: str = ""
    says: str = ""
    logs: tuple[str, ...] = ()
    previous: bool = False
    breaks: Callable[[ControlPlane, Case], None] = field(default=lambda _plane, _case: None, repr=False)
    replicas: int = 1
    spec: Object = field(default_factory=dict, repr=False)

    @property
    def at_fault(self) -> str:
        """The service that is broken."""
        return self.about or self.service

    @property
    def namespace(self) -> str:
        """Where it lives."""
        return self.at_fault


def deployment(case: Case, *, version: str = "2.4.0", env: dict[str, str] | None = None, **container: Any) -> Object:
    """The deployment of a case, as it was before, or as it is rolled out."""
    labels = {"app": case.at_fault}
    made = {
        "name": case.at_fault,
        "image": f"registry.example.org/acme/{case.at_fault}:{version}",
        "ports": [{"containerPort": 8080}],
        "env": [
            {"name": name, "value": value}
            for name, value in {"DB_HOST": "orders-db.prod.internal", **(env or {})}.items()
        ],
        "resources": {"limits": {"memory": "256Mi"}},
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}},
        **container,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": case.at_fault, "namespace": case.namespace, "labels": labels},
        "spec": {
            "replicas": case.replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {**case.spec, "containers": [made]}},
        },
    }  # fmt: skip


def build(plane: ControlPlane, kubelet: Kubelet, cases: tuple[Case, ...]) -> None:
    """Make all the cases' worlds: three days of quiet, then each breaks."""
    plane.add_node("worker-1", kubelet_port=kubelet.port)
    plane.add_node("batch-1", kubelet_port=kubelet.port)
    patch = {"metadata": {"labels": {"pool": "batch"}}, "spec": {"unschedulable": True}}
    plane.call("PATCH", "api/v1/nodes/batch-1", patch, content_type="application/merge-patch+json")
    # Each has a namespace of its own, and waits for controllers most of the time.
    with ThreadPoolExecutor(max_workers=len(cases)) as pool:
        list(pool.map(lambda case: _make(plane, kubelet, case), cases))


def _make(plane: ControlPlane, kubelet: Kubelet, case: Case) -> None:
    plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": case.namespace}})
    plane.apply(
        deployment(case),
        {
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": case.at_fault, "namespace": case.namespace},
            "spec": {"selector": {"app": case.at_fault}, "ports": [{"port": 8080}]},
        },
    )  # fmt: skip
    if not case.spec.get("nodeSelector"):
        plane.run_pods(case.namespace, wanted=case.replicas)
        _settle(plane, case)
    _date_back(plane, case)
    case.breaks(plane, case)
    for pod in pods(plane, case):
        _log(kubelet, case, pod)


def pods(plane: ControlPlane, case: Case) -> list[Object]:
    """A case's pods, the newest first."""
    found = plane.objects("Pod", case.namespace)
    return sorted(found, key=lambda one: one["metadata"]["creationTimestamp"], reverse=True)


def _date_back(plane: ControlPlane, case: Case) -> None:
    at, space = time.time() - 3 * DAY, case.namespace
    for kind, root in (("replicasets", "apis/apps/v1"), ("deployments", "apis/apps/v1"), ("pods", "api/v1")):
        path = f"{root}/namespaces/{space}/{kind}"
        for one in plane.call("GET", path)["items"]:
            _rewrite(plane, path, f"{kind}/{space}", one, at)
    for one in plane.objects("Service", space):
        _rewrite(plane, f"api/v1/namespaces/{space}/services", f"services/specs/{space}", one, at)
    plane.call("DELETE", f"api/v1/namespaces/{space}/events")


def _log(kubelet: Kubelet, case: Case, pod: Object) -> None:
    now, name = time.time(), pod["metadata"]["name"]
    quiet = [(stamp(now - 3000 + 60 * minute), f"INFO served {minute * 7} requests") for minute in range(45)]
    kubelet.write(case.namespace, name, case.at_fault, *quiet)
    if case.logs:
        told = [(stamp(now - 240 + 6 * turn), case.logs[turn % len(case.logs)]) for turn in range(36)]
        kubelet.write(case.namespace, name, case.at_fault, *told)
        kubelet.write(case.namespace, name, case.at_fault, *told, previous=True)


def _settle(plane: ControlPlane, case: Case) -> None:
    """Wait until the controllers have seen the pods: what they write later would be dated now, in a world of three days ago."""

    def told() -> bool:
        (one,) = plane.objects("Deployment", case.namespace)
        return [one["status"].get("availableReplicas", 0), *reached(plane, case)] == [case.replicas] * 3

    until(told, what=f"{case.at_fault} to be available")


def reached(plane: ControlPlane, case: Case) -> list[int]:
    """How many pods the case's service leads to, by each of the two APIs that tell of it."""
    parts = [part for one in plane.objects("Endpoints", case.namespace) for part in one.get("subsets") or ()]
    slices = plane.call("GET", f"apis/discovery.k8s.io/v1beta1/namespaces/{case.namespace}/endpointslices")["items"]
    return [
        sum(len(part.get("addresses") or ()) for part in parts),
        sum(bool((end.get("conditions") or {}).get("ready")) for one in slices for end in one["endpoints"] or ()),
    ]


def rolled_out(plane: ControlPlane, case: Case) -> Object:
    """The pod that a rollout has just made and the scheduler has placed; dated back, as trouble that is told of has lasted minutes."""

    def made() -> Object | None:
        found = [one for one in pods(plane, case) if _age(one) < DAY and one["spec"].get("nodeName")]
        return found[0] if found else None

    found: Object = until(made, what=f"a new pod of {case.name}")
    at, space, owner = time.time() - ROLLED_OUT, case.namespace, found["metadata"]["ownerReferences"][0]["name"]
    for kind, root, name in (("replicasets", "apis/apps/v1", owner), ("pods", "api/v1", found["metadata"]["name"])):
        _rewrite(plane, f"{root}/namespaces/{space}/{kind}", f"{kind}/{space}", {"metadata": {"name": name}}, at)
    return found


def _age(one: Object) -> float:
    made = time.strptime(one["metadata"]["creationTimestamp"], "%Y-%m-%dT%H:%M:%SZ")
    import calendar

    return time.time() - calendar.timegm(made)


def stop(plane: ControlPlane, case: Case, pod: Object, *, reason: str, code: int, restarts: int = 5) -> None:
    """Let a pod's container end again and again."""
    now = time.time()
    status = running_status(pod, restarts=restarts, ready=False)
    status["containerStatuses"][0] |= {
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 1m20s restarting failed container"}},
        "lastState": {"terminated": {"exitCode": code, "reason": reason, "startedAt": stamp(now - 90), "finishedAt": stamp(now - 60)}},
    }  # fmt: skip
    plane.set_status("Pod", case.namespace, pod["metadata"]["name"], status)
    event(plane, case, pod, "BackOff", "Back-off restarting failed container")


def wait(plane: ControlPlane, case: Case, pod: Object, *, reason: str, message: str) -> None:
    """Let a pod's container wait."""
    status = running_status(pod, ready=False)
    status["phase"] = "Pending"
    status["containerStatuses"][0] |= {"started": False, "state": {"waiting": {"reason": reason, "message": message}}}
    plane.set_status("Pod", case.namespace, pod["metadata"]["name"], status)


def event(plane: ControlPlane, case: Case, pod: Object, reason: str, message: str, *, count: int = 6) -> None:
    """Say what a kubelet says of a pod."""
    now, name = time.time(), pod["metadata"]["name"]
    plane.apply({
        "apiVersion": "v1", "kind": "Event", "type": "Warning", "reason": reason, "message": message, "count": count,
        "metadata": {"name": f"{name}.{reason.lower()}", "namespace": case.namespace},
        "involvedObject": {"kind": "Pod", "namespace": case.namespace, "name": name},
        "firstTimestamp": stamp(now - FAILED), "lastTimestamp": stamp(now - 5), "source": {"component": "kubelet", "host": "worker-1"},
    })  # fmt: skip


def _oom(plane: ControlPlane, case: Case) -> None:
    stop(plane, case, pods(plane, case)[0], reason="OOMKilled", code=137)


def _environment(plane: ControlPlane, case: Case) -> None:
    plane.apply(deployment(case, env={"DB_HOST": "orders-dbb.prod.internal"}))
    stop(plane, case, rolled_out(plane, case), reason="Error", code=1)


def _image(plane: ControlPlane, case: Case) -> None:
    plane.apply(deployment(case, version="2.5.0-tpyo"))
    pod = rolled_out(plane, case)
    image = pod["spec"]["containers"][0]["image"]
    wait(plane, case, pod, reason="ImagePullBackOff", message=f'Back-off pulling image "{image}"')
    why = f'Failed to pull image "{image}": rpc error: code = NotFound desc = failed to resolve reference: {image}: not found'
    event(plane, case, pod, "Failed", why)


def _probe(plane: ControlPlane, case: Case) -> None:
    plane.apply(deployment(case, readinessProbe={"httpGet": {"path": "/healthz-v2", "port": 8080}}))
    pod = rolled_out(plane, case)
    plane.set_status("Pod", case.namespace, pod["metadata"]["name"], running_status(pod, ready=False))
    event(plane, case, pod, "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 404", count=24)


def _secret(plane: ControlPlane, case: Case) -> None:
    named = {"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "billing-credentials", "key": "password"}}}
    made = deployment(case)
    made["spec"]["template"]["spec"]["containers"][0]["env"].append(named)
    plane.apply(made)
    pod = rolled_out(plane, case)
    why = 'secret "billing-credentials" not found'
    wait(plane, case, pod, reason="CreateContainerConfigError", message=why)
    event(plane, case, pod, "Failed", f"Error: {why}")


def _quota(plane: ControlPlane, case: Case) -> None:
    plane.apply({
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "team", "namespace": case.namespace}, "spec": {"hard": {"pods": "1"}},
    })  # fmt: skip
    until(
        lambda: (
            (plane.objects("ResourceQuota", case.namespace)[0].get("status") or {}).get("used", {}).get("pods") == "1"
        ),
        seconds=30,
        what="the quota's status",
    )
    path = f"apis/apps/v1/namespaces/{case.namespace}/deployments/{case.at_fault}"
    plane.call("PATCH", path, {"spec": {"replicas": 3}}, content_type="application/merge-patch+json")
    until(
        lambda: [one for one in plane.objects("Event", case.namespace) if one["reason"] == "FailedCreate"],
        seconds=30,
        what="pods that the quota refuses",
    )


def _selector(plane: ControlPlane, case: Case) -> None:
    path = f"api/v1/namespaces/{case.namespace}/services/{case.at_fault}"
    body = {"spec": {"selector": {"app": f"{case.at_fault}-v2"}}}
    plane.call("PATCH", path, body, content_type="application/merge-patch+json")
    until(lambda: reached(plane, case) == [0, 0], what=f"the endpoints of {case.at_fault} to go")


CASES = (
    Case(
        "OOM kill", "cart-api keeps restarting, its pods are OOM killed", "cart-api", (K.MEMORY_SATURATION,),
        "kubernetes + logs + changes + metrics first", breaks=_oom, previous=True, says="OOMKilled|OutOfMemory",
        logs=("ERROR java.lang.OutOfMemoryError: Java heap space", "WARN GC overhead: 97% of the last minute"),
    ),
    Case(
        "wrong environment variable", "orders is crash looping since the last rollout", "orders", (K.CONFIG_CHANGE, K.BAD_DEPLOY),
        "kubernetes + logs + changes + metrics first", breaks=_environment, previous=True, says="DB_HOST",
        logs=("FATAL could not connect to the database: lookup orders-dbb.prod.internal: no such host",),
    ),
    Case(
        "bad image", "catalog cannot pull its image since the deploy", "catalog", (K.IMAGE, K.BAD_DEPLOY),
        "kubernetes + changes + credentials first", breaks=_image, says="ImagePull|ImageNotFound|2.5.0-tpyo",
    ),
    Case(
        "failing probe", "search is not ready after the release, probes fail", "search", (K.CONFIG_CHANGE, K.BAD_DEPLOY, K.FAILING_PROBE),
        "kubernetes + changes + logs first", breaks=_probe, says="probe", logs=('WARN "GET /healthz-v2 HTTP/1.1" 404',),
    ),
    Case(
        "missing secret", "billing does not come up: CreateContainerConfigError", "billing",
        (K.CONFIG_CHANGE, K.BAD_DEPLOY, K.CREDENTIALS), "kubernetes + changes + credentials first", breaks=_secret, says="billing-credentials",
    ),
    Case(
        "full quota", "reports does not scale up, the resource quota seems full", "reports", (K.SCHEDULING, K.CONFIG_CHANGE),
        "kubernetes + changes + metrics first", breaks=_quota, says="quota",
    ),
    Case(
        "cordoned node", "a pod of nightly is pending for minutes", "nightly", (K.SCHEDULING, K.NODE_FAILURE, K.HUMAN_OR_JOB),
        "kubernetes + changes + metrics first", says="cordoned", spec={"nodeSelector": {"pool": "batch"}},
    ),
    Case(
        "wrong selector", "profile is unavailable, its service has no endpoints", "profile", (K.CONFIG_CHANGE,),
        "kubernetes + changes + logs first", breaks=_selector, says="selector|selects|matches no pod",
    ),
    Case(
        "expired certificate", "storefront shows errors at sign in, something with a certificate", "storefront", (K.CREDENTIALS,),
        "credentials + kubernetes + logs + changes", about="identity", says="certificate has expired",
        logs=("ERROR tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time is after 2026-11-20T23:59:59Z",),
    ),
    Case(
        "exhausted connections", "checkout-web answers 500: too many connections somewhere behind it", "checkout-web",
        (K.DATABASE_CONNECTIONS, K.CONNECTION_SATURATION), "database + metrics + logs + changes", about="accounts", says="too many clients|connection slots",
        logs=("ERROR FATAL: sorry, too many clients already", "ERROR FATAL: remaining connection slots are reserved for superusers"),
    ),
)  # fmt: skip
