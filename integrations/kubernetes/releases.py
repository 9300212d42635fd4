"""Helm's releases, by the labels of the Secrets that Helm keeps them in; what is inside is never asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integrations.cluster import fields
from integrations.kubernetes.delivery import entities, is_in
from integrations.kubernetes.snapshot import DAEMONSETS, DEPLOYMENTS, SOURCE, STATEFULSETS
from scoring.observations import Change, ChangeKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from integrations.kubernetes.api import Object
    from integrations.kubernetes.ownership import Owners
    from integrations.kubernetes.snapshot import Snapshot
    from scoring.observations import Window

TYPE = "helm.sh/release.v1"
_NAME = "sh.helm.release.v1."
_RELEASE = "meta.helm.sh/release-name"
_CHART = "helm.sh/chart"
_STATUSES = {
    "deployed": "succeeded", "superseded": "succeeded", "failed": "failed", "pending-install": "in_progress",
    "pending-upgrade": "in_progress", "pending-rollback": "in_progress", "uninstalling": "in_progress",
}  # fmt: skip


def changes(
    secrets: Iterable[Object],
    snapshot: Snapshot,
    owners: Owners,
    window: Window,
    *,
    except_of: frozenset[tuple[str, str]],
) -> Iterator[Change]:
    """Yield the releases that were made in the time that is looked at; `except_of` are told by who made them."""
    for secret in secrets:
        labels = fields.labels(secret)
        name, namespace = labels.get("name", ""), fields.namespace(secret)
        # The label tells when the release's state last moved: only its creation is when it was made.
        at = fields.created(secret)
        if labels.get("owner") != "helm" or not name or not is_in(window, at) or (namespace, name) in except_of:
            continue
        workloads = workloads_of(snapshot, namespace, name)
        revision, chart = labels.get("version", ""), _chart(snapshot, namespace, name)
        for entity in entities(owners, workloads, namespace, name):
            yield Change(
                entity=entity,
                kind=ChangeKind.DEPLOYMENT,
                at=at or 0.0,
                title=f"Helm made revision {revision} of {name}",
                source=SOURCE,
                status=_STATUSES.get(labels.get("status", ""), labels.get("status", "")),
                # What the workloads say now is of the newest revision alone.
                detail=f"chart {chart}" if chart and labels.get("status") == "deployed" else "",
                key=f"helm:{namespace}/{name}@{revision}",
            )


def is_release(secret: Object) -> bool:
    """Return whether a Secret is one that Helm keeps a release in, by its metadata."""
    return fields.name(secret).startswith(_NAME) and fields.labels(secret).get("owner") == "helm"


def workloads_of(snapshot: Snapshot, namespace: str, release: str) -> list[tuple[str, str]]:
    """Return the workloads of a release, which Helm marks, by namespace and name."""
    return [(fields.namespace(one), fields.name(one)) for one in _marked(snapshot, namespace, release)]


def _chart(snapshot: Snapshot, namespace: str, release: str) -> str:
    charts = (fields.labels(one).get(_CHART, "") for one in _marked(snapshot, namespace, release))
    return next((chart for chart in charts if chart), "")


def _marked(snapshot: Snapshot, namespace: str, release: str) -> Iterator[Object]:
    for kind in (DEPLOYMENTS, STATEFULSETS, DAEMONSETS):
        for one in snapshot.of(kind):
            if fields.namespace(one) == namespace and fields.marks(one).get(_RELEASE) == release:
                yield one
