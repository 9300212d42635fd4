"""The objects that are compared, by the plurals of their kinds, and whom each belongs to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scoring.observations import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from scoring.observations import Entity

Object = dict[str, Any]
SOURCE = "kubernetes"
WORKLOADS = ("deployments", "statefulsets", "daemonsets")
_LONGEST = 400


@dataclass(frozen=True, slots=True)
class Objects:
    """Hold raw objects by plural; `owner` names the entity of a workload from its namespace, name and labels.

    `whole` says that the lists are complete, so that what is not in them does not exist.
    """

    by_plural: Mapping[str, Sequence[Object]]
    owner: Callable[[str, str, dict[str, str]], Entity]
    whole: frozenset[str] = field(default_factory=frozenset)

    def of(self, plural: str) -> Sequence[Object]:
        """Return the objects of a kind."""
        return self.by_plural.get(plural, ())

    def workloads(self) -> Iterator[tuple[str, Object]]:
        """Yield the plural and the object of everything that makes pods."""
        for plural in WORKLOADS:
            for one in self.of(plural):
                yield plural, one

    def entity(self, value: Object) -> Entity:
        """Return whom an object belongs to."""
        return self.owner(namespace(value), name(value), labels(value))

    def state(self, value: Object, condition: str, detail: str, **attributes: str) -> State:
        """Return a state of whom an object belongs to."""
        where = f"kubectl -n {namespace(value)} get " if namespace(value) else "kubectl get "
        kind = attributes.get("kind", "deployment")
        return State(
            self.entity(value), condition, SOURCE, detail=detail[:_LONGEST], query=f"{where}{kind} {name(value)} -o yaml",
            attributes=attributes,
        )  # fmt: skip


def part(value: object, *path: str) -> Object:
    """Return a nested object, empty where it is absent."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def parts(value: object, *path: str) -> list[Object]:
    """Return the objects of a nested list."""
    found = part(value, *path[:-1]).get(path[-1])
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def name(value: Object) -> str:
    """Return an object's name."""
    return str(part(value, "metadata").get("name") or "")


def namespace(value: Object) -> str:
    """Return an object's namespace."""
    return str(part(value, "metadata").get("namespace") or "")


def labels(value: Object) -> dict[str, str]:
    """Return an object's labels."""
    return {str(key): str(word) for key, word in part(value, "metadata", "labels").items()}


def pod_labels(workload: Object) -> dict[str, str]:
    """Return the labels that a workload gives its pods."""
    return {str(key): str(word) for key, word in part(workload, "spec", "template", "metadata", "labels").items()}


def containers(workload: Object) -> list[Object]:
    """Return the containers of a workload's pods."""
    return parts(workload, "spec", "template", "spec", "containers")


def ports(container: Object) -> list[tuple[int, str, str]]:
    """Return number, protocol and name of each port that a container declares."""
    return [
        (int(one["containerPort"]), str(one.get("protocol") or "TCP"), str(one.get("name") or ""))
        for one in parts(container, "ports")
        if str(one.get("containerPort", "")).isdecimal()
    ]
