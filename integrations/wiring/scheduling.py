"""What a workload demands of nodes against the nodes that there are: labels, taints, capacity, cordons, its own neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from integrations.kubernetes import quantity
from integrations.wiring.objects import containers, labels, name, namespace, part, parts, pod_labels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integrations.wiring.objects import Object, Objects
    from scoring.observations import State

_REPELS = frozenset({"NoSchedule", "NoExecute"})
# What Kubernetes itself puts on nodes is told as the node's own condition.
_OWN_TAINTS = ("node.kubernetes.io/", "node.cloudprovider.kubernetes.io/")
_RESOURCES = ("cpu", "memory")


def states(objects: Objects) -> Iterator[State]:
    """Yield a state for each workload with pods that wait for a node, and why no node will do."""
    nodes = list(objects.of("nodes"))
    if not nodes:
        return
    waiting = {
        id(workload): pod
        for pod in objects.of("pods")
        if part(pod, "status").get("phase") == "Pending" and not part(pod, "spec").get("nodeName")
        for _, workload in objects.workloads()
        if namespace(pod) == namespace(workload) and pod_labels(workload) and pod_labels(workload).items() <= labels(pod).items()
    }
    for plural, workload in objects.workloads():
        if id(workload) in waiting:
            for condition, detail in _reasons(workload, nodes, objects):
                yield objects.state(workload, condition, f"{name(workload)}: {detail}", kind=plural.removesuffix("s"))


def _reasons(workload: Object, nodes: list[Object], objects: Objects) -> Iterator[tuple[str, str]]:
    spec = part(workload, "spec", "template", "spec")
    open_nodes = [node for node in nodes if not part(node, "spec").get("unschedulable")]
    selector = {str(key): str(word) for key, word in part(spec, "nodeSelector").items()}
    fitting = [node for node in nodes if selector.items() <= labels(node).items()]
    if selector and not fitting:
        words = ",".join(f"{key}={word}" for key, word in sorted(selector.items()))
        yield "NodeSelectorMatchesNothing", f"no node has the labels {words}"
        return
    terms = parts(spec, "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms")
    if terms:
        fitting = [node for node in fitting if any(_fits(term, labels(node)) for term in terms)]
        if not fitting:
            yield "NodeAffinityMatchesNothing", "no node meets the affinity that is required"
            return
    if all(part(node, "spec").get("unschedulable") for node in fitting):
        yield "NodesCordoned", f"all nodes that would do are cordoned: {', '.join(sorted(map(name, fitting)))}"
        return
    fitting = [node for node in fitting if node in open_nodes]
    tolerated = {str(one.get("key", "")) for one in parts(spec, "tolerations")} | {""}
    everything = any(not one.get("key") and one.get("operator") == "Exists" for one in parts(spec, "tolerations"))
    free = [node for node in fitting if everything or not _repelled(node, tolerated)]
    if not free:
        taints = sorted({str(one.get("key")) for node in fitting for one in parts(node, "spec", "taints")} - tolerated)
        yield "TaintNotTolerated", f"every node that would do has a taint that is not tolerated: {', '.join(taints)}"
        return
    for resource in _RESOURCES:
        wanted = sum(_amount(container, resource) for container in containers(workload))
        largest = max((quantity.parse(part(node, "status", "allocatable").get(resource)) or 0.0 for node in free), default=0.0)
        if wanted > largest > 0.0:
            yield f"Insufficient{resource.title()}", f"it asks for more {resource} than any node has ({wanted:g} of {largest:g})"
            return
    if parts(spec, "affinity", "podAntiAffinity", "requiredDuringSchedulingIgnoredDuringExecution"):
        yield "AntiAffinityUnmet", f"it must not share a node with what runs on {', '.join(sorted(map(name, free)))}"


def _repelled(node: Object, tolerated: set[str]) -> bool:
    return any(
        taint.get("effect") in _REPELS
        and str(taint.get("key", "")) not in tolerated
        and not str(taint.get("key", "")).startswith(_OWN_TAINTS)
        for taint in parts(node, "spec", "taints")
    )


def _amount(container: Object, resource: str) -> float:
    resources: dict[str, Any] = part(container, "resources")
    for kind in ("requests", "limits"):
        found = quantity.parse(part(resources, kind).get(resource))
        if found is not None:
            return found
    return 0.0


def _fits(term: Object, there: dict[str, str]) -> bool:
    for one in parts(term, "matchExpressions"):
        key, operator = str(one.get("key", "")), one.get("operator")
        values = [str(value) for value in one.get("values") or ()]
        met = {
            "In": there.get(key) in values, "NotIn": there.get(key) not in values, "Exists": key in there,
            "DoesNotExist": key not in there,
        }.get(str(operator), True)  # fmt: skip
        if not met:
            return False
    return True
