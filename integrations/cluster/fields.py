"""Read fields of raw Kubernetes objects, which may lack any of them or hold something else there."""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

Object = dict[str, Any]
# As long as the API lets an event be: what matters often stands last.
_MAX_MESSAGE = 1024


def part(value: Object | None, *path: str) -> Object:
    """Return a nested object, empty where it is absent."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def parts(value: Object | None, *path: str) -> Iterator[Object]:
    """Yield the objects of a nested list."""
    found = part(value, *path[:-1]).get(path[-1])
    for item in found if isinstance(found, list) else ():
        if isinstance(item, dict):
            yield item


def has(value: Object | None, *path: str) -> bool:
    """Return whether a nested field is there and not null."""
    return part(value, *path[:-1]).get(path[-1]) is not None


def text(value: Object | None, *path: str) -> str:
    """Return a nested text, "" where it is absent."""
    found = part(value, *path[:-1]).get(path[-1])
    return "" if found is None else str(found)


def texts(value: Object | None, *path: str) -> tuple[str, ...]:
    """Return the texts of a nested list."""
    found = part(value, *path[:-1]).get(path[-1])
    return tuple(item for item in found if isinstance(item, str)) if isinstance(found, list) else ()


def words(value: Object | None, *path: str) -> dict[str, str]:
    """Return a nested map of texts, e.g. labels or a plain selector."""
    return {str(key): str(word) for key, word in part(value, *path).items()}


def number(value: Object | None, *path: str) -> int:
    """Return a nested whole number, 0 where it is absent."""
    found = part(value, *path[:-1]).get(path[-1])
    return int(found) if isinstance(found, int | float) and math.isfinite(found) else 0


def seconds(stamp: object) -> float | None:
    """Return an RFC 3339 time as Unix seconds, None where it is absent or broken."""
    if not isinstance(stamp, str) or not stamp:
        return None
    try:
        return datetime.fromisoformat(stamp).timestamp()
    except (ValueError, OverflowError):
        return None


def name(value: Object) -> str:
    """Return an object's name."""
    return text(value, "metadata", "name")


def namespace(value: Object) -> str:
    """Return an object's namespace."""
    return text(value, "metadata", "namespace")


def labels(value: Object) -> dict[str, str]:
    """Return an object's labels."""
    return words(value, "metadata", "labels")


def marks(value: Object) -> dict[str, str]:
    """Return an object's annotations."""
    return words(value, "metadata", "annotations")


def controller(value: Object) -> tuple[str, str]:
    """Return the kind and name of the controller that owns an object, two empty texts where none does."""
    for owner in parts(value, "metadata", "ownerReferences"):
        if owner.get("controller"):
            return text(owner, "kind"), text(owner, "name")
    return "", ""


def condition(value: Object, kind: str) -> Object:
    """Return one of an object's conditions."""
    return next((one for one in parts(value, "status", "conditions") if one.get("type") == kind), {})


def changed(value: Object) -> float | None:
    """Return when what an object asks for was last changed, None where it does not tell.

    The writers of its fields are recorded with their times; those of its status, or of controllers' marks, tell nothing.
    """
    times = [
        at
        for one in parts(value, "metadata", "managedFields")
        if text(one, "subresource") != "status"
        and has(one, "fieldsV1", "f:spec")
        and (at := seconds(one.get("time"))) is not None
    ]
    if times:
        return max(times)
    return created(value) if number(value, "metadata", "generation") == 1 else None


def created(value: Object) -> float | None:
    """Return when an object was made."""
    return seconds(part(value, "metadata").get("creationTimestamp"))


def is_leaving(value: Object) -> bool:
    """Return whether an object is told to go."""
    return bool(text(value, "metadata", "deletionTimestamp"))


def short(message: str) -> str:
    """Return a message on one line, of bounded length."""
    return " ".join(message.split())[:_MAX_MESSAGE]
