"""Routes that a gateway keeps in its configuration: one that bears a Service's name and leads to another.

Read are lists of routes with an `id` and a `uri` in config maps whose contents are known (Spring Cloud Gateway and its like).
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from integrations.cluster import fields
from integrations.cluster.telling import tell
from integrations.cluster.words import Word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integrations.cluster.cluster import Cluster
    from scoring.observations import State

MAX_TEXT = 256 * 1024
_DEEPEST = 12
# `${NAME:default}`: what counts is the default, for the variable is seldom set.
_PLACEHOLDER = re.compile(r"\$\{[^}:]*:?([^}]*)\}")
_URI = re.compile(r"[a-z][a-z0-9+.-]*://([a-z0-9][a-z0-9-]*)", re.IGNORECASE)
_WORDS = re.compile(r"[a-z]+|\d+")


@dataclass(frozen=True, slots=True)
class Route:
    """Hold one route: its id, its predicates in words, and the host that it leads to."""

    name: str
    path: str
    host: str


def find(cluster: Cluster) -> Iterator[State]:
    """Yield the Services whose route leads to another Service."""
    for config in cluster.all("ConfigMap"):
        namespace = fields.namespace(config)
        services = {fields.name(one): one for one in cluster.within("Service", namespace)}
        texts = fields.words(config, "data").values()
        routes = [one for text in texts for one in read(text) if one.host in services]
        if len(routes) < 2:
            continue
        bare = _bare(list(services))
        reached = {route.host for route in routes}
        for route in routes:
            meant = bare.get(_joined(_WORDS.findall(route.name.lower())))
            if meant is None or meant == route.host or meant in reached:
                continue
            yield tell(
                cluster, Word.ROUTE_MISDIRECTED, cluster.service(services[meant]), "ConfigMap", config,
                f"route {route.name}{f' ({route.path})' if route.path else ''} of config map {fields.name(config)} leads to "
                f"{route.host}; no route leads to {meant}", about=meant,
            )  # fmt: skip


def read(text: str) -> list[Route]:
    """Return the routes in a configuration, none where it is no YAML."""
    if len(text) > MAX_TEXT or "uri" not in text:
        return []
    try:
        document = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 (a safe loader)
    except (yaml.YAMLError, ValueError, RecursionError):
        return []
    return list(_routes(document, 0))


def _routes(value: Any, depth: int) -> Iterator[Route]:
    if depth > _DEEPEST:
        return
    if isinstance(value, dict):
        host = _URI.match(_PLACEHOLDER.sub(r"\1", str(value.get("uri", ""))))
        if host and "id" in value:
            predicates = value.get("predicates")
            path = ", ".join(str(one) for one in predicates) if isinstance(predicates, list) else ""
            yield Route(str(value["id"]), path, host[1].lower())
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _routes(inner, depth + 1)


def _bare(names: list[str]) -> dict[str, str]:
    """Return Services by what is their own in their names: without the words that most of them share."""
    split = {name: _WORDS.findall(name.lower()) for name in names}
    shared = Counter(word for words in split.values() for word in set(words))
    common = {word for word, times in shared.items() if times > len(names) / 2}
    found: dict[str, str] = {}
    for name, words in split.items():
        own = _joined([word for word in words if word not in common])
        if own:
            found[own] = name
    return found


def _joined(words: list[str]) -> str:
    return "-".join(words)
