"""Deployments, replica sets, stateful sets and daemon sets: fewer replicas than wanted, and why they cannot be made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integrations.cluster import fields, refusals
from integrations.cluster.telling import counted, tell
from integrations.cluster.words import Word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integrations.cluster.cluster import Cluster
    from integrations.cluster.fields import Object
    from scoring.observations import State

KINDS = ("Deployment", "StatefulSet", "DaemonSet")


def find(cluster: Cluster) -> Iterator[State]:
    """Yield what is wrong with the workloads that run all the time."""
    for kind, workload in cluster.workloads(*KINDS):
        yield from _replicas(cluster, kind, workload)
        yield from _conditions(cluster, kind, workload)
        if kind == "StatefulSet":
            yield from _governing(cluster, workload)
    for replica_set in cluster.all("ReplicaSet"):
        # A deployment repeats what its replica sets say.
        if fields.controller(replica_set)[0] != "Deployment":
            yield from _conditions(cluster, "ReplicaSet", replica_set)
            if not fields.controller(replica_set)[1]:
                yield from _replicas(cluster, "ReplicaSet", replica_set)


def wanted(kind: str, workload: Object) -> int:
    """Return how many pods a workload should have."""
    if kind == "DaemonSet":
        return fields.number(workload, "status", "desiredNumberScheduled")
    return fields.number(workload, "spec", "replicas") if fields.has(workload, "spec", "replicas") else 1


def working(kind: str, workload: Object) -> int:
    """Return how many pods of a workload are at work."""
    field = {"DaemonSet": "numberAvailable", "StatefulSet": "readyReplicas"}.get(kind, "availableReplicas")
    return fields.number(workload, "status", field)


def _replicas(cluster: Cluster, kind: str, workload: Object) -> Iterator[State]:
    namespace, name = fields.namespace(workload), fields.name(workload)
    entity = cluster.workload(kind, namespace, name)
    asked, have = wanted(kind, workload), working(kind, workload)
    if have < asked:
        available = fields.condition(workload, "Available")
        at = fields.seconds(available.get("lastTransitionTime")) if available.get("status") == "False" else None
        yield tell(
            cluster, "ReplicasUnavailable", entity, kind, workload,
            f"{kind.lower()} {name}: {asked - have} of {counted(asked, 'replica')} unavailable", at=at, count=asked - have,
            workload=name,
        )  # fmt: skip
    if kind in {"Deployment", "StatefulSet"} and asked == 0 and (service := _serves(cluster, workload)):
        yield tell(
            cluster, "ScaledToZero", entity, kind, workload,
            f"{kind.lower()} {name} is scaled to 0 replicas, and service {service} selects no other pods",
            at=fields.changed(workload), workload=name,
        )  # fmt: skip
    if kind == "DaemonSet" and 0 < (placed := fields.number(workload, "status", "currentNumberScheduled")) < asked:
        detail = f"daemonset {name} runs on {placed} of {counted(asked, 'node')}"
        yield tell(
            cluster, Word.DAEMON_PODS_MISSING, entity, kind, workload, detail, count=asked - placed, workload=name
        )
    if kind == "Deployment" and fields.part(workload, "spec").get("paused") is True:
        updated = fields.number(workload, "status", "updatedReplicas")
        if updated < asked:
            detail = f"deployment {name} is paused with {updated} of {counted(asked, 'replica')} of its newest revision"
            yield tell(cluster, Word.ROLLOUT_PAUSED, entity, kind, workload, detail, at=fields.changed(workload))


def _serves(cluster: Cluster, workload: Object) -> str:
    """Return a Service that would select a workload's pods and selects none now, "" where none does."""
    labels = fields.words(workload, "spec", "template", "metadata", "labels")
    namespace = fields.namespace(workload)
    for service in cluster.within("Service", namespace):
        selector = fields.words(service, "spec", "selector")
        if selector and selector.items() <= labels.items() and not cluster.pods(namespace, selector):
            return fields.name(service)
    return ""


def _conditions(cluster: Cluster, kind: str, workload: Object) -> Iterator[State]:
    namespace, name = fields.namespace(workload), fields.name(workload)
    for one in fields.parts(workload, "status", "conditions"):
        refused = one.get("type") == "ReplicaFailure" and one.get("status") == "True"
        stuck = one.get("type") == "Progressing" and one.get("status") == "False"
        if not refused and not stuck:
            continue
        message = fields.text(one, "message")
        word = (refusals.why(message) if refused else None) or fields.text(one, "reason") or fields.text(one, "type")
        if word == "DeploymentPaused":
            continue
        yield tell(
            cluster, word, cluster.workload(kind, namespace, name), kind, workload,
            f"{kind.lower()} {name}: {message}", about=refusals.account(message),
            at=fields.seconds(one.get("lastTransitionTime")), workload=name,
        )  # fmt: skip


def _governing(cluster: Cluster, workload: Object) -> Iterator[State]:
    namespace, name, service = (
        fields.namespace(workload),
        fields.name(workload),
        fields.text(workload, "spec", "serviceName"),
    )
    entity = cluster.workload("StatefulSet", namespace, name)
    if service and cluster.lacks("Service", namespace, service):
        yield tell(
            cluster, Word.GOVERNING_SERVICE_MISSING, entity, "StatefulSet", workload,
            f"statefulset {name} names the Service {service}, which does not exist: its pods have no names in the DNS",
            about=service, at=fields.changed(workload),
        )  # fmt: skip
    for claim in fields.parts(workload, "spec", "volumeClaimTemplates"):
        storage = fields.text(claim, "spec", "storageClassName")
        if storage and cluster.lacks("StorageClass", "", storage):
            yield tell(
                cluster, Word.STORAGE_CLASS_MISSING, entity, "StatefulSet", workload,
                f"statefulset {name} claims volumes of storage class {storage}, which does not exist", about=storage,
                at=fields.changed(workload),
            )  # fmt: skip
