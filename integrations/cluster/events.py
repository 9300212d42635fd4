"""Read events of either API, core/v1 and events.k8s.io/v1, into the words that both share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from integrations.cluster import fields

if TYPE_CHECKING:
    from integrations.cluster.fields import Object

# An event that came again within this time before the reading still goes on: kubelet's back-off is five minutes.
RECENT = 300.0
# Objects without a namespace; what is said of them is kept in one all the same.
_WHOLE = frozenset({"Node", "PersistentVolume"})


@dataclass(frozen=True, slots=True)
class Seen:
    """Hold one event: what it is about, why, how often, and when first and last (None where it has no time)."""

    kind: str
    namespace: str
    name: str
    reason: str
    message: str
    count: int
    first: float | None
    last: float | None
    component: str
    is_normal: bool


def read(event: Object) -> Seen | None:
    """Return an event, None where it says of nothing or gives no reason."""
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
    made = fields.created(event)
    if not known and made is not None:
        known = [made]
    reason = fields.text(event, "reason")
    if not about or not reason:
        return None
    kind = fields.text(about, "kind")
    counts = (
        fields.number(event, "series", "count"),
        fields.number(event, "count"),
        fields.number(event, "deprecatedCount"),
        1,
    )
    return Seen(
        kind=kind,
        namespace=fields.text(about, "namespace") or ("" if kind in _WHOLE else fields.namespace(event)),
        name=fields.text(about, "name"),
        reason=reason,
        message=fields.short(fields.text(event, "message") or fields.text(event, "note")),
        count=max(counts),
        first=min(known, default=None),
        last=max(known, default=None),
        component=fields.text(event, "source", "component") or fields.text(event, "reportingComponent")
        or fields.text(event, "reportingController"),
        is_normal=event.get("type") == "Normal",
    )  # fmt: skip


def is_recent(seen: Seen, at: float | None) -> bool:
    """Return whether an event still goes on; one without a time is taken to."""
    return seen.last is None or at is None or seen.last >= at - RECENT
