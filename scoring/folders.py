"""Whose a changed file is, by the folders that it lies in: in a repository of many services a deployment brings others' changes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

# Where repositories of many services keep them, beside the top.
_ROOTS: Final = frozenset(
    {"services", "service", "apps", "src", "cmd", "microservices", "packages", "projects", "modules", "deploy", "charts", "helm",
     "k8s", "manifests", "clusters", "environments", "overlays", "base", "production", "prod"}
)  # fmt: skip
# Names that services have, and that folders inside of any service have too.
_ANYWHERE: Final = frozenset(
    {"api", "app", "auth", "backend", "cache", "client", "common", "config", "core", "data", "database", "db", "docs", "events",
     "frontend", "http", "lib", "main", "models", "monitoring", "proxy", "queue", "redis", "server", "shared", "store", "storage",
     "test", "tests", "tools", "ui", "utils", "web", "worker", "workers"}
)  # fmt: skip
# What is added to a service's name, or left away, where its folder is named.
_AFFIX: Final = re.compile(r"^(svc|service|app|apps)-|-(svc|service|server|app|api|backend)$")


def elsewhere(paths: Iterable[str], service: str, others: Iterable[str]) -> tuple[str, ...]:
    """Return the other services to whose folders all of these files belong, nothing where any may be of this one.

    A service's folder bears its name, and lies at the top of the repository or in one that holds services (`services/cart`). A
    file in no service's folder is shared, and may be of any.
    """
    own = named(service)
    foreign = {
        short: other for other in sorted(others) if (short := named(other)) and short != own and short not in _ANYWHERE
    }
    found: dict[str, None] = {}
    for path in paths:
        folders = [folder.lower() for folder in path.strip("/").split("/")[:-1]]
        if own in (named(folder) for folder in folders):
            return ()
        depth = next((depth for depth, folder in enumerate(folders) if folder not in _ROOTS), None)
        theirs = foreign.get(named(folders[depth])) if depth is not None else None
        if theirs is None:
            return ()
        found[theirs] = None
    return tuple(sorted(found))


def named(name: str) -> str:
    """Return a name as it is compared: without case, with one sort of dash, without what says only that it is a service."""
    plain = re.sub(r"[\s_.]+", "-", name.strip().lower())
    return _AFFIX.sub("", plain) or plain
