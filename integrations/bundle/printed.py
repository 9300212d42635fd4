"""What kubectl printed: which command it was, told by the text itself, and lists as the objects that they tell of."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from integrations.recorded import kubectl

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

Object = dict[str, Any]

# A line before an output that tells the command, as people and scripts keep it.
_COMMAND = re.compile(
    r"^(?:[$#>+%]+\s*|=+\s*)?(?:sudo\s+)?(?:kubectl|oc|k)\s+(?:-\S+\s+(?:\S+\s+)?)*?(?:get|describe)\s.*$", re.MULTILINE
)
_NAMESPACE = re.compile(r"(?:^|[\s_])(?:-n|--namespace)[\s=_]+([a-z0-9][a-z0-9-]*)")
# Where a description begins: data inside of one may have names too.
_DESCRIBED = re.compile(r"^(?=Name:[ \t]+\S+\n(?:Namespace|Labels|Roles|Priority):)", re.MULTILINE)
_HEAD = re.compile(r"^[A-Z][A-Z()/. -]{2,}(?:\s{2,}|$)")
# By which columns a list is known; the first that has all of them decides.
_LISTS: tuple[tuple[str, frozenset[str]], ...] = tuple(
    (plural, frozenset(columns))
    for plural, columns in (
        ("events", ("LAST SEEN", "REASON", "OBJECT")),
        ("nodes", ("STATUS", "ROLES", "VERSION")),
        ("pods", ("READY", "STATUS", "RESTARTS")),
        ("deployments", ("READY", "UP-TO-DATE", "AVAILABLE")),
        ("daemonsets", ("DESIRED", "CURRENT", "NODE SELECTOR")),
        ("replicasets", ("DESIRED", "CURRENT", "READY")),
        ("services", ("CLUSTER-IP", "PORT(S)")),
        ("endpoints", ("ENDPOINTS",)),
        ("persistentvolumes", ("RECLAIM POLICY", "CLAIM")),
        ("persistentvolumeclaims", ("STATUS", "VOLUME", "STORAGECLASS")),
        ("jobs", ("COMPLETIONS", "DURATION")),
        ("storageclasses", ("PROVISIONER",)),
        ("secrets", ("TYPE", "DATA")),
        ("configmaps", ("DATA",)),
        ("serviceaccounts", ("SECRETS",)),
        ("statefulsets", ("READY",)),
    )
)  # fmt: skip
# By which keys a description is known.
_DESCRIPTIONS: tuple[tuple[str, frozenset[str]], ...] = tuple(
    (plural, frozenset(keys))
    for plural, keys in (
        ("nodes", ("Capacity", "Allocatable")),
        ("daemonsets", ("Pod Template", "Desired Number of Nodes Scheduled")),
        ("deployments", ("Pod Template", "StrategyType")),
        ("statefulsets", ("Pod Template", "Update Strategy")),
        ("replicasets", ("Pod Template", "Pods Status")),
        ("pods", ("Containers", "Node")),
        ("services", ("Port", "Endpoints")),
        ("endpoints", ("Subsets",)),
        ("persistentvolumes", ("Reclaim Policy", "Claim")),
        ("persistentvolumeclaims", ("Access Modes", "Volume")),
        ("networkpolicies", ("Spec", "Namespace")),
        ("configmaps", ("Namespace", "Labels", "Annotations")),
    )
)  # fmt: skip
_WAITING = re.compile(r"BackOff|^Err|Err\w*Pull|Config|CreateContainer|InvalidImage|RunContainer")
_MADE = re.compile(r"^(?P<name>.+?)(?P<hash>-[bcdf-hj-np-tv-xz0-9]{6,10})?-(?P<suffix>\d{1,3}|[a-z0-9]{5})$")
_WORKLOADS = {"deployments": "Deployment", "statefulsets": "StatefulSet", "daemonsets": "DaemonSet"}


def commands(text: str, *, namespace: str) -> Iterator[tuple[str, str]]:
    """Yield each output in a text with the command that prints it: `kubectl get pods -n shop`, `kubectl describe pods cart-1 -n shop`.

    `namespace` is where the objects are that name none themselves.
    """
    told, begin = namespace, 0
    parts: list[tuple[str, str]] = []
    for match in _COMMAND.finditer(text):
        parts.append((told, text[begin : match.start()]))
        found = _NAMESPACE.search(match[0])
        told, begin = found[1] if found else namespace, match.end()
    parts.append((told, text[begin:]))
    for home, part in parts:
        yield from _descriptions(part, home) if _DESCRIBED.search(part) else _lists(part, home)


def namespace_of(name: str) -> str:
    """Return the namespace that a file's name tells as kubectl's own option does, "" where it tells none."""
    found = _NAMESPACE.search(name)
    return found[1].removesuffix("-o") if found else ""


def objects(command: str, text: str, *, now: datetime) -> Iterator[tuple[str, Object]]:
    """Yield what a list tells of pods, nodes and workloads that nobody described; a list tells no labels and no selectors."""
    match = re.match(r"^kubectl get (\S+) -n (\S*)", command)
    maker = _MAKERS.get(match[1]) if match else None
    if match is None or maker is None:
        return
    for row in kubectl.table(text):
        if name := row.get("NAME", "").rpartition("/")[2]:
            created = kubectl.ago(now, kubectl.age(row.get("AGE", "")))
            metadata: Object = {"name": name, "namespace": match[2], "creationTimestamp": created}
            if match[1] == "pods":
                metadata["ownerReferences"] = _owner(name)
            yield match[1], {"metadata": metadata, **maker(row)}


def _owner(pod: str) -> list[Object]:
    """Return what made a pod, as its name tells: a list does not."""
    match = _MADE.match(pod)
    if match is None:
        return []
    kind = "ReplicaSet" if match["hash"] else "StatefulSet" if match["suffix"].isdecimal() else "DaemonSet"
    return [{"kind": kind, "name": f"{match['name']}{match['hash'] or ''}", "controller": True}]


def _lists(text: str, namespace: str) -> Iterator[tuple[str, str]]:
    block: list[str] = []
    for line in [*text.splitlines(), ""]:
        if line.strip() and not (block and _HEAD.match(line)):
            if block or _HEAD.match(line):
                block.append(line)
            continue
        if block:
            yield from _list(block, namespace)
        block = [line] if line.strip() else []


def _list(block: list[str], namespace: str) -> Iterator[tuple[str, str]]:
    heads = set(re.split(r"\s{2,}", block[0].strip()))
    plural = next((plural for plural, columns in _LISTS if columns <= heads), None)
    if plural is None:
        return
    # `kubectl get all` writes the kind before each name.
    rows = [re.sub(r"^(\S*\s+)?[a-z.]+/(?=\S)", lambda match: (match[1] or "") + " " * (len(match[0]) - len(match[1] or "")), line)
            if plural != "events" else line for line in block[1:]]  # fmt: skip
    if "NAMESPACE" not in heads:
        yield (
            f"kubectl get {plural} -n {namespace}",
            "\n".join([block[0], *(row.lstrip() if plural == "events" else _left(row) for row in rows)]),
        )
        return
    width = re.match(r"NAMESPACE\s+", block[0])
    by_home: dict[str, list[str]] = {}
    for row in rows:
        by_home.setdefault(row.split(None, 1)[0], []).append(row[width.end() if width else 0 :])
    head = block[0][width.end() if width else 0 :]
    for home, own in by_home.items():
        yield f"kubectl get {plural} -n {home}", "\n".join([head, *own])


def _left(row: str) -> str:
    """Move a name whose kind was taken away to where its column begins."""
    bare = row.lstrip()
    lost = len(row) - len(bare)
    if not lost:
        return row
    name, gap, rest = bare.partition(" ")
    return name + " " * lost + gap + rest


def _descriptions(text: str, namespace: str) -> Iterator[tuple[str, str]]:
    for part in _DESCRIBED.split(text):
        if not part.startswith("Name:"):
            continue
        keys = set(re.findall(r"^([A-Z][\w -]*?):", part, re.MULTILINE))
        plural = next((plural for plural, wanted in _DESCRIPTIONS if wanted <= keys), None)
        if plural is None and re.search(r"^Resource\s+Used\s+Hard", part, re.MULTILINE):
            plural = "resourcequotas"
        if plural == "configmaps" and not re.search(r"^Data\n====", part, re.MULTILINE):
            continue
        if plural is not None:
            words = dict(re.findall(r"^(Name|Namespace):[ \t]+(\S+)", part, re.MULTILINE))
            yield f"kubectl describe {plural} {words.get('Name', '')} -n {words.get('Namespace', namespace)}", part


def _pod(row: Mapping[str, str]) -> Object:
    shown, (ready, _, wanted) = row.get("STATUS", ""), row.get("READY", "").partition("/")
    init, shown = shown.startswith("Init:"), shown.removeprefix("Init:")
    phase = {"Completed": "Succeeded", "Error": "Failed", "Evicted": "Failed"}.get(shown, shown)
    made = _MADE.match(row.get("NAME", "").rpartition("/")[2])
    restarts = re.match(r"\d+", row.get("RESTARTS", ""))
    container: Object = {
        "name": made["name"] if made else row.get("NAME", ""),
        "ready": bool(wanted) and ready == wanted,
        "restartCount": int(restarts[0]) if restarts else 0,
    }
    if _WAITING.search(shown):
        container["state"] = {"waiting": {"reason": shown}}
    elif shown == "OOMKilled":
        container["state"] = {"terminated": {"reason": shown, "exitCode": 137}}
    elif shown == "Error":
        container["state"] = {"terminated": {"reason": shown, "exitCode": 1}}
    statuses = {"initContainerStatuses" if init else "containerStatuses": [container]}
    known = {"Pending", "Running", "Failed", "Succeeded"}
    return {
        "spec": {"nodeName": row.get("NODE", "")},
        "status": {
            "phase": phase if phase in known else "Pending" if init else "Running",
            "reason": "Evicted" if shown == "Evicted" else "",
            "conditions": [{"type": "Ready", "status": str(container["ready"])}],
            # Only what says that something is wrong: of a healthy pod a list tells no container's name.
            **(statuses if "state" in container else {}),
        },
    }


def _node(row: Mapping[str, str]) -> Object:
    words = row.get("STATUS", "").split(",")
    return {
        "spec": {"unschedulable": "SchedulingDisabled" in words},
        "status": {
            "conditions": [
                {"type": "Ready", "status": "True" if "Ready" in words else "False", "reason": "", "message": ""}
            ]
        },
    }


def _workload(row: Mapping[str, str]) -> Object:
    ready, _, wanted = row.get("READY", "").partition("/")
    if not wanted:
        ready, wanted = row.get("READY", ""), row.get("DESIRED", "")
    have, asked = (int(word) if word.isdecimal() else 0 for word in (ready, wanted))
    return {
        "spec": {"replicas": asked},
        "status": {
            "readyReplicas": have, "availableReplicas": have, "numberAvailable": have, "desiredNumberScheduled": asked,
        },
    }  # fmt: skip


_MAKERS = {"pods": _pod, "nodes": _node, **dict.fromkeys(_WORKLOADS, _workload)}
