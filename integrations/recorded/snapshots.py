"""A recorded cluster: kubectl's texts, manifests and checks from outside become what the live reader says of a cluster."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from integrations import cluster as cluster_conditions
from integrations import wiring
from integrations.base import Scope, ServiceScope
from integrations.kubernetes import environment, events, fields, pods, workloads
from integrations.kubernetes.ownership import Owners
from integrations.kubernetes.snapshot import DEPLOYMENTS, STATEFULSETS, Snapshot
from integrations.recorded import cluster
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
_COMPONENTS = {
    "kubelet": "KubeletDown", "containerd": "ContainerRuntimeDown", "docker": "ContainerRuntimeDown", "crio": "ContainerRuntimeDown",
    "kube-proxy": "KubeProxyDown", "kube-scheduler": "SchedulerDown", "kube-controller-manager": "ControllerManagerDown",
    "kube-apiserver": "ApiServerDown", "etcd": "EtcdDown",
}  # fmt: skip
_PASSWORD = re.compile(r"^(?P<stem>.*?)(?:_?(?:MYSQL|POSTGRES|PG|DB|REDIS|DATABASE))?_?(?:PASSWORD|PASSWD|PWD)$")
_LISTED = ("secrets", "configmaps", "serviceaccounts", "persistentvolumeclaims")
_KINDS = {
    "pods": "Pod", "deployments": "Deployment", "statefulsets": "StatefulSet", "daemonsets": "DaemonSet",
    "replicasets": "ReplicaSet", "services": "Service", "endpoints": "Endpoints", "nodes": "Node", "events": "Event",
    "persistentvolumeclaims": "PersistentVolumeClaim", "persistentvolumes": "PersistentVolume",
    "resourcequotas": "ResourceQuota", "networkpolicies": "NetworkPolicy", "secrets": "Secret", "configmaps": "ConfigMap",
    "serviceaccounts": "ServiceAccount", "storageclasses": "StorageClass",
}  # fmt: skip
_ISO = "%Y-%m-%d %H:%M:%S"


def observations(
    texts: Mapping[str, Any],
    probes: Mapping[str, Any],
    entities: Entities,
    window: Window,
    *,
    now: datetime,
    wall: bool,
) -> Iterator[Observation]:
    """Yield states, changes and dependencies of a cluster that was printed at one moment."""
    read = cluster.read(texts, now=now, wall=wall, namespace=entities.namespace)
    manifests = dict(probes.get("app_yaml") or {})
    for plural, value in cluster.manifests(manifests, entities.namespace):
        if plural == "secrets":
            value["stringData"] = {}
        if plural in {
            "deployments",
            "statefulsets",
            "daemonsets",
            "services",
            "persistentvolumeclaims",
            "persistentvolumes",
        }:
            # What runs was printed; the manifest tells what printing leaves out.
            read.add(plural, value)
    snapshot = Snapshot(objects={**read.objects, "events": _once(read.events)})
    owners = Owners(snapshot, _scope(entities))
    own = [one for one in snapshot.objects.get("pods", []) if one["metadata"].get("namespace") == entities.namespace]
    snapshot.objects["pods"] = own
    yield from pods.states(own, owners, window)
    yield from workloads.states(snapshot, owners)
    well = _well(snapshot, owners)
    # What complained of something that is well, or gone, says nothing of now.
    yield from (state for state in events.states(snapshot, owners, window) if not _settled(state, well))
    yield from environment.dependencies(snapshot, owners)
    whole = frozenset(plural for plural in _LISTED if any(f"kubectl get {plural} " in command for command in texts))
    yield from _conditions(snapshot, owners, whole, at=window.end)
    yield from _credentials(manifests, entities)
    yield from _database(manifests, entities)
    yield from _connectivity(probes.get("connectivity") or {}, entities, at=window.end)
    yield from _node_services(
        probes.get("node_services") or {}, entities, used={one["spec"].get("nodeName") for one in own}
    )
    for pod in own:
        node = str(pod["spec"].get("nodeName") or "")
        if node:
            yield Dependency(owners.pod_entity(pod), Entity(EntityKind.NODE, node), "placement")


def _conditions(snapshot: Snapshot, owners: Owners, whole: frozenset[str], *, at: float) -> Iterator[State]:
    """Yield what is wrong among the objects, each condition of a thing once."""

    def service_of(namespace: str, workload: str, labels: Mapping[str, str]) -> str:
        service = owners.service(namespace, workload, dict(labels))
        return service.name if service else ""

    by_kind = {_KINDS[plural]: items for plural, items in snapshot.objects.items() if plural in _KINDS}
    unlisted = {_KINDS[plural] for plural in _LISTED} - {_KINDS[plural] for plural in whole}
    found = list(
        cluster_conditions.find(
            cluster_conditions.Cluster.of(
                {kind: items for kind, items in by_kind.items() if kind not in unlisted}, at=at, service_of=service_of
            )
        )
    )
    found += wiring.states(
        wiring.Objects(
            snapshot.objects,
            lambda namespace, name, labels: owners.workload_entity(namespace, name, labels),
            whole=whole,
        )
    )
    seen: set[tuple[str, str]] = set()
    for state in found:
        if (state.entity.service, state.condition) not in seen:
            yield state
        seen.add((state.entity.service, state.condition))


def _well(snapshot: Snapshot, owners: Owners) -> dict[str, bool]:
    """Return for each pod and each owner of workloads whether it is as it should be now."""
    found: dict[str, bool] = {}
    for pod in snapshot.objects.get("pods", []):
        statuses = pod["status"].get("containerStatuses") or ()
        found[owners.pod_entity(pod).key] = not pods.is_unwell(pod) and not any(
            one.get("restartCount") for one in statuses
        )
    for resource in (DEPLOYMENTS, STATEFULSETS):
        for one in snapshot.of(resource):
            wanted = fields.number(one, "spec", "replicas")
            working = max(
                fields.number(one, "status", "availableReplicas"), fields.number(one, "status", "readyReplicas")
            )
            key = owners.workload_entity(fields.namespace(one), fields.name(one), fields.labels(one)).key
            found[key] = found.get(key, True) and wanted > 0 and working >= wanted
    return found


def _settled(state: State, well: Mapping[str, bool]) -> bool:
    """Say whether what an event complained of is over: the pod is gone, or it and its workload are as they should be."""
    if state.entity.kind is EntityKind.POD:
        return well.get(state.entity.key, True)
    return well.get(state.entity.key, False)


def now_of(stamp: object, fallback: float) -> tuple[datetime, bool]:
    """Return the moment of a snapshot, and whether its clock has no zone."""
    try:
        at = datetime.fromisoformat(str(stamp))
    except ValueError:
        return datetime.fromtimestamp(fallback, UTC), False
    return (at.replace(tzinfo=UTC), True) if at.tzinfo is None else (at, False)


def _scope(entities: Entities) -> Scope:
    services = tuple(ServiceScope(name, namespace=entities.namespace) for name in entities.services)
    return Scope(services[0] if services else None, services[1:])


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
            whole = len(failed) == len(lines)
            yield State(
                entities.named(name), "Unreachable" if whole else "PartlyUnreachable", "connectivity", at=at,
                detail=f"{address}: {len(failed)} of {len(lines)} connections failed: {' '.join(failed[0].split())[:200]}",
                count=len(failed),
            )  # fmt: skip


def _node_services(units: Mapping[str, Any], entities: Entities, *, used: set[object]) -> Iterator[State]:
    for key, text in sorted(units.items()):
        node, _, unit = key.partition("/")
        match = _ACTIVE.search(str(text))
        if match is None or (match["state"] == "active" and match["how"] in {"running", "exited", None}):
            continue
        since = None
        if match["since"]:
            since = datetime.strptime(match["since"], _ISO).replace(tzinfo=UTC).timestamp()
        yield State(
            Entity(EntityKind.NODE, node), _COMPONENTS.get(unit.removesuffix(".service"), "NodeServiceDown"), "node services",
            at=since, detail=f"{unit} is {match['state']} ({match['how'] or 'no reason given'})",
            query=f"systemctl status {unit}",
            # The scheduler and its like serve the whole cluster from wherever they run.
            attributes={} if unit.startswith("kube-s") or node in used or not used else {"hosts_pods_in_scope": "no"},
        )  # fmt: skip


def _secrets(manifests: Mapping[str, Any], entities: Entities) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the owner of each manifest with the text values of its Secrets; they are compared here and go no further."""
    import yaml

    for name, text in sorted(manifests.items()):
        try:
            values = list(yaml.load_all(str(text), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))  # noqa: S506 -- both are safe
        except yaml.YAMLError:
            continue
        for value in values:
            if isinstance(value, dict) and value.get("kind") == "Secret" and isinstance(value.get("stringData"), dict):
                yield name, {str(key): str(word) for key, word in value["stringData"].items()}


def _credentials(manifests: Mapping[str, Any], entities: Entities) -> Iterator[State]:
    """Yield a state for each thing that enters the same account as others, with another password."""
    accounts: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for name, values in _secrets(manifests, entities):
        for key, word in values.items():
            if _PASSWORD.match(key):
                stem = re.sub(r"_?(PASSWORD|PASSWD|PWD)$", "", key)
                where = values.get(f"{stem}_HOST", ""), values.get(f"{stem}_USER", "")
                accounts.setdefault(where, []).append((name, word))
    for (host, user), held in sorted(accounts.items()):
        usual, times = Counter(word for _, word in held).most_common(1)[0]
        if times < 3 or not host:
            continue
        for name, word in held:
            if word != usual:
                yield State(
                    entities.named(name), "CredentialsDiffer", "manifests",
                    detail=f"{name} enters {host} as {user} with another password than {times} others",
                )  # fmt: skip
    users: dict[str, list[tuple[str, str]]] = {}
    for (host, user), held in accounts.items():
        for name, _ in held:
            users.setdefault(host, []).append((name, user))
    for host, names in sorted(users.items()):
        usual, times = Counter(user for _, user in names).most_common(1)[0]
        for name, user in names:
            if host and user != usual and times >= 3:
                yield State(
                    entities.named(name), "CredentialsDiffer", "manifests",
                    detail=f"{name} enters {host} as {user}, {times} others as {usual}",
                )  # fmt: skip


def _database(manifests: Mapping[str, Any], entities: Entities) -> Iterator[State | Dependency]:
    """Yield a state for each thing that looks for a store on another port than the others, and the calls to stores."""
    ports: dict[str, list[tuple[str, str]]] = {}
    for name, values in _secrets(manifests, entities):
        for key, host in values.items():
            if key.endswith("_HOST") and (port := values.get(f"{key.removesuffix('HOST')}PORT")):
                ports.setdefault(host, []).append((name, port))
    for host, found in sorted(ports.items()):
        usual, times = Counter(port for _, port in found).most_common(1)[0]
        store = next((name for name in entities.services if host.startswith(name)), "")
        for name, port in found:
            if store and store != name:
                yield Dependency(entities.named(name), entities.named(store), "manifests")
            if port != usual and times >= 3:
                yield State(
                    entities.named(name), "HostPortUnknown", "manifests",
                    detail=f"{name} looks for {host} on port {port}, {times} others on {usual}",
                )  # fmt: skip
