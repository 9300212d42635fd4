"""Warnings that the cluster's own parts wrote as events, weighed against what is so now: a start that succeeded in the end has passed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integrations.cluster import accounts, fields, images, probes, refusals, scheduling
from integrations.cluster.cluster import WORKLOADS
from integrations.cluster.events import Seen, is_recent
from integrations.cluster.pods import is_ready, missing
from integrations.cluster.telling import command
from integrations.cluster.words import Word
from integrations.cluster.workloads import wanted, working
from scoring.observations import Dependency, Entity, EntityKind, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integrations.cluster.cluster import Cluster
    from integrations.cluster.fields import Object

MAX_EVENTS = 100
_PROBES = {
    "liveness": Word.LIVENESS_PROBE_FAILING, "readiness": Word.READINESS_PROBE_FAILING, "startup": Word.STARTUP_PROBE_FAILING,
}  # fmt: skip
_IMAGES = frozenset({"Failed", "BackOff", "InspectFailed", "ErrImageNeverPull"})
_PLAIN = {
    "Node": EntityKind.NODE, "PersistentVolume": EntityKind.STORAGE, "Ingress": EntityKind.NETWORK,
    "Gateway": EntityKind.NETWORK, "HTTPRoute": EntityKind.NETWORK,
}  # fmt: skip
_CLAIMS = frozenset({"ProvisioningFailed", "FailedBinding"})


def find(cluster: Cluster) -> Iterator[State | Dependency]:
    """Yield one state for each object and reason, the latest first, with counts added up."""
    groups: dict[tuple[str, str, str, str], list[Seen]] = {}
    for said in cluster.all_events():
        for seen in said:
            if not seen.is_normal and not cluster.is_over(seen.last):
                groups.setdefault((seen.kind, seen.namespace, seen.name, _story(seen)), []).append(seen)
    latest = sorted(groups.items(), key=lambda item: (-max(seen.last or 0.0 for seen in item[1]), item[0]))
    for _, group in latest[:MAX_EVENTS]:
        yield from _told(cluster, group)


def _story(seen: Seen) -> str:
    # One reason may stand for several stories: each probe, each way of refusing.
    if seen.reason in {"Unhealthy", "ProbeError"}:
        return f"{seen.reason} {seen.message.partition(' ')[0].lower()}"
    if seen.reason in {"FailedCreate", "FailedMount"}:
        return f"{seen.reason} {refusals.why(seen.message) or (missing(seen.message) or '')}"
    return seen.reason


def _told(cluster: Cluster, group: list[Seen]) -> Iterator[State | Dependency]:
    newest = max(group, key=lambda seen: seen.last or 0.0)
    if _is_told_elsewhere(cluster, newest):
        return
    word, about = _word(newest)
    entity = _entity(cluster, newest)
    firsts = [seen.first for seen in group if seen.first is not None]
    # The first sighting is when it began; one from before the window is told by its last.
    at = min(firsts, default=None)
    at = newest.last if cluster.is_over(at) else at
    settled = _is_settled(cluster, newest, word, about)
    active = is_recent(newest, cluster.at) and not settled
    pod = cluster.get("Pod", newest.namespace, newest.name) if newest.kind == "Pod" else None
    node = fields.text(pod, "spec", "nodeName") if pod is not None else ""
    attributes = {"kind": newest.kind.lower(), "component": newest.component, "event": "yes", "node": node}
    attributes["settled"] = "yes" if settled else ""
    if newest.kind == "Node":
        attributes["hosts_pods_in_scope"] = "yes" if newest.name in cluster.nodes_used() else "no"
    query = (
        command(word, newest.kind, newest.namespace, newest.name, about)
        if isinstance(word, Word)
        else _events_of(newest)
    )
    yield State(
        entity, str(word), cluster.source, at=at, detail=newest.message, count=sum(seen.count for seen in group),
        active=active, query=query, attributes={key: value for key, value in attributes.items() if value},
    )  # fmt: skip
    quota = refusals.quota(newest.message)
    if quota and active:
        whole = Entity(EntityKind.COMPONENT, f"quota {quota}", newest.namespace, newest.namespace)
        yield Dependency(entity, whole, cluster.source)


def _events_of(seen: Seen) -> str:
    return command(Word.LIVENESS_PROBE_FAILING, seen.kind, seen.namespace, seen.name)


def _word(seen: Seen) -> tuple[Word | str, str]:
    """Return what an event says in the most exact word there is, and what it points at."""
    word: Word | str | None = None
    if seen.reason in {"Unhealthy", "ProbeError"}:
        word = _PROBES.get(seen.message.partition(" ")[0].lower())
    elif seen.reason == "FailedScheduling":
        said = scheduling.reasons(seen.message)
        word = max(said, key=lambda one: (said[one], -list(Word).index(one))) if said else None
    elif seen.reason in _IMAGES and "image" in seen.message.lower():
        word = images.why(seen.message) or ("ImagePullBackOff" if "pull" in seen.message.lower() else None)
    elif seen.reason == "FailedCreatePodSandBox" and "oom-killed" in seen.message.lower():
        word = Word.LIMIT_TOO_LOW
    elif seen.reason in {"FailedCreate", "ReplicaFailure", "FailedUpdate"}:
        return refusals.why(seen.message) or seen.reason, refusals.account(seen.message)
    if word is None and (lacking := missing(seen.message)) is not None:
        return lacking
    return word or seen.reason, ""


def _is_told_elsewhere(cluster: Cluster, seen: Seen) -> bool:
    """Return whether the object itself is here and tells the same, with more."""
    if accounts.FORBIDDEN.search(seen.message):
        return True
    if seen.kind == "Pod":
        pod = cluster.get("Pod", seen.namespace, seen.name)
        if pod is None or fields.is_leaving(pod):
            return False
        if seen.reason == "FailedScheduling":
            return not fields.text(pod, "spec", "nodeName") and fields.text(pod, "status", "phase") == "Pending"
        waits = any(fields.part(one, "state", "waiting") for one in fields.parts(pod, "status", "containerStatuses"))
        if seen.reason in _IMAGES:
            return waits
        if seen.reason in {"Unhealthy", "ProbeError"}:
            return probes.tells(cluster, pod, seen.message.partition(" ")[0].lower())
    known = cluster.get(seen.kind, seen.namespace, seen.name)
    if seen.kind == "PersistentVolumeClaim" and seen.reason in _CLAIMS:
        return fields.text(known, "status", "phase") == "Pending"
    return seen.kind == "HorizontalPodAutoscaler" and known is not None


def _is_settled(cluster: Cluster, seen: Seen, word: Word | str, about: str) -> bool:
    """Return whether what an event complained about is known to be well now."""
    if (
        word is Word.MISSING_SERVICE_ACCOUNT
        and about
        and cluster.get("ServiceAccount", seen.namespace, about) is not None
    ):
        return True
    known = cluster.get(seen.kind, seen.namespace, seen.name)
    if known is None:
        # What is gone complains no more, as far as its kind was read.
        return cluster.lacks(seen.kind, seen.namespace, seen.name)
    return _is_well(known, seen, word)


def _is_well(known: Object, seen: Seen, word: Word | str) -> bool:
    match seen.kind:
        case "Pod":
            keeps_failing = word is Word.LIVENESS_PROBE_FAILING and seen.count >= 3
            placed = seen.reason == "FailedScheduling" and bool(fields.text(known, "spec", "nodeName"))
            well = placed or (
                not keeps_failing and (is_ready(known) or fields.text(known, "status", "phase") == "Succeeded")
            )
        case "ReplicaSet":
            well = fields.number(known, "status", "replicas") >= wanted(seen.kind, known)
        case "Deployment" | "StatefulSet" | "DaemonSet":
            well = working(seen.kind, known) >= wanted(seen.kind, known)
        case "Node":
            ready = fields.condition(known, "Ready").get("status") == "True"
            well = ready and seen.reason in {"NodeNotReady", "NodeNotSchedulable", "KubeletNotReady"}
        case _:
            well = seen.kind == "PersistentVolumeClaim" and fields.text(known, "status", "phase") == "Bound"
    return well


def _entity(cluster: Cluster, seen: Seen) -> Entity:
    namespace, name = seen.namespace, seen.name
    if seen.kind in _PLAIN:
        return Entity(_PLAIN[seen.kind], name, namespace)
    match seen.kind:
        case "Pod":
            return cluster.pod_named(namespace, name)
        case "PersistentVolumeClaim":
            return cluster.claim(namespace, name)
        case "Service" | "Endpoints" | "EndpointSlice":
            service = cluster.get("Service", namespace, name)
            return cluster.service(service) if service is not None else Entity(EntityKind.SERVICE, name, namespace)
        case "HorizontalPodAutoscaler":
            return cluster.workload("Deployment", namespace, name)
    if seen.kind == "ReplicaSet" or seen.kind in WORKLOADS:
        return cluster.workload(seen.kind, namespace, name)
    return Entity(EntityKind.COMPONENT, name, namespace)
