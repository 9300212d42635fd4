"""What deployers say of a change beside the rollout that it caused: one change, told with both their words."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from integrations.cluster import fields
from integrations.payload import link
from scoring.observations import Entity, EntityKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from integrations.kubernetes.api import Object
    from integrations.kubernetes.ownership import Owners
    from scoring.observations import Change, Window

# A change shows its effect late: look this much further back than the window (seconds).
LOOK_BACK = 3600.0
# A deployer applies its objects some seconds before it says so, and waves of a sync take minutes.
_BEFORE = 60.0
_AFTER = 300.0
WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "Rollout", "CronJob", "Job"})


def is_in(window: Window, at: float | None) -> bool:
    """Return whether a change at this time is looked at."""
    return at is not None and window.start - LOOK_BACK <= at <= window.end


def entities(owners: Owners, workloads: Iterable[tuple[str, str]], namespace: str, name: str) -> tuple[Entity, ...]:
    """Return the services of the scope that own these workloads (namespace and name).

    Where there is none: the service that is called like the deployer's own object, or that object as a workload of the
    namespace, where that is one of the scope.
    """
    found = dict.fromkeys(
        Entity(EntityKind.SERVICE, service.name)
        for place, workload in workloads
        if (service := owners.service(place, workload)) is not None
    )
    if not found and any(one.namespace == namespace for one in owners.scope.services):
        return (owners.workload_entity(namespace, name),)
    return tuple(found)


def joined(rollouts: Iterable[Change], told: Iterable[Change]) -> Iterator[Change]:
    """Yield every change once: a rollout with who and what brought it, then what deployers did that rolled nothing out."""
    rest = sorted(told, key=lambda one: (one.at, one.entity.key, one.title))
    for rollout in rollouts:
        near = [
            one
            for one in rest
            if one.entity == rollout.entity
            and one.status != "failed"
            and one.at - _BEFORE <= rollout.at <= one.at + _AFTER
        ]
        if not near:
            yield rollout
            continue
        bringer = min(near, key=lambda one: (abs(one.at - rollout.at), one.title))
        yield replace(
            rollout,
            author=rollout.author or bringer.author,
            link=rollout.link or bringer.link,
            detail=f"{rollout.detail}; {bringer.title}" + (f" ({bringer.detail})" if bringer.detail else ""),
            # The commit that was brought is how others name the same change; the rollout's own version stays beside it.
            key=bringer.key if is_commit(bringer.key) else rollout.key,
        )
        rest = [one for one in rest if one is not bringer]
    yield from rest


def commit_link(repository: str, revision: str) -> str:
    """Return the address of a commit, where the repository is one of a forge that has such addresses."""
    base = repository.removesuffix(".git").rstrip("/")
    return (
        link({"url": f"{base}/commit/{revision}"}, "url") if base.startswith("https://") and is_commit(revision) else ""
    )


def short(revision: str) -> str:
    """Return a commit as people write it, and any other revision whole."""
    return revision[:7] if is_commit(revision) else revision[:100]


def is_commit(revision: str) -> bool:
    """Return whether a revision is a commit."""
    return len(revision) >= 40 and all(letter in "0123456789abcdef" for letter in revision)


def ready(one: Object) -> Object:
    """Return the condition by which Flux and cert-manager say how an object does."""
    return fields.condition(one, "Ready")
