"""What pods and workloads name and the cluster does not have: config maps, secrets, keys, accounts, claims, classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from integrations.cluster import fields
from integrations.cluster.pods import is_ready
from integrations.cluster.telling import tell
from integrations.cluster.words import Word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integrations.cluster.cluster import Cluster
    from integrations.cluster.fields import Object
    from scoring.observations import State

_SYSTEM_CLASSES = frozenset({"system-cluster-critical", "system-node-critical"})


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """Hold what a pod's specification names: the kind and name, for a key also that, and what for."""

    kind: str
    name: str
    key: str = ""
    use: str = ""
    optional: bool = False


def find(cluster: Cluster) -> Iterator[State]:
    """Yield the references of workloads, and of pods that nothing made, to what does not exist."""
    for kind, workload in cluster.workloads():
        yield from _lacking(cluster, kind, workload, template(kind, workload))
    for pod in cluster.all("Pod"):
        if not fields.controller(pod)[1] and not fields.is_leaving(pod):
            yield from _lacking(cluster, "Pod", pod, fields.part(pod, "spec"))


def template(kind: str, workload: Object) -> Object:
    """Return the specification of the pods that a workload makes."""
    if kind == "CronJob":
        return fields.part(workload, "spec", "jobTemplate", "spec", "template", "spec")
    return fields.part(workload, "spec", "template", "spec")


def of(spec: Object) -> Iterator[Reference]:
    """Yield all that a pod's specification names."""
    account = fields.text(spec, "serviceAccountName") or fields.text(spec, "serviceAccount")
    if account:
        yield Reference("ServiceAccount", account, use="runs as")
    for secret in fields.parts(spec, "imagePullSecrets"):
        # A pull goes on without a secret that is not there; the pull error tells then.
        yield Reference("Secret", fields.text(secret, "name"), use="pulls its image with", optional=True)
    priority = fields.text(spec, "priorityClassName")
    if priority and priority not in _SYSTEM_CLASSES:
        yield Reference("PriorityClass", priority, use="has the priority of")
    for volume in fields.parts(spec, "volumes"):
        yield from _of_volume(volume)
    for kind in ("initContainers", "containers"):
        for container in fields.parts(spec, kind):
            yield from _of_container(container)


def _of_volume(volume: Object) -> Iterator[Reference]:
    name = f"mounts as volume {fields.text(volume, 'name')}"
    claim = fields.text(volume, "persistentVolumeClaim", "claimName")
    if claim:
        yield Reference("PersistentVolumeClaim", claim, use=name)
    for source in (volume, *fields.parts(volume, "projected", "sources")):
        for kind, field, named in (("ConfigMap", "configMap", "name"), ("Secret", "secret", "secretName")):
            part = fields.part(source, field)
            target = fields.text(part, named) or fields.text(part, "name")
            if not target:
                continue
            optional = part.get("optional") is True
            yield Reference(kind, target, use=name, optional=optional)
            for item in fields.parts(part, "items"):
                yield Reference(kind, target, fields.text(item, "key"), name, optional)


def _of_container(container: Object) -> Iterator[Reference]:
    for source in fields.parts(container, "envFrom"):
        for kind, field in (("ConfigMap", "configMapRef"), ("Secret", "secretRef")):
            part = fields.part(source, field)
            if fields.text(part, "name"):
                yield Reference(
                    kind,
                    fields.text(part, "name"),
                    use="takes its environment from",
                    optional=part.get("optional") is True,
                )
    for variable in fields.parts(container, "env"):
        for kind, field in (("ConfigMap", "configMapKeyRef"), ("Secret", "secretKeyRef")):
            part = fields.part(variable, "valueFrom", field)
            if fields.text(part, "name"):
                use = f"takes {fields.text(variable, 'name')} from"
                yield Reference(
                    kind, fields.text(part, "name"), fields.text(part, "key"), use, part.get("optional") is True
                )


_WORDS = {
    "ConfigMap": Word.MISSING_CONFIG_MAP, "Secret": Word.MISSING_SECRET, "ServiceAccount": Word.MISSING_SERVICE_ACCOUNT,
    "PersistentVolumeClaim": Word.MISSING_CLAIM, "PriorityClass": Word.MISSING_PRIORITY_CLASS,
}  # fmt: skip


def _lacking(cluster: Cluster, kind: str, thing: Object, spec: Object) -> Iterator[State]:
    namespace, name = fields.namespace(thing), fields.name(thing)
    pods = [thing] if kind == "Pod" else cluster.pods_of(kind, namespace, name)
    # Pods that run keep what they read; the next one will miss it.
    latent = bool(pods) and all(is_ready(pod) for pod in pods)
    seen: set[tuple[str, str, str]] = set()
    for one in of(spec):
        word = _WORDS[one.kind]
        if one.kind == "Secret" and one.use.startswith("pulls"):
            word = Word.PULL_SECRET_MISSING
        elif one.optional:
            continue
        target = cluster.get(one.kind, namespace, one.name)
        what = f"{one.kind} {one.name}"
        if one.key and target is not None:
            keys = {
                *fields.part(target, "data"),
                *fields.part(target, "binaryData"),
                *fields.part(target, "stringData"),
            }
            if not keys or one.key in keys:
                continue
            word, what = Word.MISSING_KEY, f"key {one.key} of {what}"
        elif not cluster.lacks(one.kind, namespace, one.name):
            continue
        if (word, one.name, one.key if word is Word.MISSING_KEY else "") in seen:
            continue
        seen.add((word, one.name, one.key if word is Word.MISSING_KEY else ""))
        nearest = cluster.nearest(one.kind, namespace, one.name) if word is not Word.MISSING_KEY else ""
        yield tell(
            cluster, word, cluster.pod(thing) if kind == "Pod" else cluster.workload(kind, namespace, name), kind, thing,
            f"{kind.lower()} {name} {one.use} {what}, which does not exist"
            f"{f'; nearest: {nearest}' if nearest else ''}{'; its running pods keep what they read' if latent else ''}",
            about=one.name, at=fields.changed(thing), active=not latent, target=one.name,
        )  # fmt: skip
