"""A recorded cluster: kubectl's texts, manifests and checks from outside become what is said of a live cluster."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from integrations import cluster
from integrations.recorded import accounts, objects
from scoring.observations import Dependency, Entity, EntityKind, State

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from integrations.recorded.entities import Entities
    from scoring.observations import Observation, Window

Object = dict[str, Any]

_ACTIVE = re.compile(
    r"Active:\s*(?P<state>\w+)(?:\s*\((?P<how>[^)]*)\))?(?:\s*since\s+\w+\s+(?P<since>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d))?"
)
_FAILED = re.compile(r"connection failed|refused|timed? ?out|unreachable|no route|closed", re.IGNORECASE)
_SUCCEEDED = re.compile(r"succeeded|open\b", re.IGNORECASE)
# What kubectl and manifests call the objects, and what the API calls their kinds.
KINDS = {
    "pods": "Pod", "deployments": "Deployment", "statefulsets": "StatefulSet", "daemonsets": "DaemonSet",
    "replicasets": "ReplicaSet", "services": "Service", "endpoints": "Endpoints", "nodes": "Node",
    "persistentvolumeclaims": "PersistentVolumeClaim", "persistentvolumes": "PersistentVolume",
    "resourcequotas": "ResourceQuota", "networkpolicies": "NetworkPolicy", "secrets": "Secret", "configmaps": "ConfigMap",
    "serviceaccounts": "ServiceAccount", "storageclasses": "StorageClass",
}  # fmt: skip
# Manifests tell what printing leaves out of what runs; of the rest they tell what was wished.
_MANIFESTS = frozenset({
    "deployments", "statefulsets", "daemonsets", "services", "persistentvolumeclaims", "persistentvolumes", "networkpolicies",
})  # fmt: skip
# A claim that was never made still tells how much was asked for.
_WISHES = frozenset({"persistentvolumeclaims"})


def observations(
    texts: Mapping[str, Any],
    probes: Mapping[str, Any],
    entities: Entities,
    window: Window,
    *,
    now: datetime,
    wall: bool,
) -> Iterator[Observation]:
    """Yield states and dependencies of a cluster that was printed at one moment."""
    read = objects.read(texts, now=now, wall=wall, namespace=entities.namespace)
    manifests = dict(probes.get("app_yaml") or {})
    # A description tells of one object; only a list tells that there is no other.
    listed = {
        plural for plural in KINDS if any(re.match(rf"kubectl get {plural[:-1]}s?\b", command) for command in texts)
    }
    for plural, value in objects.manifests(manifests, entities.namespace):
        if plural in _MANIFESTS:
            read.fill(plural, value, complete=plural in listed and plural not in _WISHES)
    by_kind = {KINDS[plural]: found for plural, found in read.objects.items() if plural in KINDS}
    unread = {(kind, "") for plural, kind in KINDS.items() if plural not in listed}
    by_kind["Event"] = _once(read.events)
    by_kind["NodeService"] = list(_node_services(probes.get("node_services") or {}))
    # The services of the case are known by name; the labels of a workload may name another.
    names = set(entities.services)

    def service_of(namespace: str, workload: str, labels: Mapping[str, str]) -> str:
        del namespace
        return workload if workload in names else next((word for word in labels.values() if word in names), "")

    seen = cluster.Cluster.of(by_kind, at=now.timestamp(), since=window.start, unread=unread, service_of=service_of)
    entities.further |= {
        seen.owner(kind, entities.namespace, str(one["metadata"].get("name", "")))
        for kind, one in seen.workloads("Deployment", "StatefulSet", "DaemonSet")
        if one["metadata"].get("namespace") == entities.namespace
    }
    yield from cluster.find(seen)
    yield from cluster.dependencies(seen)
    yield from accounts.compared(manifests, entities)
    yield from _connectivity(probes.get("connectivity") or {}, entities, at=window.end)
    for pod in seen.within("Pod", entities.namespace):
        node = str(pod.get("spec", {}).get("nodeName") or "")
        if node:
            yield Dependency(seen.pod(pod), Entity(EntityKind.NODE, node), "placement")


def now_of(stamp: object, fallback: float) -> tuple[datetime, bool]:
    """Return the moment of a snapshot, and whether its clock has no zone."""
    try:
        at = datetime.fromisoformat(str(stamp))
    except ValueError:
        return datetime.fromtimestamp(fallback, UTC), False
    return (at.replace(tzinfo=UTC), True) if at.tzinfo is None else (at, False)


def _once(recorded: list[Object]) -> list[Object]:
    """Return each event once: a list and a description print the same ones."""
    best: dict[tuple[str, ...], Object] = {}
    for one in recorded:
        about = one["involvedObject"]
        key = (about["kind"], about["name"], one["reason"], one["message"], one["type"])
        known = best.get(key)
        if known is None or one["count"] > known["count"]:
            best[key] = one
    return list(best.values())


def _connectivity(checks: Mapping[str, Any], entities: Entities, *, at: float) -> Iterator[State]:
    for address, text in sorted(checks.items()):
        name = address.rpartition(":")[0] or address
        lines = [line for line in str(text).splitlines() if _FAILED.search(line) or _SUCCEEDED.search(line)]
        failed = [line for line in lines if _FAILED.search(line) and not _SUCCEEDED.search(line)]
        if failed:
            yield State(
                entities.named(name), "Unreachable" if len(failed) == len(lines) else "PartlyUnreachable", "connectivity",
                at=at, count=len(failed),
                detail=f"{address}: {len(failed)} of {len(lines)} connections failed: {' '.join(failed[0].split())[:200]}",
            )  # fmt: skip


def _node_services(units: Mapping[str, Any]) -> Iterator[Object]:
    """Yield what systemd says of the services of nodes, as objects of their own kind."""
    for key, text in sorted(units.items()):
        node, _, unit = key.partition("/")
        match = _ACTIVE.search(str(text))
        if match is not None:
            since = match["since"]
            yield {
                "metadata": {"name": key},
                "spec": {"node": node, "service": unit},
                "status": {
                    "active": match["state"],
                    "message": match["how"] or "",
                    "since": datetime.fromisoformat(since).replace(tzinfo=UTC).isoformat() if since else "",
                },
            }
