"""Rollouts: from the revisions that Kubernetes keeps to changes that say what was different."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from integrations.cluster import fields
from integrations.kubernetes.snapshot import DEPLOYMENTS, REPLICASETS, REVISIONS, SOURCE
from scoring.observations import Change, ChangeKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from integrations.kubernetes.api import Object
    from integrations.kubernetes.ownership import Owners
    from integrations.kubernetes.snapshot import Snapshot
    from scoring.observations import Window

REVISION = "deployment.kubernetes.io/revision"
EARLIER_REVISIONS = "deployment.kubernetes.io/revision-history"
CAUSE = "kubernetes.io/change-cause"
RESTARTED = "kubectl.kubernetes.io/restartedAt"
AUTHORS = frozenset({"author", "deployed-by", "deployer", "changed-by", "triggered-by", "committer", "actor"})
_SECRET = re.compile(r"passw|secret|token|api_?key|private|credential|dsn|auth", re.IGNORECASE)
_USERINFO = re.compile(r"(://)[^/@\s]*@")
_MAX_VALUE = 120
RESTART = "restarted by hand"
POD_FIELDS = (
    "volumes", "nodeSelector", "affinity", "tolerations", "serviceAccountName", "priorityClassName", "dnsPolicy",
)  # fmt: skip
CONTAINER_FIELDS = ("envFrom", "ports", "volumeMounts", "securityContext")
PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
# More than this differs where a probe asks in another way altogether.
_MOST_OF_A_PROBE = 3


@dataclass(frozen=True, slots=True)
class Revision:
    """Hold one revision of a workload: its number, when it was made, and the pod template that it rolls out."""

    number: int
    made_at: float
    template: Object
    annotations: Mapping[str, str]
    is_rollback: bool = False


def changes(snapshot: Snapshot, owners: Owners, window: Window) -> Iterator[Change]:
    """Yield the rollouts that began in the window, with what they changed against the revision before."""
    deployments = {(fields.namespace(one), fields.name(one)): one for one in snapshot.of(DEPLOYMENTS)}
    histories: dict[tuple[str, str, str], list[Revision]] = defaultdict(list)
    for one in snapshot.of(REPLICASETS):
        kind, owner = fields.controller(one)
        if kind == "Deployment" and (revision := _of_replica_set(one, deployments.get((fields.namespace(one), owner)))):
            histories["deployment", fields.namespace(one), owner].append(revision)
    for one in snapshot.of(REVISIONS):
        kind, owner = fields.controller(one)
        made_at = fields.seconds(fields.text(one, "metadata", "creationTimestamp"))
        if kind in {"StatefulSet", "DaemonSet"} and made_at is not None:
            template = fields.part(one, "data", "spec", "template")
            revision = Revision(fields.number(one, "revision"), made_at, template, fields.marks(one))
            histories[kind.lower(), fields.namespace(one), owner].append(revision)
    for (kind, namespace, name), revisions in sorted(histories.items()):
        revisions.sort(key=lambda one: one.number)
        workload = deployments.get((namespace, name)) if kind == "deployment" else None
        for before, after in pairwise(revisions):
            if window.start <= after.made_at <= window.end:
                newest = after is revisions[-1]
                yield _change(
                    owners, kind, namespace, name, before, after, _status(workload) if newest else "superseded"
                )
        first = revisions[0]
        if first.number == 1 and window.start <= first.made_at <= window.end:
            status = _status(workload) if len(revisions) == 1 else "superseded"
            yield _change(owners, kind, namespace, name, None, first, status)


def differences(before: Object, after: Object) -> list[str]:
    """Return what differs between two pod templates, in words, the most telling first; secrets' values are left out."""
    old, new = _containers(before), _containers(after)
    words: list[str] = []
    for name in [*new, *(gone for gone in old if gone not in new)]:
        if name not in old:
            words.append(f"container {name} added ({_image(new[name])})")
        elif name not in new:
            words.append(f"container {name} removed")
        else:
            words += _of_container(old[name], new[name], f" of {name}" if len(new) > 1 else "")
    words += _of_marks(before, after)
    specs = fields.part(before, "spec"), fields.part(after, "spec")
    return words + [f"{key} changed" for key in POD_FIELDS if specs[0].get(key) != specs[1].get(key)]


def _of_container(old: Object, new: Object, mine: str) -> Iterator[str]:
    yield from _images(old, new)
    yield from (f"env {difference}{mine}" for difference in _environment(old, new))
    yield from (f"{difference}{mine}" for difference in _resources(old, new))
    for key in ("args", "command"):
        if old.get(key) != new.get(key):
            yield f"{key}{mine} {_shown(_joined(old, key))} → {_shown(_joined(new, key))}"
    for key in PROBES:
        yield from (f"{difference}{mine}" for difference in _probe(key, old.get(key), new.get(key)))
    yield from (f"{key}{mine} changed" for key in CONTAINER_FIELDS if old.get(key) != new.get(key))


def _of_marks(before: Object, after: Object) -> Iterator[str]:
    old, new = fields.marks(before), fields.marks(after)
    for key in sorted({*old, *new}):
        if old.get(key) == new.get(key):
            continue
        if key == RESTARTED:
            yield RESTART
        elif "checksum" in key or "hash" in key:
            # Helm charts put the hash of a ConfigMap here, so that a changed one restarts the pods.
            yield f"{key.rpartition('/')[2]} changed (configuration)"


def _of_replica_set(one: Object, deployment: Object | None) -> Revision | None:
    marks = fields.marks(one)
    made_at = fields.seconds(fields.text(one, "metadata", "creationTimestamp"))
    if made_at is None or not marks.get(REVISION, "").isdecimal():
        return None
    number = int(marks[REVISION])
    is_rollback = EARLIER_REVISIONS in marks
    if is_rollback:
        # A roll back reuses the old replica set; when it began is kept nowhere else than in the deployment's progress.
        rolled = fields.seconds(fields.condition(deployment or {}, "Progressing").get("lastUpdateTime"))
        newest = fields.marks(deployment or {}).get(REVISION) == marks[REVISION]
        made_at = rolled if newest and rolled is not None else made_at
    return Revision(number, made_at, fields.part(one, "spec", "template"), marks, is_rollback)


def _change(
    owners: Owners, kind: str, namespace: str, name: str, before: Revision | None, after: Revision, status: str
) -> Change:
    labels = fields.labels(after.template)
    entity = owners.workload_entity(namespace, name, labels)
    old = before.template if before else {}
    words = differences(old, after.template) if before else [f"first rollout of {kind} {name}"]
    version, previous = _version(after.template, name), _version(old, name)
    images = {name: _image(one) for name, one in _containers(old).items()}
    new_images = {name: _image(one) for name, one in _containers(after.template).items()}
    is_deployment = images != new_images or not words or words == [RESTART]
    verb = "rolled back" if after.is_rollback else "rolled out" if is_deployment else "reconfigured"
    what = (
        f" {previous} → {version}"
        if version != previous and previous
        else f" {version}"
        if is_deployment and version
        else ""
    )
    cause = after.annotations.get(CAUSE, "")
    if cause and before and before.annotations.get(CAUSE) == cause:
        # kubectl leaves the annotation as it was when a later change does not set it.
        cause = ""
    detail = "; ".join(words) or "no difference in the pod template"
    return Change(
        entity=entity, kind=ChangeKind.DEPLOYMENT if is_deployment else ChangeKind.CONFIG, at=after.made_at,
        title=f"{name}{what} {verb}" if is_deployment else f"{name} {verb}: {'; '.join(words[:3])}", source=SOURCE,
        author=_author(after), version=version, previous_version=previous, status=status,
        detail=f"{detail}{f' ({cause})' if cause else ''}; revision {after.number} of {kind} {name} in {namespace}",
        key=version if is_deployment and version != previous and version else f"{namespace}/{name}@{after.number}",
    )  # fmt: skip


def _status(deployment: Object | None) -> str:
    if deployment is None:
        return ""
    progressing = fields.condition(deployment, "Progressing")
    if progressing.get("status") == "False":
        return "failed"
    return "complete" if progressing.get("reason") == "NewReplicaSetAvailable" else "in progress"


def _author(revision: Revision) -> str:
    marks = {**fields.marks(revision.template), **revision.annotations}
    return next((value for key, value in sorted(marks.items()) if key.rpartition("/")[2].lower() in AUTHORS), "")


def _containers(template: Object) -> dict[str, Object]:
    spec = fields.part(template, "spec")
    return {
        fields.text(one, "name"): one for key in ("containers", "initContainers") for one in fields.parts(spec, key)
    }


def _image(container: Object) -> str:
    return fields.text(container, "image")


def _tag(image: str) -> str:
    """Return an image's tag, or the first letters of its digest."""
    named, _, digest = image.partition("@")
    tag = named.rpartition("/")[2].partition(":")[2]
    return tag or digest.removeprefix("sha256:")[:12]


def _version(template: Object, workload: str) -> str:
    containers = _containers(template)
    # A sidecar's tag is not the service's version: prefer the container that is called like the workload.
    main = containers.get(workload) or next(iter(containers.values()), None)
    label = fields.labels(template).get("app.kubernetes.io/version", "")
    return (_tag(_image(main)) if main else "") or label


def _images(old: Object, new: Object) -> Iterator[str]:
    before, after = _image(old), _image(new)
    if before == after:
        return
    same = before.partition("@")[0].rpartition(":")[0] == after.partition("@")[0].rpartition(":")[0]
    short = before.rpartition("/")[2] if same else before
    yield f"image {short} → {_tag(after) if same and _tag(after) else after}"


def _environment(old: Object, new: Object) -> Iterator[str]:
    before, after = ({fields.text(one, "name"): one for one in fields.parts(side, "env")} for side in (old, new))
    for key in sorted({*before, *after}):
        if before.get(key) == after.get(key):
            continue
        if key not in before:
            yield f"{key} added{'' if _is_secret(key) else f' ({_value(after[key])})'}"
        elif key not in after:
            yield f"{key} removed"
        elif _is_secret(key):
            yield f"{key} changed"
        else:
            yield f"{key} {_value(before[key])} → {_value(after[key])}"


def _resources(old: Object, new: Object) -> Iterator[str]:
    for kind, word in (("limits", "limit"), ("requests", "request")):
        before, after = fields.part(old, "resources", kind), fields.part(new, "resources", kind)
        for key in sorted({*before, *after}):
            if before.get(key) != after.get(key):
                yield f"{key} {word} {before.get(key, 'none')} → {after.get(key, 'none')}"


def _probe(name: str, before: object, after: object) -> Iterator[str]:
    """Yield what differs between two probes: its path, port, command or patience; headers may hold secrets."""
    if before == after:
        return
    if not isinstance(before, dict) or not isinstance(after, dict):
        yield f"{name} {'removed' if after is None else 'added' if before is None else 'changed'}"
        return
    old, new = dict(_settings(before)), dict(_settings(after))
    differing = [key for key in sorted({*old, *new}) if old.get(key) != new.get(key)]
    if not differing or len(differing) > _MOST_OF_A_PROBE:
        yield f"{name} changed"
        return
    for key in differing:
        yield f"{name} {key} {_shown(old.get(key, 'none'))} → {_shown(new.get(key, 'none'))}"


def _settings(probe: Object) -> Iterator[tuple[str, str]]:
    for key, value in probe.items():
        if isinstance(value, dict):
            yield from _settings(value)
        elif key == "command":
            yield key, _joined(probe, key)
        elif not isinstance(value, list):
            yield key, str(value)


def _is_secret(key: str) -> bool:
    return bool(_SECRET.search(key))


def _value(variable: Object) -> str:
    if "value" in variable:
        return _shown(fields.text(variable, "value"))
    for kind in ("configMapKeyRef", "secretKeyRef", "fieldRef", "resourceFieldRef"):
        reference = fields.part(variable, "valueFrom", kind)
        if reference:
            source = kind.removesuffix("Ref").removesuffix("Key")
            return f"from {source} {reference.get('name', '')}/{reference.get('key', reference.get('fieldPath', ''))}"
    return '""'


def _joined(container: Object, key: str) -> str:
    words = container.get(key)
    return " ".join(str(word) for word in words) if isinstance(words, list) else ""


def _shown(value: str) -> str:
    plain = _USERINFO.sub(r"\1…@", value)
    return (plain if len(plain) <= _MAX_VALUE else f"{plain[:_MAX_VALUE]}…") or '""'
