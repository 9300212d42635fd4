"""Services that lead nowhere: a selector that no pod meets, pods that are not ready, ports that nobody listens on."""

from __future__ import annotations

import difflib
from collections import Counter
from typing import TYPE_CHECKING

from integrations.cluster import fields, selectors
from integrations.cluster.addresses import of
from integrations.cluster.pods import is_ready
from integrations.cluster.references import template
from integrations.cluster.telling import counted, listed, tell
from integrations.cluster.words import Word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integrations.cluster.cluster import Cluster
    from integrations.cluster.fields import Object
    from scoring.observations import State

LOAD_BALANCER_SECONDS = 300.0
ENDPOINT_SECONDS = 30.0
# Labels as much alike as this are taken for a slip of the pen.
LIKE = 0.8
# Containers that stand beside the one that serves; what they declare is not what a Service means.
SIDECARS = frozenset({"istio-proxy", "linkerd-proxy", "envoy", "consul-dataplane", "cloud-sql-proxy", "vault-agent"})
_MOST_PODS = 5


def find(cluster: Cluster) -> Iterator[State]:
    """Yield what is wrong with Services."""
    for service in cluster.all("Service"):
        if fields.text(service, "spec", "type") == "ExternalName":
            continue
        yield from _load_balancer(cluster, service)
        namespace, selector = fields.namespace(service), fields.words(service, "spec", "selector")
        if not selector or not cluster.reads("Pod", namespace):
            yield from _endpoints(cluster, service)
            continue
        pods = [
            pod for pod in cluster.pods(namespace, selector)
            if fields.text(pod, "status", "phase") not in {"Succeeded", "Failed"}
        ]  # fmt: skip
        if not pods:
            yield from _nobody(cluster, service, selector)
            continue
        yield from _somebody_else(cluster, service, selector, pods)
        yield from _ports(cluster, service, pods)
        yield from _ready(cluster, service, pods)


def addresses(cluster: Cluster, service: Object) -> int | None:
    """Return how many ready addresses a Service's endpoints list, None where endpoints were not read."""
    namespace, name = fields.namespace(service), fields.name(service)
    endpoints = cluster.get("Endpoints", namespace, name)
    if endpoints is not None:
        subsets = fields.parts(endpoints, "subsets")
        return sum(1 for subset in subsets for _ in fields.parts(subset, "addresses"))
    slices = [
        one for one in cluster.within("EndpointSlice", namespace)
        if fields.labels(one).get("kubernetes.io/service-name") == name
    ]  # fmt: skip
    if slices:
        return sum(
            1 for one in slices for endpoint in fields.parts(one, "endpoints")
            if fields.part(endpoint, "conditions").get("ready") is not False
        )  # fmt: skip
    if cluster.reads("Endpoints", namespace) or cluster.reads("EndpointSlice", namespace):
        return 0
    return None


def _endpoints(cluster: Cluster, service: Object) -> Iterator[State]:
    if addresses(cluster, service) == 0:
        selector = fields.words(service, "spec", "selector")
        why = f"selects {selectors.said(selector)}" if selector else "selects no pods"
        name = fields.name(service)
        yield tell(
            cluster, "NoEndpoints", cluster.service(service), "Service", service,
            f"service {name} {why}, and its endpoints list no ready address", at=fields.changed(service),
        )  # fmt: skip


def _nobody(cluster: Cluster, service: Object, selector: dict[str, str]) -> Iterator[State]:
    namespace, name = fields.namespace(service), fields.name(service)
    for kind, workload in cluster.workloads("Deployment", "StatefulSet", "DaemonSet"):
        made = fields.words(workload, "spec", "template", "metadata", "labels")
        if fields.namespace(workload) == namespace and selector.items() <= made.items():
            if fields.part(workload, "spec").get("replicas") == 0:
                # The workload tells that it is scaled to zero.
                return
            yield tell(
                cluster, Word.NO_READY_ENDPOINTS, cluster.service(service), "Service", service,
                f"service {name} selects the pods of {kind.lower()} {fields.name(workload)}, which has none",
            )  # fmt: skip
            return
    alive = [
        pod for pod in cluster.within("Pod", namespace) if fields.text(pod, "status", "phase") in {"Running", "Pending"}
    ]
    if not alive:
        return
    near, is_meant = _nearest(cluster, alive, selector, name)
    word = (
        Word.SELECTOR_MISMATCH
        if is_meant
        else "NoEndpoints"
        if _is_called(cluster, service)
        else Word.SERVICE_WITHOUT_PODS
    )
    yield tell(
        cluster, word, cluster.service(service), "Service", service,
        f"service {name} selects {selectors.said(selector)}, no pod has it{f'; nearest: {near}' if is_meant else ''}",
        at=fields.changed(service),
    )  # fmt: skip


def _is_called(cluster: Cluster, service: Object) -> bool:
    """Return whether the environment of any workload holds a Service's address."""
    namespace, name = fields.namespace(service), fields.name(service)
    return any(
        (one.namespace, one.service) == (namespace, name)
        for kind, workload in cluster.workloads("Deployment", "StatefulSet", "DaemonSet")
        for one in of(cluster, fields.namespace(workload), template(kind, workload))
    )


def _nearest(cluster: Cluster, pods: list[Object], selector: dict[str, str], name: str) -> tuple[str, bool]:
    """Return the labels that come nearest to a selector, and whether those seem meant.

    Looked at are the labels of the selector's keys, and those of a workload of the Service's name.
    """
    wanted = selectors.said(selector)
    shapes: Counter[str] = Counter()
    shares: dict[str, float] = {}
    meant: set[str] = set()
    for pod in pods:
        labels = fields.labels(pod)
        mine = {key: word for key, word in labels.items() if key in selector}
        is_named = cluster.maker(pod)[1] == name
        if not mine and is_named:
            mine = {key: word for key, word in labels.items() if key != "pod-template-hash"}
        if not mine:
            continue
        said = selectors.said(mine)
        shapes[said] += 1
        likeness = difflib.SequenceMatcher(None, ",".join(mine.values()), ",".join(selector.values())).ratio()
        shares[said] = max(shares.get(said, 0.0), difflib.SequenceMatcher(None, said, wanted).ratio() + is_named)
        if is_named or likeness >= LIKE or any(selector.get(key) == word for key, word in mine.items()):
            meant.add(said)
    if not shapes:
        return "", False
    best = max(sorted(shapes), key=lambda said: (said in meant, shares[said]))
    return f"{best} ({counted(shapes[best], 'pod')})", best in meant


def _somebody_else(cluster: Cluster, service: Object, selector: dict[str, str], pods: list[Object]) -> Iterator[State]:
    """Tell a Service that selects pods of others, while a workload of its own name has pods that nobody selects."""
    namespace, name = fields.namespace(service), fields.name(service)
    makers = {cluster.maker(pod) for pod in pods}
    own = [
        kind for kind in ("Deployment", "StatefulSet", "DaemonSet") if cluster.get(kind, namespace, name) is not None
    ]
    if not own or any(maker[1] == name for maker in makers):
        return
    mine = cluster.pods_of(own[0], namespace, name)
    others = [fields.words(one, "spec", "selector") for one in cluster.within("Service", namespace)]
    if not mine or any(one and one.items() <= fields.labels(pod).items() for one in others for pod in mine):
        return
    theirs = listed(sorted({maker[1] for maker in makers}))
    entity = cluster.workload(own[0], namespace, name)
    yield tell(
        cluster, Word.SELECTOR_ELSEWHERE, entity, "Service", service,
        f"service {name} selects {selectors.said(selector)}, the pods of {theirs}, and not those of {own[0].lower()} {name}",
        at=fields.changed(service),
    )  # fmt: skip


def _ports(cluster: Cluster, service: Object, pods: list[Object]) -> Iterator[State]:
    name = fields.name(service)
    for port in fields.parts(service, "spec", "ports"):
        target = port.get("targetPort") if fields.has(port, "targetPort") else port.get("port")
        protocol = fields.text(port, "protocol") or "TCP"
        for pod in pods[:_MOST_PODS]:
            word, why = _mismatch(pod, target, protocol)
            if word is None or (
                word is Word.TARGET_PORT_MISMATCH and isinstance(target, str) and _resolves(cluster, service, port)
            ):
                continue
            yield tell(
                cluster, word, cluster.service(service), "Service", service,
                f"service {name} sends port {port.get('port')} to {target}/{protocol}, {why}",
                at=fields.changed(service), pod=fields.name(pod),
            )  # fmt: skip
            break


def _resolves(cluster: Cluster, service: Object, port: Object) -> bool:
    """Return whether a Service's endpoints list a number for one of its ports: then the port's name was found."""
    endpoints = cluster.get("Endpoints", fields.namespace(service), fields.name(service))
    listed_ports = [one for subset in fields.parts(endpoints, "subsets") for one in fields.parts(subset, "ports")]
    names = {fields.text(one, "name") for one in listed_ports} - {""}
    return bool(listed_ports) and (not names or fields.text(port, "name") in names)


def _mismatch(pod: Object, target: object, protocol: str) -> tuple[Word | None, str]:
    containers = [one for one in fields.parts(pod, "spec", "containers") if fields.text(one, "name") not in SIDECARS]
    ports = [port for one in containers for port in fields.parts(one, "ports")]
    have = (
        f"the containers declare {listed([_said(port) for port in ports])}"
        if ports
        else "the containers declare no port"
    )
    if isinstance(target, str) and not target.isdigit():
        named = [port for port in ports if fields.text(port, "name") == target]
        if not named:
            return Word.TARGET_PORT_MISMATCH, f"and no container has a port of that name: {have}"
        if all((fields.text(port, "protocol") or "TCP") != protocol for port in named):
            return Word.SERVICE_PROTOCOL_MISMATCH, have
        return None, ""
    try:
        number = int(str(target))
    except ValueError:
        return None, ""
    # A port needs no declaration: only where each container declares what it listens on does a number tell.
    if not containers or any(not any(True for _ in fields.parts(one, "ports")) for one in containers):
        return None, ""
    same = [port for port in ports if fields.number(port, "containerPort") == number]
    if not same:
        return Word.TARGET_PORT_MISMATCH, have
    if all((fields.text(port, "protocol") or "TCP") != protocol for port in same):
        return Word.SERVICE_PROTOCOL_MISMATCH, have
    return None, ""


def _said(port: Object) -> str:
    name = fields.text(port, "name")
    return (
        f"{fields.number(port, 'containerPort')}/{fields.text(port, 'protocol') or 'TCP'}{f' ({name})' if name else ''}"
    )


def _ready(cluster: Cluster, service: Object, pods: list[Object]) -> Iterator[State]:
    name, ready = fields.name(service), [pod for pod in pods if is_ready(pod)]
    if fields.part(service, "spec").get("publishNotReadyAddresses") is True:
        return
    if not ready:
        yield tell(
            cluster, Word.NO_READY_ENDPOINTS, cluster.service(service), "Service", service,
            f"service {name}: none of its {counted(len(pods), 'pod')} is ready",
        )  # fmt: skip
    elif addresses(cluster, service) == 0 and any(_is_settled(cluster, pod) for pod in ready):
        yield tell(
            cluster, Word.ENDPOINTS_STALE, cluster.service(service), "Service", service,
            f"service {name}: {counted(len(ready), 'pod')} of it {'is' if len(ready) == 1 else 'are'} ready, and its endpoints list none",
        )  # fmt: skip


def _is_settled(cluster: Cluster, pod: Object) -> bool:
    """Return whether a pod was ready long enough for its endpoints to follow."""
    at = fields.seconds(fields.condition(pod, "Ready").get("lastTransitionTime"))
    return at is None or cluster.at is None or cluster.at - at > ENDPOINT_SECONDS


def _load_balancer(cluster: Cluster, service: Object) -> Iterator[State]:
    if fields.text(service, "spec", "type") != "LoadBalancer" or cluster.at is None:
        return
    created = fields.created(service)
    if created is None or cluster.at - created < LOAD_BALANCER_SECONDS:
        return
    if not any(True for _ in fields.parts(service, "status", "loadBalancer", "ingress")):
        yield tell(
            cluster, Word.LOAD_BALANCER_PENDING, cluster.service(service), "Service", service,
            f"service {fields.name(service)} has waited {int(cluster.at - created)} s for a load balancer's address", at=created,
        )  # fmt: skip
