"""What the autoscalers did, as their events tell it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from integrations.cluster import fields
from integrations.cluster.events import read
from integrations.kubernetes.snapshot import AUTOSCALERS, EVENTS, SOURCE
from scoring.observations import Change, ChangeKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integrations.kubernetes.ownership import Owners
    from integrations.kubernetes.snapshot import Snapshot
    from scoring.observations import Window

_SIZE = re.compile(r"New size: (\d+); reason: (.*)")


def scalings(snapshot: Snapshot, owners: Owners, window: Window) -> Iterator[Change]:
    """Yield what autoscalers did in the window."""
    targets = {
        (fields.namespace(one), fields.name(one)): fields.text(one, "spec", "scaleTargetRef", "name")
        for one in snapshot.of(AUTOSCALERS)
    }
    for event in snapshot.of(EVENTS):
        seen = read(event)
        if seen is None or seen.last is None or seen.reason != "SuccessfulRescale":
            continue
        if not window.start <= seen.last <= window.end:
            continue
        size = _SIZE.search(seen.message)
        target = targets.get((seen.namespace, seen.name)) or seen.name
        yield Change(
            entity=owners.workload_entity(seen.namespace, target), kind=ChangeKind.SCALING, at=seen.last,
            title=f"{target} scaled to {size[1]}" if size else f"{target} scaled", source=SOURCE, detail=seen.message,
            author="autoscaler", key=f"{seen.namespace}/{target}@{int(seen.last)}",
        )  # fmt: skip
