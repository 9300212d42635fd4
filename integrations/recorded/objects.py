"""Texts of kubectl become the objects that the API server would have given, as far as they were printed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from integrations.recorded import kubectl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from integrations.recorded.kubectl import Section

Object = dict[str, Any]

_DESCRIBE = re.compile(r"^kubectl describe (\S+) (\S+)(?: -n (\S+))?")
_GET = re.compile(r"^kubectl get (\S+)(?: -n (\S+))?")
_PROBE = re.compile(
    r"^(?P<how>http-get|tcp-socket|grpc|exec)\s+(?P<target>\S+(?: \S+)*?)\s+delay=(?P<delay>\S+?)s? timeout=(?P<timeout>\S+?)s? "
    r"period=(?P<period>\S+?)s? #success=(?P<success>\d+) #failure=(?P<failure>\d+)"
)
_PORT = re.compile(r"^(?:(?P<name>\S+)\s+)?(?P<port>\d+)/(?P<protocol>\w+)$")
_ADDRESS = re.compile(r"^(?:(?P<scheme>https?)://)?[^:/]*:(?P<port>[\w-]+)(?P<path>/\S*)?$")
_REPLICAS = re.compile(r"(\d+) (desired|updated|total|available|unavailable)")
_TAINT = re.compile(r"^(?P<key>[^=:]+)(?:=(?P<value>[^:]*))?:(?P<effect>\w+)$")
_EVENT = re.compile(r"\s{2,}")
_KINDS = {
    "po": "Pod", "pod": "Pod", "pods": "Pod", "no": "Node", "node": "Node", "svc": "Service", "service": "Service",
    "deployment": "Deployment", "replicaset": "ReplicaSet", "statefulset": "StatefulSet", "daemonset": "DaemonSet",
    "persistentvolumeclaim": "PersistentVolumeClaim", "job": "Job", "cronjob": "CronJob", "endpoints": "Endpoints",
}  # fmt: skip
# Newest first in a list of events, so that a bound keeps the latest.
_MOST_EVENTS = 2000


@dataclass(slots=True)
class Texts:
    """Hold what kubectl printed, as objects by the plural of their kind."""

    now: datetime
    wall: bool
    objects: dict[str, list[Object]] = field(default_factory=dict)
    events: list[Object] = field(default_factory=list)

    def add(self, plural: str, value: Object) -> None:
        """Keep an object; what a description says later is added to what is known of the same thing."""
        known = self.objects.setdefault(plural, [])
        name = value["metadata"].get("name"), value["metadata"].get("namespace", "")
        for one in known:
            if (one["metadata"].get("name"), one["metadata"].get("namespace", "")) == name:
                _merge(one, value)
                return
        known.append(value)

    def fill(self, plural: str, value: Object, *, complete: bool) -> None:
        """Keep what a manifest tells of an object and its description left out; what was printed runs, and stands.

        `complete` says that all objects of the kind were listed: what was not among them is not there.
        """
        name = value["metadata"].get("name"), value["metadata"].get("namespace", "")
        for one in self.objects.setdefault(plural, []):
            if (one["metadata"].get("name"), one["metadata"].get("namespace", "")) == name:
                _fill(one, value)
                return
        if not complete:
            self.objects[plural].append(value)

    def date(self, text: str) -> str:
        """Return a printed date as RFC 3339."""
        return kubectl.date(text, wall=self.wall)


def read(texts: Mapping[str, Any], *, now: datetime, wall: bool, namespace: str) -> Texts:
    """Return the objects of all texts; texts of kinds that are not known are left out."""
    found, listed = Texts(now, wall), list[Object]()
    for command, text in texts.items():
        if not isinstance(text, str) or text.startswith("Error"):
            continue
        described = _DESCRIBE.match(command)
        if described:
            plural = described[1]
            maker = _MAKERS.get(plural)
            if plural == "configmaps":
                found.add(plural, {"metadata": _named(text), "data": kubectl.data(text)})
            # kubectl prints many objects of one kind below each other.
            if maker is not None and text.strip():
                root = kubectl.describe(text)
                value = maker(root, found)
                found.add("resourcequotas" if maker is _quota else plural, value)
                _events_below(root, value, plural, found)
            continue
        got = _GET.match(command)
        if got and got[1] == "events":
            found.events += _events(text, got[2] or namespace, found)
        elif (
            got
            and got[1] in {"secrets", "serviceaccounts", "endpoints", "configmaps", "storageclasses"}
            and "-l " not in command
        ):
            for row in kubectl.table(text):
                found.add(
                    got[1], {"metadata": {"name": row.get("NAME", ""), "namespace": got[2] or namespace}, "row": row}
                )
        elif got and got[1] == "pods" and "--show-labels" not in command and "-l " not in command:
            listed += [_listed_pod(row, got[2] or namespace, found) for row in kubectl.table(text)]
    _add_listed(found, listed)
    return found


def _add_listed(texts: Texts, pods: list[Object]) -> None:
    """Keep the pods that were only listed, and of those that were described too, when they were made."""
    described = {(one["metadata"]["name"], one["metadata"]["namespace"]): one for one in texts.objects.get("pods", ())}
    for pod in pods:
        known = described.get((pod["metadata"]["name"], pod["metadata"]["namespace"]))
        if known is None:
            texts.add("pods", pod)
        elif not known["metadata"]["creationTimestamp"]:
            # A description tells when a pod was started; one that waits has not been.
            known["metadata"]["creationTimestamp"] = pod["metadata"]["creationTimestamp"]


def manifests(documents: Mapping[str, Any], namespace: str) -> Iterator[tuple[str, Object]]:
    """Yield the objects of YAML texts with the plurals of their kinds, Secrets without their values."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for text in documents.values():
        try:
            values = list(yaml.load_all(str(text), Loader=loader))
        except yaml.YAMLError:
            continue
        for value in values:
            if not isinstance(value, dict) or not isinstance(value.get("metadata"), dict):
                continue
            kind = str(value.get("kind", ""))
            value["metadata"].setdefault("namespace", namespace)
            value["metadata"]["namespace"] = str(value["metadata"]["namespace"]).strip()
            if kind == "Secret":
                # Which keys there are is compared, what they hold goes no further.
                value["data"] = dict.fromkeys([*(value.get("data") or ()), *(value.pop("stringData", None) or ())], "")
            yield f"{kind.lower()}s" if not kind.lower().endswith("y") else f"{kind.lower()[:-1]}ies", value


def _merge(one: Object, other: Object) -> None:
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(one.get(key), dict):
            _merge(one[key], value)
        elif value not in ({}, [], "", None):
            one[key] = value


def _fill(one: Object, other: Object) -> None:
    for key, value in other.items():
        known = one.get(key)
        if isinstance(known, dict) and isinstance(value, dict):
            _fill(known, value)
        elif known is None or (known in ({}, [], "") and value):
            one[key] = value


def _metadata(root: Section, texts: Texts) -> Object:
    made = root.text("CreationTimestamp") or root.text("Start Time") or root.text("Created on")
    metadata: Object = {
        "name": root.text("Name"),
        "namespace": root.text("Namespace"),
        "labels": labels.pairs if (labels := root.get("Labels")) else {},
        "annotations": marks.colon_pairs if (marks := root.get("Annotations")) else {},
        "creationTimestamp": texts.date(made),
    }
    owner = root.text("Controlled By")
    if "/" in owner:
        kind, _, name = owner.partition("/")
        metadata["ownerReferences"] = [{"kind": kind, "name": name, "controller": True}]
    return metadata


def _named(text: str) -> Object:
    """Return name and namespace of a description whose further text is not kubectl's own."""
    words = dict(re.findall(r"^(Name|Namespace):\s+(\S+)$", text, re.MULTILINE))
    return {"name": words.get("Name", ""), "namespace": words.get("Namespace", "")}


def _conditions(root: Section, texts: Texts) -> list[Object]:
    section = root.get("Conditions")
    if section is None:
        return []
    rows = kubectl.table("\n".join(line[2:] for line in section.lines))
    return [
        {
            "type": row.get("Type", ""),
            "status": row.get("Status", ""),
            "reason": row.get("Reason", ""),
            "message": row.get("Message", ""),
            "lastTransitionTime": texts.date(row.get("LastTransitionTime", "")),
        }
        for row in rows
    ]


def _state(section: Section | None, texts: Texts) -> Object:
    if section is None or not section.value:
        return {}
    kind = section.value.split()[0].lower()
    inner: Object = {"reason": section.text("Reason"), "message": section.text("Message")}
    if kind == "terminated":
        inner |= {"exitCode": _int(section.text("Exit Code")), "signal": _int(section.text("Signal")),
                  "startedAt": texts.date(section.text("Started")), "finishedAt": texts.date(section.text("Finished"))}  # fmt: skip
    elif kind == "running":
        inner = {"startedAt": texts.date(section.text("Started"))}
    return {kind: inner}


def _probe(text: str) -> Object:
    match = _PROBE.match(text)
    if match is None:
        return {}
    probe: Object = {
        "initialDelaySeconds": _int(match["delay"]), "timeoutSeconds": _int(match["timeout"]),
        "periodSeconds": _int(match["period"]), "failureThreshold": _int(match["failure"]),
    }  # fmt: skip
    how, target = match["how"], match["target"]
    address = _ADDRESS.match(target.split()[0])
    port: object = (int(address["port"]) if address["port"].isdecimal() else address["port"]) if address else ""
    if how == "http-get":
        probe["httpGet"] = {
            "port": port,
            "path": (address and address["path"]) or "/",
            "scheme": ((address and address["scheme"]) or "http").upper(),
        }
    elif how == "tcp-socket":
        probe["tcpSocket"] = {"port": port}
    elif how == "grpc":
        probe["grpc"] = {"port": port}
    else:
        probe["exec"] = {"command": target.strip("[]").split()}
    return probe


def _container(section: Section) -> Object:
    ports = [
        {"containerPort": int(match["port"]), "protocol": match["protocol"]}
        for key in ("Port", "Ports")
        for word in section.text(key).split(", ")
        if (match := _PORT.match(word))
    ]
    container: Object = {
        "name": section.key,
        "image": section.text("Image"),
        "ports": ports,
        "env": list(_environment(section)),
    }
    for key, name in (("Liveness", "livenessProbe"), ("Readiness", "readinessProbe"), ("Startup", "startupProbe")):
        if probe := _probe(section.text(key)):
            container[name] = probe
    for key, name in (("Command", "command"), ("Args", "args")):
        if (found := section.get(key)) is not None:
            container[name] = [one.key if not one.value else f"{one.key}: {one.value}" for one in found.below]
    container["resources"] = {
        name: {one.key: one.value for one in found.below}
        for key, name in (("Limits", "limits"), ("Requests", "requests"))
        if (found := section.get(key)) is not None
    }
    if (sources := section.get("Environment Variables from")) is not None:
        container["envFrom"] = [
            {f"{words[1][0].lower()}{words[1][1:]}Ref": {"name": words[0]}}
            for one in sources.below
            if len(words := one.key.split()) > 1
        ]
    return container


def _environment(section: Section) -> Iterator[Object]:
    found = section.get("Environment")
    for one in found.below if found is not None else ():
        reference = re.match(r"<set to the key '([^']+)' (?:in|of) (secret|config map) '([^']+)'>", one.value)
        if reference:
            kind = "secretKeyRef" if reference[2] == "secret" else "configMapKeyRef"
            yield {"name": one.key, "valueFrom": {kind: {"name": reference[3], "key": reference[1]}}}
        elif not one.value.startswith("("):
            yield {"name": one.key, "value": one.value}


def _containers(root: Section, key: str) -> list[Section]:
    found = root.get(key)
    return [] if found is None else [one for one in found.below if one.below]


def _status(section: Section, texts: Texts) -> Object:
    return {
        "name": section.key, "image": section.text("Image"), "ready": section.text("Ready") == "True",
        "restartCount": _int(section.text("Restart Count")), "state": _state(section.get("State"), texts),
        "lastState": _state(section.get("Last State"), texts),
    }  # fmt: skip


def _pod(root: Section, texts: Texts) -> Object:
    status: Object = {
        "phase": root.text("Status").split(" ")[0], "reason": root.text("Reason"), "message": root.text("Message"),
        "podIP": root.text("IP"), "conditions": _conditions(root, texts),
        "containerStatuses": [_status(one, texts) for one in _containers(root, "Containers")],
        "initContainerStatuses": [_status(one, texts) for one in _containers(root, "Init Containers")],
    }  # fmt: skip
    return {"metadata": _metadata(root, texts), "spec": _pod_spec(root), "status": status}


def _pod_spec(root: Section) -> Object:
    selectors, tolerations = root.get("Node-Selectors"), root.get("Tolerations")
    spec: Object = {
        "nodeName": root.text("Node").partition("/")[0],
        "serviceAccountName": root.text("Service Account"),
        "containers": [_container(one) for one in _containers(root, "Containers")],
        "initContainers": [_container(one) for one in _containers(root, "Init Containers")],
        "nodeSelector": selectors.pairs if selectors else {},
        "volumes": list(_volumes(root)),
    }
    if tolerations is not None:
        spec["tolerations"] = [_toleration(one) for one in tolerations.values]
    return spec


def _toleration(text: str) -> Object:
    """Read `key=value:Effect op=Exists for 300s`, of which each part may be missing."""
    told = text.partition(" ")[0]
    key, mark, effect = told.partition(":")
    key, equals, value = key.partition("=")
    found: Object = {"key": key, "operator": "Exists" if "op=Exists" in text else "Equal"}
    if text.startswith("op=Exists"):
        return {"operator": "Exists"}
    if equals:
        found["value"] = value
    if mark:
        found["effect"] = effect
    return found


def _volumes(root: Section) -> Iterator[Object]:
    section = root.get("Volumes")
    for one in section.below if section is not None else ():
        volume: Object = {"name": one.key}
        if claim := one.text("ClaimName"):
            volume["persistentVolumeClaim"] = {"claimName": claim}
        elif one.text("SecretName"):
            volume["secret"] = {"secretName": one.text("SecretName"), "optional": one.text("Optional") == "true"}
        elif one.text("Type").startswith("ConfigMap"):
            volume["configMap"] = {"name": one.text("Name"), "optional": one.text("Optional") == "true"}
        yield volume


def _workload(root: Section, texts: Texts) -> Object:
    template = root.get("Pod Template") or kubectl.Section("", "", 0, 0)
    counts = {word: int(count) for count, word in _REPLICAS.findall(root.text("Replicas"))}
    labels, selector = template.get("Labels"), root.get("Selector")
    running = re.search(r"(\d+) Running", root.text("Pods Status"))
    status: Object = {"conditions": _conditions(root, texts), "availableReplicas": counts.get("available", 0)}
    if running:
        status["readyReplicas"] = int(running[1])
    spec: Object = {
        "selector": {"matchLabels": selector.pairs if selector else {}},
        "template": {
            "metadata": {"labels": labels.pairs if labels else {}},
            "spec": _pod_spec(template),
        },
    }
    if "desired" in counts:
        spec["replicas"] = counts["desired"]
    return {"metadata": _metadata(root, texts), "spec": spec, "status": status}


def _service(root: Section, texts: Texts) -> Object:
    selector, ports = root.get("Selector"), []
    addresses = [word for one in root.all("Endpoints") for word in one.value.split(",") if ":" in word]
    for one in root.below:
        match = _PORT.match(one.value) if one.key == "Port" else None
        if match:
            ports.append(
                {
                    "name": (match["name"] or "").replace("<unset>", ""),
                    "port": int(match["port"]),
                    "protocol": match["protocol"],
                }
            )
        elif one.key == "TargetPort" and ports:
            target = one.value.partition("/")[0]
            ports[-1]["targetPort"] = int(target) if target.isdecimal() else target
    spec = {"selector": selector.pairs if selector else {}, "ports": ports, "type": root.text("Type")}
    return {"metadata": _metadata(root, texts), "spec": spec, "addresses": addresses}


def _node(root: Section, texts: Texts) -> Object:
    taints = root.get("Taints")
    spec: Object = {
        "unschedulable": root.text("Unschedulable") == "true",
        "taints": [
            {"key": match["key"], "value": match["value"] or "", "effect": match["effect"]}
            for one in (taints.values if taints else ())
            if (match := _TAINT.match(one))
        ],
    }
    amounts = {
        name: {one.key: one.value for one in found.below}
        for key, name in (("Capacity", "capacity"), ("Allocatable", "allocatable"))
        if (found := root.get(key)) is not None
    }
    allocated = root.get("Allocated resources")
    requested = {}
    for line in allocated.lines if allocated is not None else ():
        words = line.split()
        if len(words) >= 2 and words[0] in {"cpu", "memory"}:
            requested[words[0]] = words[1]
    metadata = {**_metadata(root, texts), "namespace": ""}
    return {
        "metadata": metadata,
        "spec": spec,
        "status": {"conditions": _conditions(root, texts), **amounts, "requested": requested},
    }


def _claim(root: Section, texts: Texts) -> Object:
    capacity, modes = root.text("Capacity"), root.text("Access Modes")
    return {
        "metadata": _metadata(root, texts),
        "spec": {"storageClassName": root.text("StorageClass"), "volumeName": root.text("Volume")},
        "status": {"phase": root.text("Status").split(" ")[0], "capacity": {"storage": capacity},
                   "accessModes": modes.split(",") if modes else []},
    }  # fmt: skip


def _volume(root: Section, texts: Texts) -> Object:
    claim = root.text("Claim")
    return {
        "metadata": {**_metadata(root, texts), "namespace": ""},
        "spec": {
            "storageClassName": root.text("StorageClass"), "capacity": {"storage": root.text("Capacity")},
            "accessModes": [word for word in root.text("Access Modes").split(",") if word],
            "claimRef": dict(zip(("namespace", "name"), claim.split("/", 1), strict=False)) if claim else {},
        },
        "status": {"phase": root.text("Status").split(" ")[0]},
    }  # fmt: skip


def _quota(root: Section, texts: Texts) -> Object:
    hard, used = {}, {}
    for section in root.below:
        words = section.key.split()
        if len(words) == 3 and words[0] not in {"Resource", "--------"}:
            used[words[0]], hard[words[0]] = words[1], words[2]
    return {"metadata": _metadata(root, texts), "spec": {"hard": hard}, "status": {"hard": hard, "used": used}}


def _policy(root: Section, texts: Texts) -> Object:
    spec = root.get("Spec") or root
    selector = spec.get("PodSelector")
    kinds = [word.strip() for word in spec.text("Policy Types").split(",") if word.strip()]
    isolated = [word for word in ("ingress", "egress") if any(f"isolated for {word}" in line for line in spec.lines)]
    return {
        "metadata": _metadata(root, texts),
        "spec": {"podSelector": {"matchLabels": selector.pairs if selector else {}}, "policyTypes": kinds,
                 **{word: [] if word in isolated else [{}] for word in ("ingress", "egress") if word.title() in kinds}},
    }  # fmt: skip


def _endpoints(root: Section, texts: Texts) -> Object:
    subsets = root.get("Subsets")
    words = {one.key: one.value for one in (subsets.below if subsets else ())}
    ready = [word for word in words.get("Addresses", "").split(",") if word and word != "<none>"]
    waiting = [word for word in words.get("NotReadyAddresses", "").split(",") if word and word != "<none>"]
    there = [int(word) for line in (subsets.lines if subsets else ()) for word in line.split() if word.isdecimal()]
    subset = {
        "addresses": [{"ip": word} for word in ready], "notReadyAddresses": [{"ip": word} for word in waiting],
        "ports": [{"port": number} for number in there],
    }  # fmt: skip
    return {"metadata": _metadata(root, texts), "subsets": [subset] if ready or waiting else []}


_MAKERS: dict[str, Callable[[Section, Texts], Object]] = {
    "pods": _pod, "deployments": _workload, "statefulsets": _workload, "replicasets": _workload, "services": _service,
    "nodes": _node, "persistentvolumeclaims": _claim, "persistentvolumes": _volume, "resourcequota": _quota, "resourcequotas": _quota,
    "networkpolicies": _policy, "endpoints": _endpoints,
}  # fmt: skip


def _listed_pod(row: Mapping[str, str], namespace: str, texts: Texts) -> Object:
    """Return what a list tells of a pod that nobody described."""
    created = kubectl.ago(texts.now, kubectl.age(row.get("AGE", "")))
    shown, (ready, _, wanted) = row.get("STATUS", ""), row.get("READY", "").partition("/")
    name = row.get("NAME", "")
    # A pod that ended well lists as Completed; what else has no phase of its own runs, with something to say.
    phase = {"Completed": "Succeeded", "Error": "Failed", "Evicted": "Failed"}.get(shown, shown)
    phase = phase if phase in {"Pending", "Running", "Failed", "Succeeded"} else "Running"
    is_ready = bool(wanted) and ready == wanted
    return {
        "metadata": {"name": name, "namespace": namespace, "creationTimestamp": created},
        "spec": {"nodeName": row.get("NODE", "")},
        "status": {"phase": phase, "conditions": [{"type": "Ready", "status": str(is_ready)}]},
    }


def _events(text: str, namespace: str, texts: Texts) -> Iterator[Object]:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith(("LAST SEEN", "No resources"))]
    for line in lines[-_MOST_EVENTS:]:
        cells = _EVENT.split(line.strip(), maxsplit=4)
        if len(cells) == 5:
            seen, kind, reason, thing, message = cells
            sort, _, name = thing.partition("/")
            yield _event(kind, reason, seen, message, (_KINDS.get(sort, sort), name, namespace), texts)


def _events_below(root: Section, value: Object, plural: str, texts: Texts) -> None:
    section = root.get("Events")
    if section is None or not section.lines:
        return
    about = (
        _KINDS.get(plural.removesuffix("s"), plural),
        value["metadata"]["name"],
        value["metadata"].get("namespace", ""),
    )
    for row in kubectl.table("\n".join(line[2:] for line in section.lines)):
        event = _event(
            row.get("Type", ""), row.get("Reason", ""), row.get("Age", ""), row.get("Message", ""), about, texts
        )
        event["source"] = {"component": row.get("From", "")}
        texts.events.append(event)


def _event(kind: str, reason: str, seen: str, message: str, about: tuple[str, str, str], texts: Texts) -> Object:
    last, first, count = kubectl.repeated(seen)
    sort, name, namespace = about
    return {
        "type": kind, "reason": reason, "message": message, "count": count, "metadata": {"namespace": namespace},
        "involvedObject": {"kind": sort, "name": name, "namespace": namespace},
        "firstTimestamp": kubectl.ago(texts.now, first), "lastTimestamp": kubectl.ago(texts.now, last),
    }  # fmt: skip


def _int(text: str) -> int:
    match = re.match(r"-?\d+", text)
    return int(match[0]) if match else 0
