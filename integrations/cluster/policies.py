"""Network policies that let nothing through, or not what a Service or the name service needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integrations.cluster import fields, selectors
from integrations.cluster.telling import counted, listed, tell
from integrations.cluster.words import Word
from scoring.observations import Entity, EntityKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integrations.cluster.cluster import Cluster
    from integrations.cluster.fields import Object
    from scoring.observations import State

KIND = "NetworkPolicy"


def find(cluster: Cluster) -> Iterator[State]:
    """Yield what network policies keep from pods."""
    for policy in cluster.all(KIND):
        yield from _policy(cluster, policy)
    yield from _blocked(cluster)


def directions(policy: Object) -> tuple[str, ...]:
    """Return the directions that a policy is about: those it names, else ingress, and egress where it has rules for it."""
    named = fields.texts(policy, "spec", "policyTypes")
    return named or (("Ingress", "Egress") if fields.has(policy, "spec", "egress") else ("Ingress",))


def _policy(cluster: Cluster, policy: Object) -> Iterator[State]:
    namespace, name = fields.namespace(policy), fields.name(policy)
    selector = fields.part(policy, "spec", "podSelector")
    if not cluster.reads("Pod", namespace):
        return
    pods = cluster.selected(namespace, selector)
    if not pods:
        if not selectors.is_empty(selector) and cluster.within("Pod", namespace):
            entity = Entity(EntityKind.NETWORK, f"policy {name}", namespace)
            detail = f"network policy {name} selects {selectors.told(selector)}, no pod has it"
            yield tell(cluster, Word.POLICY_SELECTS_NOTHING, entity, KIND, policy, detail, at=fields.changed(policy))
        return
    for direction in directions(policy):
        if any(True for _ in fields.parts(policy, "spec", direction.lower())):
            continue
        # What one policy denies another may allow.
        if any(_allows(other, direction, pods[0]) for other in cluster.within(KIND, namespace) if other is not policy):
            continue
        services = sorted({cluster.pod(pod).service for pod in pods})
        way = "to" if direction == "Ingress" else "from"
        whom = (
            "all pods of the namespace"
            if selectors.is_empty(selector)
            else f"{counted(len(pods), 'pod')} of {listed(services)}"
        )
        entity = (
            Entity(EntityKind.SERVICE, services[0], namespace)
            if len(services) == 1 else Entity(EntityKind.NETWORK, f"policy {name}", namespace)
        )  # fmt: skip
        yield tell(
            cluster, Word.POLICY_DENIES_ALL, entity, KIND, policy,
            f"network policy {name} lets no traffic {way} {whom}", at=fields.changed(policy) or fields.created(policy),
            direction=direction.lower(),
        )  # fmt: skip


def _allows(policy: Object, direction: str, pod: Object) -> bool:
    applies = selectors.matches(
        fields.part(policy, "spec", "podSelector"), fields.labels(pod)
    ) and direction in directions(policy)
    return applies and any(True for _ in fields.parts(policy, "spec", direction.lower()))


def _rules(cluster: Cluster, pod: Object, direction: str) -> list[Object] | None:
    """Return all rules of a direction that hold for a pod, None where no policy is about it."""
    found: list[Object] | None = None
    for policy in cluster.within(KIND, fields.namespace(pod)):
        if direction not in directions(policy) or not selectors.matches(
            fields.part(policy, "spec", "podSelector"), fields.labels(pod)
        ):
            continue
        found = (found or []) + list(fields.parts(policy, "spec", direction.lower()))
    return found


def _blocked(cluster: Cluster) -> Iterator[State]:
    names: set[str] = set()
    for service in cluster.all("Service"):
        namespace = fields.namespace(service)
        if not cluster.within(KIND, namespace):
            continue
        for pod in cluster.pods(namespace, fields.words(service, "spec", "selector"))[:1]:
            rules = _rules(cluster, pod, "Ingress")
            for port in fields.parts(service, "spec", "ports") if rules else ():
                number = _target(pod, port)
                if number is None or any(
                    _lets(rule, number, fields.text(port, "protocol") or "TCP", pod) for rule in rules or ()
                ):
                    continue
                yield tell(
                    cluster, Word.POLICY_BLOCKS_PORT, cluster.service(service), "Service", service,
                    f"service {fields.name(service)} sends to port {number}, and the network policies of its pods let none through to it",
                )  # fmt: skip
            egress = _rules(cluster, pod, "Egress")
            owner = cluster.pod(pod).service
            if egress and owner not in names and not any(_lets(rule, 53, "UDP", pod) for rule in egress):
                names.add(owner)
                yield tell(
                    cluster, Word.POLICY_BLOCKS_NAMES, cluster.service(service), "Service", service,
                    f"the network policies of {owner} let it call some ports, and not 53: names do not resolve",
                )  # fmt: skip


def _target(pod: Object, port: Object) -> int | None:
    target = port.get("targetPort") if fields.has(port, "targetPort") else port.get("port")
    if isinstance(target, str) and not target.isdigit():
        for container in fields.parts(pod, "spec", "containers"):
            for one in fields.parts(container, "ports"):
                if fields.text(one, "name") == target:
                    return fields.number(one, "containerPort")
        return None
    try:
        return int(str(target))
    except ValueError:
        return None


def _lets(rule: Object, number: int, protocol: str, pod: Object) -> bool:
    ports = list(fields.parts(rule, "ports"))
    if not ports:
        return True
    for port in ports:
        if (fields.text(port, "protocol") or "TCP") != protocol:
            continue
        wanted = port.get("port")
        if wanted is None:
            return True
        if isinstance(wanted, str) and not wanted.isdigit():
            if _target(pod, {"targetPort": wanted}) == number:
                return True
            continue
        first = fields.number(port, "port") or (int(wanted) if isinstance(wanted, str) else 0)
        if first <= number <= max(first, fields.number(port, "endPort")):
            return True
    return False
