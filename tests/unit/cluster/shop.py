"""A small shop in which all is well; each test breaks one thing of it."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from integrations.cluster import Cluster, find
from scoring.observations import Dependency, State
from tests.integrations.kubernetes_schema import packaged

if TYPE_CHECKING:
    from collections.abc import Callable

Object = dict[str, Any]
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC).timestamp()
NAMESPACE = "shop"
VERSION = "1.37"


def ago(seconds: float) -> str:
    return datetime.fromtimestamp(NOW - seconds, UTC).isoformat().replace("+00:00", "Z")


def thing(name: str, namespace: str = NAMESPACE, **parts: Any) -> Object:
    labels, owner = parts.pop("labels", {}), parts.pop("owner", None)
    metadata: Object = {"name": name, "namespace": namespace, "labels": labels, "creationTimestamp": ago(86_400)}
    if not namespace:
        del metadata["namespace"]
    if owner:
        metadata["ownerReferences"] = [{"kind": owner[0], "name": owner[1], "controller": True}]
    return {"metadata": metadata, **parts}


def container(name: str = "app", port: int = 8080, **parts: Any) -> Object:
    return {
        "name": name,
        "image": f"registry.example.org/{name}:1",
        "ports": [{"name": "http", "containerPort": port, "protocol": "TCP"}],
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
        **parts,
    }


def pod(
    name: str, app: str, owner: tuple[str, str] | None, *, node: str = "node-1", namespace: str = NAMESPACE, **spec: Any
) -> Object:
    return thing(
        name,
        namespace,
        labels={"app": app},
        owner=owner,
        spec={"nodeName": node, "serviceAccountName": "default", "containers": [container()], **spec},
        status={
            "phase": "Running",
            "conditions": [
                {"type": "PodScheduled", "status": "True"},
                {"type": "Ready", "status": "True", "lastTransitionTime": ago(3600)},
            ],
            "containerStatuses": [
                {
                    "name": "app",
                    "ready": True,
                    "restartCount": 0,
                    "image": "registry.example.org/app:1",
                    "state": {"running": {}},
                }
            ],
        },
    )


def workload(name: str, replicas: int = 2, *, namespace: str = NAMESPACE, **spec: Any) -> Object:
    return thing(
        name,
        namespace,
        labels={"app": name},
        spec={
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"serviceAccountName": "default", "containers": [container()]},
            },
            **spec,
        },
        status={
            "replicas": replicas,
            "updatedReplicas": replicas,
            "availableReplicas": replicas,
            "readyReplicas": replicas,
        },
    )


def service(name: str, app: str = "", **spec: Any) -> Object:
    return thing(
        name,
        spec={
            "selector": {"app": app or name},
            "clusterIP": "10.0.0.1",
            "ports": [{"name": "http", "port": 80, "targetPort": 8080}],
            **spec,
        },
    )


def node(name: str) -> Object:
    return thing(
        name,
        "",
        labels={"kubernetes.io/hostname": name, "disk": "ssd"},
        spec={},
        status={
            "allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"},
            "conditions": [
                {"type": "Ready", "status": "True"},
                {"type": "MemoryPressure", "status": "False"},
                {"type": "DiskPressure", "status": "False"},
                {"type": "PIDPressure", "status": "False"},
                {"type": "NetworkUnavailable", "status": "False"},
            ],
        },
    )


def event(kind: str, name: str, reason: str, message: str, **parts: Any) -> Object:
    namespace = parts.pop("namespace", "" if kind == "Node" else NAMESPACE)
    return {
        "metadata": {"name": f"{name}.{reason}", "namespace": namespace or "default"},
        "involvedObject": {"kind": kind, "name": name, "namespace": namespace},
        "reason": reason,
        "message": message,
        "type": "Warning",
        "count": 1,
        "firstTimestamp": ago(60),
        "lastTimestamp": ago(5),
        **parts,
    }


def objects() -> dict[str, list[Object]]:
    """Return a healthy shop: `payments` with two pods, a database with a volume, the ways in, and the cluster's own parts."""
    payments = workload("payments")
    payments["spec"]["template"]["spec"]["containers"][0]["env"] = [
        {"name": "DB_ADDR", "value": "db:5432"},
        {"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}},
    ]
    payments["spec"]["template"]["spec"]["containers"][0]["envFrom"] = [{"configMapRef": {"name": "settings"}}]
    db = workload("db", 1, serviceName="db")
    db["spec"]["template"]["spec"]["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    return {
        "Namespace": [thing(NAMESPACE, ""), thing("kube-system", "")],
        "Node": [node("node-1"), node("node-2")],
        "Deployment": [payments],
        "ReplicaSet": [thing("payments-5c", owner=("Deployment", "payments"), spec={"replicas": 2}, status={"replicas": 2})],
        "StatefulSet": [db],
        "DaemonSet": [
            thing("agent", spec={"template": {"spec": {"containers": [container()]}}}, status={"desiredNumberScheduled": 2, "currentNumberScheduled": 2, "numberAvailable": 2})
        ],
        "Pod": [
            pod("payments-5c-aaaaa", "payments", ("ReplicaSet", "payments-5c")),
            pod("payments-5c-bbbbb", "payments", ("ReplicaSet", "payments-5c"), node="node-2"),
            pod("db-0", "db", ("StatefulSet", "db"), volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]),
            pod("coredns-1", "coredns", ("ReplicaSet", "coredns-77c8d9f5b"), namespace="kube-system"),
            pod("kube-proxy-x", "kube-proxy", ("DaemonSet", "kube-proxy"), namespace="kube-system"),
            pod("kube-scheduler-node-1", "kube-scheduler", ("Node", "node-1"), namespace="kube-system"),
        ],
        "Job": [thing("import", spec={}, status={"succeeded": 1, "conditions": [{"type": "Complete", "status": "True"}]})],
        "CronJob": [thing("report", spec={"schedule": "*/30 * * * *"}, status={"lastScheduleTime": ago(1800)})],
        "Service": [
            service("payments"),
            service("db", ports=[{"name": "sql", "port": 5432, "targetPort": "http"}]),
            service("policy-check", "payments"),
        ],
        "Endpoints": [
            thing(name, subsets=[{"addresses": [{"ip": "10.1.0.1"}], "ports": [{"name": "http", "port": 8080}]}]) for name in ("payments", "db", "policy-check")
        ],
        "Ingress": [
            thing(
                "front",
                spec={
                    "ingressClassName": "nginx",
                    "tls": [{"hosts": ["shop.example.org"], "secretName": "tls"}],
                    "rules": [{"host": "shop.example.org", "http": {"paths": [{"path": "/pay", "backend": {"service": {"name": "payments", "port": {"number": 80}}}}]}}],
                },
            )
        ],
        "IngressClass": [thing("nginx", "")],
        "GatewayClass": [thing("envoy", "", status={"conditions": [{"type": "Accepted", "status": "True"}]})],
        "Gateway": [
            thing(
                "edge",
                spec={"gatewayClassName": "envoy", "listeners": [{"name": "https", "tls": {"certificateRefs": [{"name": "tls"}]}}]},
                status={
                    "conditions": [{"type": "Accepted", "status": "True"}, {"type": "Programmed", "status": "True"}],
                    "listeners": [{"name": "https", "conditions": [{"type": "Accepted", "status": "True"}]}],
                },
            )
        ],
        "HTTPRoute": [
            thing(
                "pay",
                spec={"parentRefs": [{"name": "edge", "sectionName": "https"}], "rules": [{"backendRefs": [{"name": "payments", "port": 80}]}]},
                status={"parents": [{"conditions": [{"type": "Accepted", "status": "True"}, {"type": "ResolvedRefs", "status": "True"}]}]},
            )
        ],
        "PersistentVolumeClaim": [
            thing("data", spec={"storageClassName": "fast", "volumeName": "pv-1", "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "5Gi"}}}, status={"phase": "Bound"})
        ],
        "PersistentVolume": [
            thing(
                "pv-1",
                "",
                spec={"storageClassName": "fast", "capacity": {"storage": "5Gi"}, "accessModes": ["ReadWriteOnce"], "claimRef": {"namespace": NAMESPACE, "name": "data"}},
                status={"phase": "Bound"},
            )
        ],
        "StorageClass": [thing("fast", "", provisioner="csi.example.org")],
        "HorizontalPodAutoscaler": [
            thing(
                "payments",
                spec={
                    "minReplicas": 2,
                    "maxReplicas": 6,
                    "scaleTargetRef": {"kind": "Deployment", "name": "payments"},
                    "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}],
                },
                status={
                    "currentReplicas": 2,
                    "conditions": [
                        {"type": "AbleToScale", "status": "True"},
                        {"type": "ScalingActive", "status": "True"},
                        {"type": "ScalingLimited", "status": "False"},
                    ],
                },
            )
        ],
        "PodDisruptionBudget": [
            thing("payments", spec={"selector": {"matchLabels": {"app": "payments"}}}, status={"disruptionsAllowed": 1, "currentHealthy": 2, "desiredHealthy": 1, "expectedPods": 2})
        ],
        "NetworkPolicy": [
            thing(
                "payments",
                spec={
                    "podSelector": {"matchLabels": {"app": "payments"}},
                    "policyTypes": ["Ingress", "Egress"],
                    "ingress": [{"ports": [{"port": 8080, "protocol": "TCP"}]}],
                    "egress": [{"ports": [{"port": 5432, "protocol": "TCP"}]}, {"ports": [{"port": 53, "protocol": "UDP"}]}],
                },
            )
        ],
        "ValidatingWebhookConfiguration": [
            thing("policy", "", webhooks=[{"name": "check.example.org", "failurePolicy": "Fail", "clientConfig": {"service": {"namespace": NAMESPACE, "name": "policy-check"}}}])
        ],
        "MutatingWebhookConfiguration": [],
        "ConfigMap": [thing("settings", data={"LEVEL": "info"})],
        "Secret": [thing("db", data={"password": ""}), thing("tls", data={"tls.crt": ""})],
        "ServiceAccount": [thing("default"), thing("default", "kube-system")],
        "ResourceQuota": [thing("compute", status={"hard": {"pods": "10", "requests.cpu": "4"}, "used": {"pods": "3", "requests.cpu": "300m"}})],
        "LimitRange": [],
        "Role": [thing("reader")],
        "ClusterRole": [thing("view", "")],
        "RoleBinding": [thing("reads", roleRef={"kind": "Role", "name": "reader"}, subjects=[{"kind": "ServiceAccount", "name": "default"}])],
        "ClusterRoleBinding": [
            thing("views", "", roleRef={"kind": "ClusterRole", "name": "view"}, subjects=[{"kind": "ServiceAccount", "name": "default", "namespace": NAMESPACE}])
        ],
        "PriorityClass": [thing("urgent", "")],
        "Lease": [thing("node-1", "kube-node-lease", spec={"renewTime": ago(5)}), thing("kube-scheduler", "kube-system", spec={"renewTime": ago(3)})],
        "NodeService": [thing("node-1/kubelet", "", spec={"node": "node-1", "service": "kubelet"}, status={"active": "active (running)"})],
        "Event": [],
    }  # fmt: skip


_HEALTHY = objects()


class Shop:
    """Hold the shop's objects, to be broken."""

    def __init__(self) -> None:
        self.objects = copy.deepcopy(_HEALTHY)
        self.unread: list[tuple[str, str]] = []

    def get(self, kind: str, name: str) -> Object:
        return next(one for one in self.objects[kind] if one["metadata"]["name"] == name)

    def drop(self, kind: str, name: str) -> None:
        self.objects[kind].remove(self.get(kind, name))

    def add(self, kind: str, *values: Object) -> None:
        self.objects.setdefault(kind, []).extend(values)

    def template(self, kind: str = "Deployment", name: str = "payments") -> Object:
        found: Object = self.get(kind, name)["spec"]["template"]["spec"]
        return found

    def pods(self, app: str = "payments") -> list[Object]:
        return [one for one in self.objects["Pod"] if one["metadata"]["labels"].get("app") == app]

    def unready(self, app: str = "payments", since: float = 120) -> list[Object]:
        """Make an app's pods not ready; return them."""
        for one in self.pods(app):
            one["status"]["conditions"][1] |= {"status": "False", "lastTransitionTime": ago(since)}
            one["status"]["containerStatuses"][0]["ready"] = False
        return self.pods(app)

    def unplaced(self, message: str, app: str = "payments", **spec: Any) -> Object:
        """Leave one new pod of an app without a node; return it."""
        one = pod(f"{app}-5c-new", app, ("ReplicaSet", f"{app}-5c"), **spec)
        del one["spec"]["nodeName"]
        one["status"] = {
            "phase": "Pending",
            "conditions": [
                {
                    "type": "PodScheduled",
                    "status": "False",
                    "reason": "Unschedulable",
                    "message": message,
                    "lastTransitionTime": ago(90),
                }
            ],
        }
        self.add("Pod", one)
        return one

    def cluster(self, **given: Any) -> Cluster:
        # A field that Kubernetes does not have fails the test, be it a fixture that holds or an analyser that reads it.
        schema = packaged(VERSION)
        watched = {kind: [schema.watched(kind, one) for one in items] for kind, items in self.objects.items()}
        return Cluster.of(watched, at=NOW, unread=self.unread, **given)

    def states(self, **given: Any) -> list[State]:
        return [one for one in find(self.cluster(**given)) if isinstance(one, State)]

    def dependencies(self) -> list[Dependency]:
        return [one for one in find(self.cluster()) if isinstance(one, Dependency)]

    def said(self, *words: str) -> list[tuple[str, str, str]]:
        """Return what is found as entity, condition and detail; only of the named conditions where some are."""
        return [
            (one.entity.key, one.condition, one.detail) for one in self.states() if not words or one.condition in words
        ]

    def one(self, word: str) -> State:
        """Return the only state of a condition."""
        (found,) = [one for one in self.states() if one.condition == word]
        return found


def shop(change: Callable[[Shop], object] | None = None) -> Shop:
    """Return the shop, changed where a change is given."""
    made = Shop()
    if change is not None:
        change(made)
    return made
