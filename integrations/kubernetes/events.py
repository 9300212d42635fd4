"""Events: what the cluster's own components complained about, and what the autoscaler did."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from integrations.kubernetes import fields
from integrations.kubernetes.snapshot import AUTOSCALERS, EVENTS, SOURCE
from scoring.observations import Change, ChangeKind, Entity, EntityKind, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integrations.kubernetes.api import Object
    from integrations.kubernetes.ownership import Owners
    from integrations.kubernetes.snapshot import Snapshot
    from scoring.observations import Window

MAX_EVENTS = 100
# An event that came again within this time before the window's end still goes on: kubelet's back-off is five minutes.
RECENT = 300.0
_OTHERS = {
    "PersistentVolumeClaim": EntityKind.STORAGE, "PersistentVolume": EntityKind.STORAGE, "Service": EntityKind.NETWORK,
    "Endpoints": EntityKind.NETWORK, "Ingress": EntityKind.NETWORK,
}  # fmt: skip
_SIZE = re.compile(r"New size: (\d+); reason: (.*)")


@dataclass(frozen=True, slots=True)
class Seen:
    """Hold one event in the words common to core/v1 and events.k8s.io/v1."""

    kind: str
    namespace: str
    name: str
    reason: str
    message: str
    count: int
    first: float
    last: float
    component: str


def read(event: Object) -> Seen | None:
    """Return an event of either API, None where it has no time or object."""
    about = fields.part(event, "involvedObject") or fields.part(event, "regarding")
    times = [
        fields.seconds(value)
        for value in (
            event.get("firstTimestamp"), event.get("deprecatedFirstTimestamp"), event.get("eventTime"),
            fields.part(event, "series").get("lastObservedTime"), event.get("lastTimestamp"),
            event.get("deprecatedLastTimestamp"),
        )
    ]  # fmt: skip
    known = [at for at in times if at is not None]
    if not known:
        created = fields.seconds(fields.text(event, "metadata", "creationTimestamp"))
        known = [created] if created is not None else []
    if not about or not known:
        return None
    counts = (
        fields.number(event, "series", "count"),
        fields.number(event, "count"),
        fields.number(event, "deprecatedCount"),
        1,
    )
    return Seen(
        kind=fields.text(about, "kind"),
        namespace=fields.text(about, "namespace") or fields.namespace(event),
        name=fields.text(about, "name"),
        reason=fields.text(event, "reason"),
        message=" ".join((fields.text(event, "message") or fields.text(event, "note")).split())[:400],
        count=max(counts),
        first=min(known),
        last=max(known),
        component=fields.text(event, "source", "component") or fields.text(event, "reportingComponent")
        or fields.text(event, "reportingController"),
    )  # fmt: skip


def states(snapshot: Snapshot, owners: Owners, window: Window) -> Iterator[State]:
    """Yield one state for each object and reason, the latest first, with counts added up."""
    groups: dict[tuple[str, str, str, str], list[Seen]] = {}
    for event in snapshot.of(EVENTS):
        seen = read(event)
        if seen is None or event.get("type") == "Normal" or not window.start <= seen.last <= window.end + RECENT:
            continue
        groups.setdefault((seen.kind, seen.namespace, seen.name, seen.reason), []).append(seen)
    latest = sorted(
        groups.values(), key=lambda one: (-max(seen.last for seen in one), one[0].kind, one[0].name, one[0].reason)
    )
    for group in latest[:MAX_EVENTS]:
        newest = max(group, key=lambda seen: seen.last)
        # The first sighting is when it began; one from before the window is told by its last.
        first = min(seen.first for seen in group)
        yield State(
            _entity(newest, owners), newest.reason, SOURCE, at=first if first >= window.start else newest.last,
            detail=newest.message, count=sum(seen.count for seen in group), active=newest.last >= window.end - RECENT,
            query=f"kubectl -n {newest.namespace} get events --field-selector involvedObject.name={newest.name}",
            attributes={"kind": newest.kind.lower(), "component": newest.component, "event": "yes"},
        )  # fmt: skip


def scalings(snapshot: Snapshot, owners: Owners, window: Window) -> Iterator[Change]:
    """Yield what autoscalers did in the window."""
    targets = {
        (fields.namespace(one), fields.name(one)): fields.text(one, "spec", "scaleTargetRef", "name")
        for one in snapshot.of(AUTOSCALERS)
    }
    for event in snapshot.of(EVENTS):
        seen = read(event)
        if seen is None or seen.reason != "SuccessfulRescale" or not window.start <= seen.last <= window.end:
            continue
        size = _SIZE.search(seen.message)
        target = targets.get((seen.namespace, seen.name)) or seen.name
        yield Change(
            entity=owners.workload_entity(seen.namespace, target), kind=ChangeKind.SCALING, at=seen.last,
            title=f"{target} scaled to {size[1]}" if size else f"{target} scaled", source=SOURCE, detail=seen.message,
            author="autoscaler", key=f"{seen.namespace}/{target}@{int(seen.last)}",
        )  # fmt: skip


def _entity(seen: Seen, owners: Owners) -> Entity:
    if seen.kind == "Pod":
        return owners.pod_entity_by_name(seen.namespace, seen.name)
    if seen.kind == "Node":
        return Entity(EntityKind.NODE, seen.name)
    if seen.kind == "ReplicaSet":
        return owners.replica_set_entity(seen.namespace, seen.name)
    if seen.kind in _OTHERS:
        return Entity(_OTHERS[seen.kind], seen.name, seen.namespace)
    return owners.workload_entity(seen.namespace, seen.name)
