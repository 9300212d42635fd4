"""Which fields of an index name services, hold the message and tell the level: ECS, OpenTelemetry and Fluent Bit's, or one's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from integrations.base import Rejected
from integrations.payload import part

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from integrations.base import ServiceScope
    from integrations.elasticsearch import ElasticsearchCredentials
    from integrations.server import Server

SERVICES = (
    "service.name", "resource.attributes.service.name", "kubernetes.labels.app_kubernetes_io/name",
    "kubernetes.labels.app.kubernetes.io/name", "kubernetes.labels.app", "kubernetes.labels.k8s-app",
    "kubernetes.deployment.name", "k8s.deployment.name", "resource.attributes.k8s.deployment.name",
    "kubernetes.container.name", "kubernetes.container_name", "container.name", "app",
)  # fmt: skip
NAMESPACES = (
    "kubernetes.namespace", "kubernetes.namespace_name", "k8s.namespace.name", "resource.attributes.k8s.namespace.name",
)  # fmt: skip
MESSAGES = ("message", "body.text", "body", "log", "msg")
LEVELS = ("log.level", "severity_text", "level", "severity", "loglevel")
# Types that hold a whole value, and those that hold words.
_WHOLE = frozenset({"keyword", "constant_keyword", "wildcard", "flattened", "flat_object"})
_WORDS = frozenset({"text", "match_only_text"})
LENIENT = (("ignore_unavailable", "true"), ("allow_no_indices", "true"))


@dataclass(frozen=True, slots=True)
class Fields:
    """Hold the fields that there are: `services`, `namespaces` and `levels` hold whole values, `messages` words."""

    indices: int
    services: tuple[str, ...]
    namespaces: tuple[str, ...]
    messages: tuple[str, ...]
    levels: tuple[str, ...]

    def of(self, service: ServiceScope) -> dict[str, Any]:
        """Return the query for what a service wrote; with its namespace, where documents tell one."""
        words = list(dict.fromkeys((service.name, (service.workload or service.name).rpartition("/")[2])))
        named = _any({"terms": {field: words}} for field in self.services)
        if not (service.namespace and self.namespaces):
            return named
        inside: list[dict[str, Any]] = [{"term": {field: service.namespace}} for field in self.namespaces]
        unknown = {"bool": {"must_not": [{"exists": {"field": field}} for field in self.namespaces]}}
        return {"bool": {"filter": [named, _any((*inside, unknown))]}}

    def words_of(self, service: ServiceScope) -> str:
        """Return the same in the words of a search field, as people write it."""
        return " or ".join(f'{field}:"{service.name}"' for field in self.services)


def found(server: Server, credentials: ElasticsearchCredentials) -> Fields:
    """Return which of the fields there are in the indices.

    :raises SourceError: where the server does not answer, or something else does.
    """
    services = _or(credentials.service_field, SERVICES)
    namespaces = _or(credentials.namespace_field, NAMESPACES)
    messages, levels = _or(credentials.message_field, MESSAGES), _or(credentials.level_field, LEVELS)
    wanted = [name for field in (*services, *namespaces, *messages, *levels) for name in (field, f"{field}.keyword")]
    path = f"/{address(credentials.index)}/_field_caps"
    answer = server.get(path, (("fields", ",".join(wanted)), *LENIENT))
    if not isinstance(answer.get("fields"), dict):
        raise Rejected(
            f"{path} was answered in an unknown shape; is this an Elasticsearch or OpenSearch?", retryable=False
        )
    types = {name: frozenset(part(part(answer, "fields"), name)) for name in wanted}
    indices = answer.get("indices")
    return Fields(
        indices=len(indices) if isinstance(indices, list) else 1,
        services=_whole(services, types),
        namespaces=_whole(namespaces, types),
        messages=tuple(field for field in messages if types[field] & (_WORDS | _WHOLE)),
        levels=_whole(levels, types),
    )


def address(index: str) -> str:
    """Return index patterns as a part of a path."""
    return quote(index, safe="*,:._-+<>{}")


def value(source: Mapping[str, Any], field: str) -> str:
    """Return the text of a field in a document, whose names may be nested or dotted, or an empty text."""
    whole = source.get(field)
    if isinstance(whole, str | int | float) and not isinstance(whole, bool):
        return str(whole)
    for name, inner in source.items():
        if isinstance(inner, dict) and field.startswith(f"{name}.") and (text := value(inner, field[len(name) + 1 :])):
            return text
    return ""


def _whole(candidates: Iterable[str], types: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    """Return those fields that can be asked for a whole value: keywords, or the keyword beside a text."""
    usable = []
    for field in candidates:
        if types[field] & _WHOLE:
            usable.append(field)
        elif types[f"{field}.keyword"] & _WHOLE:
            usable.append(f"{field}.keyword")
    return tuple(usable)


def _any(queries: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {"bool": {"should": list(queries), "minimum_should_match": 1}}


def _or(entered: str, usual: tuple[str, ...]) -> tuple[str, ...]:
    own = tuple(one.strip() for one in entered.split(",") if one.strip())
    return own or usual
