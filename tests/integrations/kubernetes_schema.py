"""Kubernetes' published schemas of its objects: what an object may hold, and which fields a reader asks it for."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import jsonschema  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Node = dict[str, Any]
# What these hold goes by no schema: fields' owners, the contents of custom resources, a revision's copy of its workload.
_FREE = ("FieldsV1", "JSON", "RawExtension", "JSONSchemaProps")
# Functions that look at objects of several kinds ask for fields that only some of them have.
ALIKE = (
    ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Pod", "HorizontalPodAutoscaler"),
    ("ConfigMap", "Secret"),
)


# Where one function reads several forms of one thing, or a version of the API that ended with Kubernetes 1.22.
ALSO_READ = {
    "Ingress.spec": {"backend"},
    "Ingress.spec.defaultBackend": {"serviceName", "servicePort"},
    "Ingress.spec.rules[].http.paths[].backend": {"serviceName", "servicePort"},
    "volumes[].secret": {"name"},
    "projected.sources[].secret": {"secretName"},
    "Probe.tcpSocket": {"scheme"},
    "Probe.grpc": {"scheme"},
}


class NoSuchField(AssertionError):
    """Say that a field was read, or given, that no such object of the Kubernetes API has."""


@dataclass(frozen=True)
class Schema:
    """Hold the definitions of one version of the API, in the words of JSON Schema."""

    definitions: Mapping[str, Node] = field(repr=False)
    _kinds: dict[str, list[str]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, definitions: Mapping[str, Node]) -> Schema:
        """Return the definitions of an OpenAPI description or of `kubernetes-validate`, objects closed to unknown fields."""
        made: dict[str, Node] = json.loads(json.dumps(definitions).replace("#/$defs/", "#/definitions/"))
        kinds: dict[str, list[str]] = {}
        for name, one in made.items():
            _without_null(one)
            if "properties" in one:
                one["additionalProperties"] = False
            elif name.endswith(".Quantity"):
                made[name] = {"type": ["string", "number"]}
            elif name.endswith(".IntOrString"):
                made[name] = {"type": ["integer", "string"]}
            for known in one.get("x-kubernetes-group-version-kind", ()):
                kinds.setdefault(known["kind"], []).append(name)
        return cls(made, kinds)

    def names(self, kind: str) -> list[str]:
        """Return the definitions of a kind, one for each version of the API that serves it."""
        return [name for name in self._kinds.get(kind, []) if not name.endswith("List") and len(self._kinds[kind]) < 10]

    def faults(self, kind: str, value: Node) -> str:
        """Return what of an object is not as any version of its kind has it, "" where one version has all of it.

        A field that is null is as good as absent, by the API's conventions.
        """
        told, value = "", _without_nulls(value)
        for name in self.names(kind):
            whole = {"$ref": f"#/definitions/{name}", "definitions": self.definitions}
            fault = next(iter(jsonschema.Draft202012Validator(whole).iter_errors(value)), None)
            if fault is None:
                return ""
            told = told or f"{kind}.{'.'.join(str(step) for step in fault.absolute_path)}: {fault.message[:300]}"
        return told or f"{kind} is no kind of this version"

    def watched(self, kind: str, value: Node, *, is_whole: bool = True) -> Node:
        """Return an object that raises where a field is read that its kind, and those like it, lack.

        :raises NoSuchField: where the object holds a field that its kind lacks, unless it is not said to be whole.
        """
        own = [self.definitions[name] for name in self.names(kind)]
        kinds = next((group for group in ALIKE if kind in group), ())
        alike = [self.definitions[name] for other in kinds for name in self.names(other)]
        return self._watched(value, own, alike, kind, is_whole) if own else value

    def _watched(self, value: Any, own: list[Node], alike: list[Node], path: str, is_whole: bool) -> Any:
        own, alike = [*self._resolved(own)], [*self._resolved(alike)]
        if isinstance(value, list):
            inner, likewise = ([one["items"] for one in nodes if "items" in one] for nodes in (own, alike))
            return [self._watched(item, inner, likewise, f"{path}[]", is_whole) for item in value]
        if not isinstance(value, dict) or not own:
            return value
        known = frozenset(name for one in own for name in one.get("properties", ()))
        if not known:
            inner = [one["additionalProperties"] for one in own if isinstance(one.get("additionalProperties"), dict)]
            return {name: self._watched(item, inner, inner, f"{path}.{name}", is_whole) for name, item in value.items()}
        also = {
            name for end, names in ALSO_READ.items() if path.replace("Probe", ".Probe").endswith(end) for name in names
        }
        if is_whole and (strange := set(value) - known - also):
            raise NoSuchField(f"{path} has no {', '.join(sorted(strange))}")
        made = Watched(path, known | also | {name for one in alike for name in one.get("properties", ())})
        for name, item in value.items():
            inner, likewise = _field(own, name), _field(alike, name)
            dict.__setitem__(made, name, self._watched(item, inner, likewise, f"{path}.{name}", is_whole))
        return made

    def _resolved(self, nodes: list[Node]) -> Iterator[Node]:
        for one in nodes:
            if "$ref" not in one:
                yield one
                continue
            name = one["$ref"].removeprefix("#/definitions/")
            if not name.endswith(_FREE):
                yield self.definitions[name]


class Watched(dict[str, Any]):
    """Be an object of which only the fields of its schema may be read."""

    def __init__(self, path: str, known: frozenset[str]) -> None:
        super().__init__()
        self.path, self.known = path, known

    def _ask(self, name: object) -> None:
        if name not in self.known:
            raise NoSuchField(f"{self.path} has no {name}")

    def get(self, name: str, default: Any = None) -> Any:
        self._ask(name)
        return super().get(name, default)

    def __getitem__(self, name: str) -> Any:
        self._ask(name)
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        self._ask(name)
        return super().__contains__(name)


def _field(nodes: list[Node], name: str) -> list[Node]:
    return [one["properties"][name] for one in nodes if name in one.get("properties", ())]


def _without_null(schema: Any) -> None:
    """Leave a schema's types without null, which some publish and others do not."""
    if isinstance(schema, list):
        for one in schema:
            _without_null(one)
    elif isinstance(schema, dict):
        if isinstance(schema.get("type"), list):
            kinds = [kind for kind in schema["type"] if kind != "null"]
            schema["type"] = kinds[0] if len(kinds) == 1 else kinds
        for one in schema.values():
            _without_null(one)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value] if isinstance(value, list) else value


@cache
def packaged(version: str) -> Schema:
    """Return the schema of a version of Kubernetes as `kubernetes-validate` ships it."""
    place = f"kubernetes-json-schema/v{version}.0-local-strict/_definitions.json"
    whole = json.loads(resources.files("kubernetes_validate").joinpath(place).read_text())
    return Schema.of(whole["$defs"])
