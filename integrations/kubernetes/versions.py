"""When config maps and secrets changed, by their metadata alone: who wrote when, never what.

Kubernetes cannot grant the metadata of Secrets without their contents, so this is asked for only where the connection says so;
what is asked for then is the metadata (PartialObjectMetadata), and the contents do not leave the API server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from integrations.base import SourceError
from integrations.cluster import fields, references
from integrations.kubernetes import releases
from integrations.kubernetes.api import Forbidden, Resource
from integrations.kubernetes.delivery import entities, is_in
from integrations.kubernetes.snapshot import DAEMONSETS, DEPLOYMENTS, SOURCE, STATEFULSETS, Snapshot
from scoring.observations import Change, ChangeKind, Gap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integrations.kubernetes.api import Api, Object
    from integrations.kubernetes.ownership import Owners
    from scoring.observations import Window

CONFIG_MAPS = Resource("configmaps", ("v1",))
SECRETS = Resource("secrets", ("v1",))
PERMISSIONS = tuple(("list", one.plural, one.group) for one in (CONFIG_MAPS, SECRETS))
_WORDS = {"configmaps": ("ConfigMap", "config map"), "secrets": ("Secret", "secret")}
_DATA = ("f:data", "f:binaryData", "f:stringData")


def take(api: Api, namespaces: tuple[str, ...]) -> Snapshot:
    """Read the metadata of config maps and secrets."""
    taken = Snapshot(namespaces=frozenset(namespaces))
    for kind in (CONFIG_MAPS, SECRETS):
        for namespace in namespaces:
            try:
                listing = api.metadata(kind, namespace)
            except SourceError as error:
                reason = error.reason
                if isinstance(error, Forbidden):
                    reason = f"cannot list them: grant `list {kind.plural}`, as k8s/rbac-versions.yaml does"
                taken.gaps.append(Gap(SOURCE, f"versions of {kind.plural} in {namespace}", reason))
                continue
            # `kubectl apply` leaves the contents in an annotation: it is dropped unread.
            taken.objects.setdefault(kind.plural, []).extend(_without_copy(one) for one in listing.items)
    return taken


def changes(taken: Snapshot, snapshot: Snapshot, owners: Owners, window: Window) -> Iterator[Change]:
    """Yield the changes of what the services' workloads read: others change all the time, by election of leaders and the like."""
    readers = _readers(snapshot)
    for plural, (kind, word) in _WORDS.items():
        for one in taken.objects.get(plural, []):
            if releases.is_release(one):
                continue
            namespace, name = fields.namespace(one), fields.name(one)
            by, at = _written(one)
            workloads = readers.get((kind, namespace, name), [])
            if not workloads or not is_in(window, at):
                continue
            version = fields.text(one, "metadata", "resourceVersion")
            is_new = at == fields.created(one)
            for entity in entities(owners, workloads, namespace, workloads[0][1]):
                yield Change(
                    entity=entity,
                    kind=ChangeKind.CONFIG,
                    at=at or 0.0,
                    title=f"{word} {name} {'made' if is_new else 'changed'}",
                    source=SOURCE,
                    status="succeeded",
                    detail="; ".join(
                        part
                        for part in (
                            f"{word} {name}",
                            by and f"by {by}",
                            f"read by {', '.join(w for _, w in workloads)}",
                        )
                        if part
                    ),
                    key=f"{plural}:{namespace}/{name}@{version}",
                )


def _readers(snapshot: Snapshot) -> dict[tuple[str, str, str], list[tuple[str, str]]]:
    """Return the workloads that read each config map and secret."""
    found: dict[tuple[str, str, str], dict[tuple[str, str], None]] = {}
    for resource in (DEPLOYMENTS, STATEFULSETS, DAEMONSETS):
        for workload in snapshot.of(resource):
            namespace = fields.namespace(workload)
            for reference in references.of(fields.part(workload, "spec", "template", "spec")):
                if not reference.use.startswith("pulls"):
                    found.setdefault((reference.kind, namespace, reference.name), {})[
                        namespace, fields.name(workload)
                    ] = None
    return {place: list(workloads) for place, workloads in found.items()}


def _written(one: Object) -> tuple[str, float | None]:
    """Return who last wrote the contents, and when; the object's creation where no writer is recorded."""
    writers = [
        (at, fields.text(entry, "manager"))
        for entry in fields.parts(one, "metadata", "managedFields")
        if any(fields.has(entry, "fieldsV1", part) for part in _DATA)
        and (at := fields.seconds(entry.get("time"))) is not None
    ]
    if not writers:
        return "", fields.created(one)
    at, by = max(writers)
    return by, at


def _without_copy(one: Object) -> Object:
    metadata = dict(fields.part(one, "metadata"))
    metadata.pop("annotations", None)
    return {**one, "metadata": metadata}
