"""Quotas of namespaces that are used up, and claims that no quota can hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integrations.cluster import fields, quantity, references, refusals
from integrations.cluster.telling import tell
from integrations.cluster.words import Word
from scoring.observations import Entity, EntityKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integrations.cluster.cluster import Cluster
    from integrations.cluster.fields import Object
    from scoring.observations import State

KIND = "ResourceQuota"


def find(cluster: Cluster) -> Iterator[State]:
    """Yield the quotas that are used up, in the words of what they hold back where something was refused."""
    for quota in cluster.all(KIND):
        refused = _refused(cluster, quota)
        for resource, hard in sorted(fields.part(quota, "status", "hard").items()):
            used = fields.part(quota, "status", "used").get(resource)
            have, most = quantity.parse(used), quantity.parse(hard)
            word = refusals.of_resource(str(resource))
            if have is None or most is None or (word not in refused and not (most and have >= most)):
                continue
            namespace, name = fields.namespace(quota), fields.name(quota)
            told, count = refused.get(word, ("", 1))
            detail = f"quota {name} of {namespace}: {resource} {'is used up' if have >= most else 'is too small'} ({used} of {hard})"
            # Used up alone refuses nothing yet; Services are the exception, for nobody tells of one that was refused.
            telling = word in refused or word is Word.SERVICE_QUOTA_EXCEEDED
            yield tell(
                cluster, word if telling else "QuotaExhausted", entity(quota), KIND, quota,
                f"{detail}{f'; refused: {told}' if told else ''}", at=fields.changed(quota), count=count, resource=str(resource),
            )  # fmt: skip


def entity(quota: Object) -> Entity:
    """Return a quota as an entity; the namespace answers for it."""
    namespace = fields.namespace(quota)
    return Entity(EntityKind.COMPONENT, f"quota {fields.name(quota)}", namespace, namespace)


def _refused(cluster: Cluster, quota: Object) -> dict[Word, tuple[str, int]]:
    """Return what a quota held back lately: the word, what was said, how often."""
    found: dict[Word, tuple[str, int]] = {}
    namespace, name = fields.namespace(quota), fields.name(quota)
    for said in cluster.all_events():
        for seen in said:
            if seen.namespace != namespace or cluster.is_over(seen.last) or refusals.quota(seen.message) != name:
                continue
            word = refusals.why(seen.message)
            if word is not None:
                found[word] = (seen.message, found.get(word, ("", 0))[1] + seen.count)
    lacking = _unclaimed(cluster, quota)
    if lacking:
        found.setdefault(Word.STORAGE_QUOTA_EXCEEDED, (lacking, 1))
    return found


def _unclaimed(cluster: Cluster, quota: Object) -> str:
    """Return the claim that workloads name and that was never made, while the quota leaves too little for it."""
    namespace = fields.namespace(quota)
    room = _left(quota, "requests.storage")
    claims = _left(quota, "persistentvolumeclaims")
    if room is None and claims is None:
        return ""
    free = [
        size
        for volume in cluster.all("PersistentVolume")
        if fields.text(volume, "status", "phase") == "Available"
        and (size := quantity.parse(fields.part(volume, "spec", "capacity").get("storage")))
    ]
    for kind, workload in cluster.workloads("Deployment", "StatefulSet", "DaemonSet"):
        if fields.namespace(workload) != namespace:
            continue
        for one in references.of(references.template(kind, workload)):
            if one.kind != "PersistentVolumeClaim":
                continue
            known = cluster.get(one.kind, namespace, one.name)
            # One without a phase was written down and never admitted.
            if cluster.lacks(one.kind, namespace, one.name) or (known and not fields.text(known, "status", "phase")):
                asked = quantity.parse(fields.text(known, "spec", "resources", "requests", "storage"))
                sizes = [asked] if asked else free
                if (claims is not None and claims < 1) or (
                    room is not None and (room <= 0 or min(sizes, default=0.0) > room)
                ):
                    return f"claim {one.name} of {kind.lower()} {fields.name(workload)} does not exist"
    return ""


def _left(quota: Object, resource: str) -> float | None:
    hard = quantity.parse(fields.part(quota, "status", "hard").get(resource))
    used = quantity.parse(fields.part(quota, "status", "used").get(resource))
    return None if hard is None else hard - (used or 0.0)
