"""Flux's releases and kustomizations: which revision was applied when, and what failed.

https://fluxcd.io/flux/components/helm/helmreleases/#helmrelease-status and
https://fluxcd.io/flux/components/kustomize/kustomizations/#kustomization-status.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from integrations.cluster import fields
from integrations.kubernetes.custom import HELM_RELEASES, KUSTOMIZATIONS, REPOSITORIES
from integrations.kubernetes.delivery import WORKLOADS, commit_link, entities, is_in, ready, short
from integrations.kubernetes.releases import workloads_of
from integrations.kubernetes.snapshot import SOURCE
from scoring.observations import Change, ChangeKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integrations.kubernetes.api import Object
    from integrations.kubernetes.ownership import Owners
    from integrations.kubernetes.snapshot import Snapshot
    from scoring.observations import Entity, Window

_STATUSES = {
    "deployed": "succeeded", "superseded": "succeeded", "failed": "failed", "pending-install": "in_progress",
    "pending-upgrade": "in_progress", "pending-rollback": "in_progress",
}  # fmt: skip


def changes(taken: Snapshot, snapshot: Snapshot, owners: Owners, window: Window) -> Iterator[Change]:
    """Yield what Flux applied to the services in the time that is looked at."""
    for release in taken.of(HELM_RELEASES):
        yield from _release(release, snapshot, owners, window)
    repositories = {(fields.namespace(one), fields.name(one)): one for one in taken.of(REPOSITORIES)}
    for kustomization in taken.of(KUSTOMIZATIONS):
        yield from _kustomization(kustomization, repositories, owners, window)


def released(taken: Snapshot) -> frozenset[tuple[str, str]]:
    """Return the Helm releases that Flux makes, by namespace and name."""
    return frozenset(_names(one) for one in taken.of(HELM_RELEASES))


def _names(release: Object) -> tuple[str, str]:
    """Return where Helm keeps a release, and how it calls it."""
    target = fields.text(release, "spec", "targetNamespace")
    entry = next(fields.parts(release, "status", "history"), {})
    named = fields.text(release, "spec", "releaseName") or "-".join(
        word for word in (target, fields.name(release)) if word
    )
    return target or fields.namespace(release), fields.text(entry, "name") or named


def _release(release: Object, snapshot: Snapshot, owners: Owners, window: Window) -> Iterator[Change]:
    namespace, name = _names(release)
    about = entities(owners, workloads_of(snapshot, namespace, name), namespace, fields.name(release))
    history = list(fields.parts(release, "status", "history"))
    for index, entry in enumerate(history):
        at = fields.seconds(entry.get("lastDeployed"))
        if not is_in(window, at):
            continue
        before = history[index + 1] if index + 1 < len(history) else {}
        chart, version, previous = (
            fields.text(entry, "chartName"), fields.text(entry, "chartVersion"), fields.text(before, "chartVersion"),
        )  # fmt: skip
        words = [
            f"chart {chart} {previous} → {version}" if previous not in {"", version} else f"chart {chart} {version}"
        ]
        if before and before.get("configDigest") != entry.get("configDigest"):
            words.append("its values changed")
        if app := fields.text(entry, "appVersion"):
            words.append(f"application {app}")
        yield from _told(about, f"Flux released {name} {version}", at, version=fields.text(entry, "appVersion") or version,
                         previous=fields.text(before, "appVersion") or previous, words=words,
                         status=_STATUSES.get(fields.text(entry, "status"), ""),
                         key=f"helm:{namespace}/{name}@{fields.number(entry, 'version')}")  # fmt: skip
    yield from _not_ready(release, about, f"Flux could not release {name}", window)


def _kustomization(
    kustomization: Object, repositories: dict[tuple[str, str], Object], owners: Owners, window: Window
) -> Iterator[Change]:
    name = fields.name(kustomization)
    # An entry of the inventory is namespace_name_group_kind.
    entries = [
        fields.text(one, "id").split("_") for one in fields.parts(kustomization, "status", "inventory", "entries")
    ]
    workloads = [(entry[0], entry[1]) for entry in entries if len(entry) == 4 and entry[3] in WORKLOADS]
    about = entities(owners, workloads, fields.text(kustomization, "spec", "targetNamespace"), name)
    applied = fields.text(kustomization, "status", "lastAppliedRevision")
    condition = ready(kustomization)
    at = fields.seconds(condition.get("lastTransitionTime"))
    revision = _commit(applied)
    if condition.get("status") == "True" and revision and is_in(window, at):
        source = fields.part(kustomization, "spec", "sourceRef")
        place = fields.text(source, "namespace") or fields.namespace(kustomization), fields.text(source, "name")
        url = fields.text(repositories.get(place), "spec", "url")
        path = fields.text(kustomization, "spec", "path")
        words = [f"{path} of {url}" if path and url else path or url]
        yield from _told(about, f"Flux applied {name} at {short(revision)}", at, version=revision, words=words,
                         status="succeeded", key=revision, link=commit_link(url, revision))  # fmt: skip
    yield from _not_ready(kustomization, about, f"Flux could not apply {name}", window)


def _commit(revision: str) -> str:
    """Return the commit of a revision: `main@sha1:COMMIT`, or `main/COMMIT` as older versions write it."""
    return revision.rpartition(":")[2] if ":" in revision else revision.rpartition("/")[2]


def _not_ready(one: Object, about: tuple[Entity, ...], title: str, window: Window) -> Iterator[Change]:
    condition = ready(one)
    at = fields.seconds(condition.get("lastTransitionTime"))
    if condition.get("status") == "False" and is_in(window, at):
        attempted = _commit(fields.text(one, "status", "lastAttemptedRevision"))
        words = [fields.text(condition, "reason"), fields.short(fields.text(condition, "message"))]
        yield from _told(about, title, at, version=attempted, words=words, status="failed", key=attempted)


def _told(
    about: tuple[Entity, ...], title: str, at: float | None, *, version: str, words: list[str], status: str, key: str,
    previous: str = "", link: str = "",
) -> Iterator[Change]:  # fmt: skip
    for entity in about:
        yield Change(
            entity=entity,
            kind=ChangeKind.DEPLOYMENT,
            at=at or 0.0,
            title=title,
            source=SOURCE,
            link=link,
            version=version,
            previous_version="" if previous == version else previous,
            status=status,
            detail="; ".join(word for word in words if word),
            key=key,
        )
