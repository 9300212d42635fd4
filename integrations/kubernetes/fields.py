"""Read fields of raw Kubernetes objects, which may lack any of them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

Object = dict[str, Any]


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


def text(value: Object | None, *path: str) -> str:
    """Return a nested text, "" where it is absent."""
    found = part(value, *path[:-1]).get(path[-1])
    return "" if found is None else str(found)


def number(value: Object | None, *path: str) -> int:
    """Return a nested whole number, 0 where it is absent."""
    found = part(value, *path[:-1]).get(path[-1])
    return int(found) if isinstance(found, int | float) else 0


def seconds(stamp: object) -> float | None:
    """Return an RFC 3339 time as Unix seconds, None where it is absent or broken."""
    if not isinstance(stamp, str) or not stamp:
        return None
    try:
        return datetime.fromisoformat(stamp).timestamp()
    except ValueError:
        return None


def name(value: Object) -> str:
    """Return an object's name."""
    return text(value, "metadata", "name")


def namespace(value: Object) -> str:
    """Return an object's namespace."""
    return text(value, "metadata", "namespace")


def labels(value: Object) -> dict[str, str]:
    """Return an object's labels."""
    return {str(key): str(word) for key, word in part(value, "metadata", "labels").items()}


def marks(value: Object) -> dict[str, str]:
    """Return an object's annotations."""
    return {str(key): str(word) for key, word in part(value, "metadata", "annotations").items()}


def controller(value: Object) -> tuple[str, str]:
    """Return the kind and name of the controller that owns an object, two empty texts where none does."""
    for owner in parts(value, "metadata", "ownerReferences"):
        if owner.get("controller"):
            return text(owner, "kind"), text(owner, "name")
    return "", ""


def condition(value: Object, kind: str) -> Object:
    """Return one of an object's conditions."""
    return next((one for one in parts(value, "status", "conditions") if one.get("type") == kind), {})
