"""Nodes and the services that make them nodes: readiness, pressures, cordons, taints, the kubelet, the control plane.

What no API tells may be handed over as objects of the kind `NodeService`: `spec.node`, `spec.service` (as systemd calls it),
`status.active` (systemd's word, e.g. `inactive`), `status.since`, `status.message`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from integrations.cluster import fields, quantity
from integrations.cluster.pods import is_ready
from integrations.cluster.scheduling import taint_words
from integrations.cluster.telling import counted, listed, tell
from integrations.cluster.words import Word
from scoring.observations import Entity, EntityKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integrations.cluster.cluster import Cluster
    from integrations.cluster.fields import Object
    from scoring.observations import State

PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable")
SYSTEM = "kube-system"
LEASES = "kube-node-lease"
# A kubelet renews its lease every ten seconds, the control plane's parts theirs every two.
STALE_SECONDS = 60.0
STARTING_SECONDS = 120.0
_CONTROL_PLANE = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")
# Taints that nodes have for their role, or for a condition that is told by itself.
_ROLE_TAINTS = (*_CONTROL_PLANE, "node.kubernetes.io/", "node.cloudprovider.kubernetes.io/", "CriticalAddonsOnly")
# By how services, pods and their containers are called.
_PARTS: tuple[tuple[str, Word], ...] = (
    ("kubelet", Word.KUBELET_DOWN),
    ("containerd", Word.CONTAINER_RUNTIME_DOWN),
    ("crio", Word.CONTAINER_RUNTIME_DOWN),
    ("cri-docker", Word.CONTAINER_RUNTIME_DOWN),
    ("docker", Word.CONTAINER_RUNTIME_DOWN),
    ("kube-proxy", Word.KUBE_PROXY_DOWN),
    ("kube-scheduler", Word.SCHEDULER_DOWN),
    ("kube-controller-manager", Word.CONTROLLER_MANAGER_DOWN),
    ("kube-apiserver", Word.API_SERVER_DOWN),
    ("etcd", Word.ETCD_DOWN),
    ("coredns", Word.CLUSTER_DNS_DOWN),
    ("kube-dns", Word.CLUSTER_DNS_DOWN),
    ("flannel", Word.NETWORK_PLUGIN_DOWN),
    ("kube-flannel", Word.NETWORK_PLUGIN_DOWN),
    ("calico-node", Word.NETWORK_PLUGIN_DOWN),
    ("cilium", Word.NETWORK_PLUGIN_DOWN),
    ("weave-net", Word.NETWORK_PLUGIN_DOWN),
    ("aws-node", Word.NETWORK_PLUGIN_DOWN),
    ("kube-router", Word.NETWORK_PLUGIN_DOWN),
)


def find(cluster: Cluster) -> Iterator[State]:
    """Yield what is wrong with nodes and with the parts of the cluster itself."""
    used, running = cluster.nodes_used(), _running(cluster)
    for node in cluster.all("Node"):
        yield from _node(cluster, node, running.get(fields.name(node), 0), used=fields.name(node) in used)
    for service in cluster.all("NodeService"):
        yield from _service(cluster, service)
    yield from _leases(cluster)
    yield from _system_pods(cluster)


def part_of(name: str) -> Word | None:
    """Return the word for a part of the cluster that is down, by its service's or pod's name, None where it is another."""
    name = name.lower().removesuffix(".service")
    return next((word for start, word in _PARTS if name == start or name.startswith(f"{start}-")), None)


def _running(cluster: Cluster) -> dict[str, int]:
    found: dict[str, int] = {}
    for pod in cluster.all("Pod"):
        node = fields.text(pod, "spec", "nodeName")
        if node and fields.text(pod, "status", "phase") not in {"Succeeded", "Failed"}:
            found[node] = found.get(node, 0) + 1
    return found


def _node(cluster: Cluster, node: Object, pods: int, *, used: bool) -> Iterator[State]:
    entity = Entity(EntityKind.NODE, fields.name(node))
    here = {"hosts_pods_in_scope": "yes" if used else "no"}
    for one in fields.parts(node, "status", "conditions"):
        kind, status, message = fields.text(one, "type"), fields.text(one, "status"), fields.text(one, "message")
        at = fields.seconds(one.get("lastTransitionTime"))
        if kind == "Ready" and status != "True":
            detail = f"{'not ready' if status == 'False' else 'state unknown'}: {message or 'it says no more'}"
            yield tell(cluster, "NotReady", entity, "Node", node, detail, at=at, attributes=here)
            word = _why_not_ready(node, one)
            if word is not None:
                yield tell(
                    cluster,
                    word,
                    entity,
                    "Node",
                    node,
                    f"node {entity.name}: {message or 'its runtime gives no version'}",
                    at=at,
                    attributes=here,
                )
        elif kind in PRESSURES and status == "True":
            yield tell(cluster, kind, entity, "Node", node, message, at=at, attributes=here)
    taints = list(fields.parts(node, "spec", "taints"))
    is_plane = (
        any(mark in fields.labels(node) for mark in _CONTROL_PLANE)
        or fields.labels(node).get("kubernetes.io/role") == "master"
    )
    # A control plane that takes no pods is as it should be.
    if fields.part(node, "spec").get("unschedulable") is True and not is_plane:
        at = next(
            (fields.seconds(t.get("timeAdded")) for t in taints if t.get("key") == "node.kubernetes.io/unschedulable"),
            None,
        )
        yield tell(
            cluster,
            "SchedulingDisabled",
            entity,
            "Node",
            node,
            "cordoned: no new pods are placed here",
            at=at,
            attributes=here,
        )
    odd = [
        taint for taint in taints
        if fields.text(taint, "effect") in {"NoSchedule", "NoExecute"} and not fields.text(taint, "key").startswith(_ROLE_TAINTS)
    ]  # fmt: skip
    if odd:
        at = next((at for taint in odd if (at := fields.seconds(taint.get("timeAdded"))) is not None), None)
        detail = f"tainted {listed([taint_words(taint) for taint in odd])}: only pods that tolerate it are placed here"
        yield tell(cluster, Word.NODE_TAINTED, entity, "Node", node, detail, at=at, attributes=here)
    room = quantity.parse(fields.part(node, "status", "allocatable").get("pods"))
    if room and pods >= room:
        yield tell(
            cluster, Word.NODE_FULL, entity, "Node", node, f"runs {pods} of at most {room:.0f} pods", attributes=here
        )


def _why_not_ready(node: Object, ready: Object) -> Word | None:
    message = f"{fields.text(ready, 'reason')} {fields.text(ready, 'message')}".lower()
    if "unknown" in fields.text(node, "status", "nodeInfo", "containerRuntimeVersion").lower():
        return Word.CONTAINER_RUNTIME_DOWN
    if any(word in message for word in ("container runtime", "pleg", "containerd", "docker")):
        return Word.CONTAINER_RUNTIME_DOWN
    if any(word in message for word in ("network plugin", "cni", "networkplugin")):
        return Word.NETWORK_PLUGIN_DOWN
    if "kubelet stopped posting" in message or ready.get("status") == "Unknown":
        return Word.KUBELET_DOWN
    return None


def _service(cluster: Cluster, service: Object) -> Iterator[State]:
    node, name = fields.text(service, "spec", "node"), fields.text(service, "spec", "service")
    active = fields.text(service, "status", "active").lower()
    if not active or active.startswith(("active", "reloading")):
        return
    at = fields.seconds(fields.part(service, "status").get("since"))
    message = fields.text(service, "status", "message")
    yield tell(
        cluster, part_of(name) or Word.NODE_SERVICE_DOWN, Entity(EntityKind.NODE, node), "Node", {"metadata": {"name": node}},
        f"{name} on node {node} is {active}{f': {message}' if message else ''}", at=at, service=name,
    )  # fmt: skip


def _leases(cluster: Cluster) -> Iterator[State]:
    for lease in cluster.all("Lease"):
        namespace, name = fields.namespace(lease), fields.name(lease)
        renewed = fields.seconds(fields.part(lease, "spec").get("renewTime"))
        if renewed is None or cluster.at is None or cluster.at - renewed < STALE_SECONDS:
            continue
        detail = f"lease {name} was last renewed {int(cluster.at - renewed)} s before this was read"
        if namespace == LEASES:
            if cluster.reads("Node") and cluster.get("Node", "", name) is None:
                continue
            entity = Entity(EntityKind.NODE, name)
            yield tell(cluster, Word.KUBELET_DOWN, entity, "Node", {"metadata": {"name": name}}, detail, at=renewed)
        elif namespace == SYSTEM and (word := part_of(name)) in {Word.SCHEDULER_DOWN, Word.CONTROLLER_MANAGER_DOWN}:
            entity = Entity(EntityKind.COMPONENT, name, SYSTEM)
            yield tell(cluster, word, entity, "Lease", lease, detail, at=renewed)


def _system_pods(cluster: Cluster) -> Iterator[State]:
    names: list[tuple[Object, bool]] = []
    for pod in cluster.within("Pod", SYSTEM):
        if fields.is_leaving(pod) or fields.text(pod, "status", "phase") == "Succeeded":
            continue
        created = fields.created(pod)
        if created is not None and cluster.at is not None and cluster.at - created < STARTING_SECONDS:
            continue
        name, node = fields.name(pod), fields.text(pod, "spec", "nodeName")
        word = part_of(name)
        if word is Word.CLUSTER_DNS_DOWN:
            names.append((pod, is_ready(pod)))
            continue
        if is_ready(pod) or fields.controller(pod)[0] == "Job":
            continue
        # Parts that run on each node, or by themselves, are the node's.
        own = fields.controller(pod)[0] in {"Node", "DaemonSet"} and node
        entity = Entity(EntityKind.NODE, node) if own else cluster.pod(pod)
        detail = f"pod {name} of {SYSTEM}{f' on node {node}' if node else ''} is not ready"
        at = fields.seconds(fields.condition(pod, "Ready").get("lastTransitionTime"))
        yield tell(cluster, word or Word.SYSTEM_POD_DOWN, entity, "Pod", pod, detail, at=at)
    if names and not any(ready for _, ready in names):
        pod = names[0][0]
        kind, workload = cluster.maker(pod)
        at = fields.seconds(fields.condition(pod, "Ready").get("lastTransitionTime"))
        yield tell(
            cluster, Word.CLUSTER_DNS_DOWN, cluster.workload(kind, SYSTEM, workload), "Pod", pod,
            f"{workload}: none of {counted(len(names), 'pod')} is ready, so names do not resolve", at=at,
        )  # fmt: skip
