"""Which sightings of changes are one change: a pipeline, a deployer, a cluster and a forge each tell of it in their own words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from scoring.observations import ChangeKind

# Two sources that tell of a change of one sort at one service within this time tell of the same one: a pipeline's
# message and the rollout that it starts are some minutes apart, and name it by tag, commit or revision as they like.
SAME_SECONDS: Final = 180.0
# What goes by the same version is the same change for longer: a rollout in waves, a job that waits for its turn.
SAME_VERSION_SECONDS: Final = 10 * SAME_SECONDS
# What goes by the same commit, told by different sources, waits for approvals and windows of maintenance.
SAME_KEY_SECONDS: Final = 6 * 3600.0
# Merged or released, a version waits for its deployment; where that follows, both are one change.
ANNOUNCED: Final = frozenset({"merged", "released"})
_COMMIT: Final = re.compile(r"[0-9a-f]{7,64}")
_TAG: Final = re.compile(r"^v(?=\d)")

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Sighting:
    """Hold what tells whether two sources saw one change; `at` is in Unix seconds, `kind` None where it is not known."""

    service: str
    kind: ChangeKind | None
    at: float
    source: str
    version: str = ""
    key: str = ""
    status: str = ""
    environment: str = ""


def groups(
    items: Iterable[_Item], seen: Callable[[_Item], Sighting], order: Callable[[_Item], object]
) -> list[list[_Item]]:
    """Return the items in groups, each one change; `order` puts them into a total order, so that arrival plays no part.

    An item joins the nearest group in time of which any member is the same change and none contradicts: of one source, two
    sightings that are not the same change are two changes, whatever others say beside them.
    """
    found: list[list[tuple[_Item, Sighting]]] = []
    for item in sorted(items, key=order):  # type: ignore[arg-type]  # whatever it orders by
        sighting = seen(item)
        near = [
            (distance, place)
            for place, group in enumerate(found)
            if (distance := _distance(sighting, [other for _, other in group])) is not None
        ]
        if near:
            found[min(near)[1]].append((item, sighting))
        else:
            found.append([(item, sighting)])
    return [[item for item, _ in group] for group in found]


def _distance(one: Sighting, members: list[Sighting]) -> float | None:
    """Return how far a sighting is from those of a change, in seconds, None where it is of another change."""
    alike = [member for member in members if same(one, member)]
    if not alike or any(member.source == one.source and not same(one, member) for member in members):
        return None
    return min(abs(one.at - member.at) for member in alike)


def same(one: Sighting, other: Sighting) -> bool:
    """Return whether two sightings are of one change."""
    if one.service != other.service or _apart(one.environment, other.environment):
        return False
    seconds = abs(one.at - other.at)
    if one.key and one.key == other.key:
        # One source that tells of a commit twice, a while apart, tells of two deployments of it.
        announces = one.status in ANNOUNCED or other.status in ANNOUNCED
        return seconds <= (SAME_KEY_SECONDS if announces or one.source != other.source else SAME_VERSION_SECONDS)
    announced = (one.status in ANNOUNCED) != (other.status in ANNOUNCED)
    alike = one.kind is None or other.kind is None or one.kind is other.kind
    if (alike or announced) and seconds <= SAME_VERSION_SECONDS and _named_alike(one, other):
        return True
    return alike and one.source != other.source and seconds <= SAME_SECONDS


def _apart(one: str, other: str) -> bool:
    return bool(one and other) and one != other


def _named_alike(one: Sighting, other: Sighting) -> bool:
    """Return whether two sightings go by one version or commit: `v2.14.0` and `2.14.0`, a commit and its first letters."""
    names, others = ({_TAG.sub("", name) for name in (each.version, each.key) if name} for each in (one, other))
    return any(
        name == another or _is_short(name, another) or _is_short(another, name) for name in names for another in others
    )


def _is_short(name: str, commit: str) -> bool:
    """Return whether a name is the beginning of a commit, long enough to be no chance."""
    return commit.startswith(name) and bool(_COMMIT.fullmatch(name)) and bool(_COMMIT.fullmatch(commit))
