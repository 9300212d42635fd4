"""Argo CD's applications: which revision was brought into the cluster when, by whom, and what failed.

https://argo-cd.readthedocs.io/en/stable/operator-manual/application-specification/ and the Application's own status.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from integrations.cluster import fields
from integrations.kubernetes.custom import APPLICATIONS
from integrations.kubernetes.delivery import WORKLOADS, commit_link, entities, is_commit, is_in, short
from integrations.kubernetes.snapshot import SOURCE
from scoring.observations import Change, ChangeKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integrations.kubernetes.api import Object
    from integrations.kubernetes.ownership import Owners
    from integrations.kubernetes.snapshot import Snapshot
    from scoring.observations import Entity, Window

_PHASES = {"Succeeded": "succeeded", "Failed": "failed", "Error": "failed", "Running": "in_progress"}


def changes(taken: Snapshot, owners: Owners, window: Window) -> Iterator[Change]:
    """Yield the syncs of the services' applications in the time that is looked at."""
    for application in taken.of(APPLICATIONS):
        about = _entities(application, owners)
        if not about:
            continue
        history = sorted(
            fields.parts(application, "status", "history"), key=lambda one: (_at(one) or 0.0, fields.number(one, "id"))
        )
        for before, after in pairwise([{}, *history]):
            if is_in(window, _at(after)):
                yield from _synced(application, about, before, after, is_last=after is history[-1])
        yield from _failed(application, about, history, window)


def _entities(application: Object, owners: Owners) -> tuple[Entity, ...]:
    workloads = [
        (fields.text(one, "namespace"), fields.text(one, "name"))
        for one in fields.parts(application, "status", "resources")
        if fields.text(one, "kind") in WORKLOADS
    ]
    return entities(
        owners, workloads, fields.text(application, "spec", "destination", "namespace"), fields.name(application)
    )


def _at(entry: Object) -> float | None:
    return fields.seconds(entry.get("deployStartedAt")) or fields.seconds(entry.get("deployedAt"))


def _revision(entry: Object) -> str:
    # An application of several sources has a revision of each.
    return fields.text(entry, "revision") or ", ".join(fields.texts(entry, "revisions"))


def _source(application: Object, entry: Object) -> Object:
    for holder in (entry, fields.part(application, "spec")):
        if found := fields.part(holder, "source") or next(fields.parts(holder, "sources"), {}):
            return found
    return {}


def _commit(revision: str) -> str:
    """Return the commit among the revisions, else all of them."""
    return next((one for one in revision.split(", ") if is_commit(one)), revision)


def _synced(
    application: Object, about: tuple[Entity, ...], before: Object, after: Object, *, is_last: bool
) -> Iterator[Change]:
    name, revision, previous = fields.name(application), _revision(after), _revision(before)
    status = "succeeded"
    words = [_place(_source(application, after))]
    if is_last:
        operation = fields.part(application, "status", "operationState")
        status = _PHASES.get(fields.text(operation, "phase"), status)
        sync, health = (fields.text(application, "status", part, "status") for part in ("sync", "health"))
        words.append(", ".join(word for word in (sync and f"sync {sync}", health and f"health {health}") if word))
    by = fields.text(after, "initiatedBy", "username")
    if not by and fields.part(after, "initiatedBy").get("automated") is True:
        words.append("by itself")
    for entity in about:
        yield Change(
            entity=entity,
            kind=ChangeKind.DEPLOYMENT,
            at=_at(after) or 0.0,
            title=f"Argo CD synced {name} to {short(revision)}",
            source=SOURCE,
            author=by,
            link=commit_link(fields.text(_source(application, after), "repoURL"), revision),
            version=revision,
            previous_version="" if previous == revision else previous,
            status=status,
            detail="; ".join(word for word in words if word),
            key=_commit(revision),
        )


def _failed(application: Object, about: tuple[Entity, ...], history: list[Object], window: Window) -> Iterator[Change]:
    """Yield the last sync where it failed: only what was brought is kept in the history."""
    operation = fields.part(application, "status", "operationState")
    at = fields.seconds(operation.get("startedAt"))
    if _PHASES.get(fields.text(operation, "phase")) != "failed" or not is_in(window, at):
        return
    result = fields.part(operation, "syncResult")
    revision = _revision(result)
    previous = _revision(history[-1]) if history else ""
    for entity in about:
        yield Change(
            entity=entity,
            kind=ChangeKind.DEPLOYMENT,
            at=at or 0.0,
            title=f"Argo CD could not sync {fields.name(application)} to {short(revision)}".removesuffix(" to "),
            source=SOURCE,
            author=fields.text(operation, "operation", "initiatedBy", "username"),
            link=commit_link(fields.text(_source(application, result), "repoURL"), revision),
            version=revision,
            previous_version="" if previous == revision else previous,
            status="failed",
            detail=fields.short(fields.text(operation, "message")),
            key=_commit(revision),
        )


def _place(source: Object) -> str:
    repository = fields.text(source, "repoURL")
    inside = fields.text(source, "chart") or fields.text(source, "path")
    return f"{inside} of {repository}" if inside and repository else repository
