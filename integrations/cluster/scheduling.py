"""Why a pod finds no node: each node that the pod may run on is asked what keeps it away; the most frequent reason tells."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from integrations.cluster import fields, quantity, selectors
from integrations.cluster.telling import counted, listed, tell
from integrations.cluster.words import Word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integrations.cluster.cluster import Cluster
    from integrations.cluster.fields import Object
    from scoring.observations import State

# A scheduler that runs says something of a new pod within seconds.
SILENCE = 60.0
# What the scheduler says of nodes, in the order in which it asks: the earlier hides the later at each node.
_SAID: tuple[tuple[re.Pattern[str], Word], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), word)
    for pattern, word in (
        (r"were unschedulable", Word.NODES_CORDONED),
        (r"had (untolerated )?taints?\b|taint.*(didn't|did not) tolerate", Word.UNTOLERATED_TAINT),
        (r"didn't match pod affinity rules", Word.POD_AFFINITY_UNMET),
        (r"anti-affinity", Word.POD_ANTI_AFFINITY_CONFLICT),
        (r"didn't match (Pod's )?node (affinity|selector)|MatchNodeSelector", Word.NODE_AFFINITY_MISMATCH),
        (r"topology spread", Word.TOPOLOGY_SPREAD_UNMET),
        (r"free ports", Word.HOST_PORT_TAKEN),
        (r"insufficient cpu", Word.INSUFFICIENT_CPU),
        (r"insufficient memory", Word.INSUFFICIENT_MEMORY),
        (r"too many pods|insufficient pods", Word.INSUFFICIENT_PODS),
        (r"insufficient \S+", Word.INSUFFICIENT_RESOURCE),
        (r"volume node affinity|volume zone|no available volume zone", Word.VOLUME_ELSEWHERE),
        (r"persistentvolumeclaim \S+ not found", Word.MISSING_CLAIM),
        (r"unbound|persistentvolumeclaim|persistent volumes? to bind", Word.VOLUME_UNBOUND),
    )
)
# With these the cluster itself keeps pods off nodes that are unwell.
CONDITION_TAINTS = tuple(
    f"node.kubernetes.io/{condition}"
    for condition in (
        "not-ready",
        "unreachable",
        "memory-pressure",
        "disk-pressure",
        "pid-pressure",
        "network-unavailable",
    )
)
_PART = re.compile(r"(\d+) ")
_UNITS = {Word.INSUFFICIENT_CPU: "cpu", Word.INSUFFICIENT_MEMORY: "memory"}


def find(cluster: Cluster) -> Iterator[State]:
    """Yield why pods are not placed on a node."""
    for pod in cluster.all("Pod"):
        if fields.text(pod, "status", "phase") not in {"Pending", ""} or fields.is_leaving(pod):
            continue
        node = fields.text(pod, "spec", "nodeName")
        if node:
            if cluster.lacks("Node", "", node):
                yield tell(
                    cluster, Word.NODE_MISSING, cluster.pod(pod), "Pod", pod,
                    f"pod {fields.name(pod)} is assigned to node {node}, and there is no such node", about=node,
                )  # fmt: skip
            continue
        yield from _unplaced(cluster, pod, _complaint(cluster, pod))


def reasons(message: str) -> Counter[Word]:
    """Return what a scheduler's message holds against the nodes, with the number of nodes (0 where it names none)."""
    # Behind it stands why evicting others would not help, in the same words.
    said = message.partition("preemption:")[0].partition(": ")
    found: Counter[Word] = Counter()
    for part in re.split(r", (?=\d+ )|\. ", said[2] or said[0]):
        word = next((word for pattern, word in _SAID if pattern.search(part)), None)
        if word is not None:
            number = _PART.match(part.strip())
            found[word] += int(number[1][:6]) if number else 0
    return found


def _complaint(cluster: Cluster, pod: Object) -> str:
    said = [
        seen
        for seen in cluster.events("Pod", fields.namespace(pod), fields.name(pod))
        if seen.reason == "FailedScheduling"
    ]
    return max(said, key=lambda seen: seen.last or 0.0).message if said else ""


def _unplaced(cluster: Cluster, pod: Object, complaint: str) -> Iterator[State]:
    entity, name = cluster.pod(pod), fields.name(pod)
    scheduled = fields.condition(pod, "PodScheduled")
    at = fields.seconds(scheduled.get("lastTransitionTime"))
    message = fields.text(scheduled, "message") or complaint
    if fields.text(scheduled, "reason") == "SchedulingGated":
        gates = [fields.text(gate, "name") for gate in fields.parts(pod, "spec", "schedulingGates")]
        detail = f"pod {name} waits for its scheduling gates {listed(gates)}"
        yield tell(cluster, Word.SCHEDULING_GATED, entity, "Pod", pod, detail, at=at)
        return
    if not message and not scheduled:
        since = fields.created(pod)
        if since is not None and cluster.at is not None and cluster.at - since > SILENCE:
            detail = f"pod {name} has been pending for {int(cluster.at - since)} s and no scheduler has looked at it"
            yield tell(cluster, Word.NOT_SCHEDULED, entity, "Pod", pod, detail, at=since)
        return
    if not message and scheduled.get("status") != "False":
        return
    said = reasons(message)
    word, why = _told(cluster, pod, said)
    detail = f"pod {name} finds no node: {why}"
    if message:
        detail += f" ({message.partition(' preemption:')[0]})"
    yield tell(cluster, word or "Unschedulable", entity, "Pod", pod, detail, at=at)


# What keeps whole nodes away is asked of the nodes themselves; what is left of a message speaks for the rest.
_ASKED_FIRST = frozenset({Word.NODES_CORDONED, Word.UNTOLERATED_TAINT, Word.NODE_AFFINITY_MISMATCH})


def _told(cluster: Cluster, pod: Object, said: Counter[Word]) -> tuple[Word | None, str]:
    """Return the reason that counts, in words."""
    spec = fields.part(pod, "spec")
    nodes = list(cluster.all("Node"))
    if Word.MISSING_CLAIM in said:
        return Word.MISSING_CLAIM, "a volume claim that it names does not exist"
    if Word.VOLUME_UNBOUND in said:
        claims = [fields.text(v, "persistentVolumeClaim", "claimName") for v in fields.parts(spec, "volumes")]
        names = listed([claim for claim in claims if claim])
        return Word.VOLUME_UNBOUND, f"its volume claim {names} is not bound" if names else "a volume claim is not bound"
    kept_away = _kept_away(spec, nodes) if nodes else None
    if kept_away is not None:
        return kept_away
    later = Counter({word: number for word, number in said.items() if word not in _ASKED_FIRST}) if nodes else said
    # Nodes change: what they do not show any more kept the pod away when the scheduler looked.
    most = later or (said - Counter(word for node in nodes if (word := _against(spec, node)) is not None)) or said
    if not most:
        return None, "the scheduler does not say why"
    word = max(most, key=lambda one: (most[one], -list(Word).index(one)))
    number, has_selector = most[word], bool(fields.words(spec, "nodeSelector"))
    if word is Word.NODE_AFFINITY_MISMATCH and has_selector and not fields.part(spec, "affinity", "nodeAffinity"):
        word = Word.NODE_SELECTOR_MISMATCH
    return word, _later_words(cluster, pod, word, number, nodes)


def _kept_away(spec: Object, nodes: list[Object]) -> tuple[Word, str] | None:
    """Return what keeps a pod off every node: its selector, its affinity, cordons, taints; None where nodes remain."""
    wanted, all_nodes = fields.words(spec, "nodeSelector"), counted(len(nodes), "node")
    selected = [node for node in nodes if wanted.items() <= fields.labels(node).items()]
    if wanted and not selected:
        return Word.NODE_SELECTOR_MISMATCH, _selector_words(wanted, nodes)
    fitting = [node for node in selected if has_affinity(spec, node)]
    if not fitting:
        return Word.NODE_AFFINITY_MISMATCH, f"its node affinity ({_affinity_words(spec)}) matches none of {all_nodes}"
    among = f"the {len(fitting)} that it may run on" if len(fitting) < len(nodes) else f"all {all_nodes}"
    open_nodes = [node for node in fitting if not fields.part(node, "spec").get("unschedulable")]
    if not open_nodes:
        return Word.NODES_CORDONED, f"cordoned are {among}: {listed([fields.name(node) for node in fitting])}"
    taints = [taint for node in open_nodes if (taint := untolerated(spec, node)) is not None]
    if len(taints) == len(open_nodes):
        names = listed(list(dict.fromkeys(taint_words(taint) for taint in taints)))
        unwell = [fields.name(node) for node in open_nodes if is_unwell(spec, node)]
        if unwell:
            return Word.NODES_NOT_READY, f"not ready are {len(unwell)} of {among}: {listed(unwell)} ({names})"
        return Word.UNTOLERATED_TAINT, f"taints that it does not tolerate are on {len(taints)} of {among}: {names}"
    return None


def is_unwell(spec: Object, node: Object) -> bool:
    """Return whether nothing but a node's own condition keeps a pod off it, which the cluster itself tells by a taint."""
    taints = [taint for taint in _shut_out(spec, node) if not fields.text(taint, "key").startswith(CONDITION_TAINTS)]
    return not taints and any(True for _ in _shut_out(spec, node))


def _against(spec: Object, node: Object) -> Word | None:
    """Return what keeps a pod off a node, the first that a scheduler would name; None where nothing that is looked at does."""
    if fields.part(node, "spec").get("unschedulable"):
        return Word.NODES_CORDONED
    if untolerated(spec, node) is not None:
        return Word.UNTOLERATED_TAINT
    wanted = fields.words(spec, "nodeSelector")
    fits = wanted.items() <= fields.labels(node).items() and has_affinity(spec, node)
    return None if fits else Word.NODE_AFFINITY_MISMATCH


def has_affinity(spec: Object, node: Object) -> bool:
    """Return whether a node meets a pod's required node affinity; of several terms one is enough."""
    required = fields.part(spec, "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
    terms = list(fields.parts(required, "nodeSelectorTerms"))
    if not terms:
        return True
    labels = fields.labels(node)
    names = {"metadata.name": fields.name(node)}
    return any(
        all(selectors.meets(one, labels) for one in fields.parts(term, "matchExpressions"))
        and all(selectors.meets(one, names) for one in fields.parts(term, "matchFields"))
        for term in terms
    )


def untolerated(spec: Object, node: Object) -> Object | None:
    """Return the first taint that keeps a pod off a node, None where it tolerates all."""
    return next(_shut_out(spec, node), None)


def _shut_out(spec: Object, node: Object) -> Iterator[Object]:
    tolerations = list(fields.parts(spec, "tolerations"))
    for taint in fields.parts(node, "spec", "taints"):
        if fields.text(taint, "effect") not in {"NoSchedule", "NoExecute"}:
            continue
        if not any(_tolerates(one, taint) for one in tolerations):
            yield taint


def taint_words(taint: Object) -> str:
    """Return a taint as kubectl writes it, e.g. `dedicated=batch:NoSchedule`."""
    key, value = fields.text(taint, "key"), fields.text(taint, "value")
    return f"{key}{f'={value}' if value else ''}:{fields.text(taint, 'effect')}"


def _tolerates(toleration: Object, taint: Object) -> bool:
    effect, key = toleration.get("effect"), toleration.get("key")
    if effect and effect != taint.get("effect"):
        return False
    if toleration.get("operator") == "Exists":
        return not key or key == taint.get("key")
    return key == taint.get("key") and fields.text(toleration, "value") == fields.text(taint, "value")


def _selector_words(wanted: dict[str, str], nodes: list[Object]) -> str:
    have = []
    for key, word in sorted(wanted.items()):
        values = sorted({value for node in nodes if (value := fields.labels(node).get(key)) is not None})
        if word not in values:
            have.append(f"{key} is {listed(values)} there" if values else f"no node has the label {key}")
    told = f"its nodeSelector {selectors.said(wanted)} matches none of {counted(len(nodes), 'node')}"
    return "; ".join((told, *have))


def _affinity_words(spec: Object) -> str:
    required = fields.part(spec, "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
    terms = [
        " and ".join(
            selectors.told_expression(one)
            for key in ("matchExpressions", "matchFields")
            for one in fields.parts(term, key)
        )
        for term in fields.parts(required, "nodeSelectorTerms")
    ]
    return " or ".join(term for term in terms if term) or "required"


def _later_words(cluster: Cluster, pod: Object, word: Word, number: int, nodes: list[Object]) -> str:
    where = (
        f"{counted(number, 'node')} of {len(list(cluster.all('Node')))}"
        if cluster.reads("Node")
        else counted(number, "node")
    )
    unit = _UNITS.get(word)
    if unit:
        asked = requested(pod, unit)
        largest = max(
            (quantity.parse(fields.part(n, "status", "allocatable").get(unit)) or 0.0 for n in nodes), default=0.0
        )
        text = f"too little {unit} is left on {where}"
        if asked:
            text += f"; it requests {_amount(asked, unit)}"
        if largest:
            text += f", the largest node offers {_amount(largest, unit)} in all"
        return text
    plain = {
        Word.NODE_AFFINITY_MISMATCH: "its node affinity or selector does not match {where}",
        Word.NODE_SELECTOR_MISMATCH: "its nodeSelector does not match {where}",
        Word.POD_ANTI_AFFINITY_CONFLICT: "a pod that its anti-affinity keeps away from runs on {where}",
        Word.POD_AFFINITY_UNMET: "no pod that its affinity asks for runs on {where}",
        Word.TOPOLOGY_SPREAD_UNMET: "its topology spread constraints leave out {where}",
        Word.UNTOLERATED_TAINT: "a taint that it does not tolerate is on {where}",
        Word.NODES_CORDONED: "cordoned: {where}",
        Word.HOST_PORT_TAKEN: "its host port is taken on {where}",
        Word.INSUFFICIENT_PODS: "no room for another pod on {where}",
        Word.INSUFFICIENT_RESOURCE: "a resource that it requests is not left on {where}",
        Word.VOLUME_ELSEWHERE: "its volume is bound elsewhere than {where}",
    }
    return plain[word].format(where=where)


def requested(pod: Object, resource: str) -> float:
    """Return what a pod's containers request of a resource, in base units: their sum, at least the largest init container's."""
    running = sum(_request(one, resource) for one in fields.parts(pod, "spec", "containers"))
    return max([running, *(_request(one, resource) for one in fields.parts(pod, "spec", "initContainers"))])


def _request(container: Object, resource: str) -> float:
    resources = fields.part(container, "resources")
    asked = quantity.parse(fields.part(resources, "requests").get(resource))
    return asked if asked is not None else quantity.parse(fields.part(resources, "limits").get(resource)) or 0.0


def _amount(value: float, unit: str) -> str:
    if unit == "memory":
        return f"{value / 2**30:.3g} GiB" if value >= 2**30 else f"{value / 2**20:.3g} MiB"
    return f"{value:g} cores" if value != 1 else "1 core"
