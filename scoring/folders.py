"""Whose a changed file is, by the folders that it lies in: in a repository of many services a deployment brings others' changes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scoring.observations import Change

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


def is_under(path: str, folders: Iterable[str]) -> bool:
    """Return whether a file lies in one of these folders of its repository, or is one of them."""
    return any(f"{path.strip('/')}/".startswith(f"{folder.strip('/')}/") for folder in folders)


def is_inside(sightings: Iterable[Change]) -> bool:
    """Return whether any file of a change lies in a folder that somebody said is its service's."""
    return any(is_under(file, change.paths) for change in sightings if change.paths for file in change.files)


def foreign(sightings: Iterable[Change]) -> tuple[str, ...]:
    """Return who owns all that a change touches, where the service's own folders belong to others and none of it lies there."""
    for change in sightings:
        kept = set(change.kept_by.split())
        owned = [set(names.split()) for names in change.owners]
        if not kept or not owned or len(owned) < len(change.files) or is_inside((change,)):
            continue
        if all(names and not names & kept for names in owned):
            return tuple(sorted(set().union(*owned)))
    return ()


def told(sightings: Iterable[Change]) -> str:
    """Return what a change touches of its service, and who owns that, in a phrase; empty where nobody said either."""
    for change in sightings:
        folders = change.paths or (_own_folders(change) if any(change.owners) else ())
        touched = [folder for folder in folders if any(is_under(file, (folder,)) for file in change.files)]
        if not touched:
            continue
        hits = [index for index, file in enumerate(change.files) if is_under(file, touched)]
        owners = {name: None for index in hits if index < len(change.owners) for name in change.owners[index].split()}
        many = len(change.files)
        share = f" ({len(hits)} of {many} files)" if len(hits) < many else ""
        shown = ", ".join(f"{folder.strip('/')}/**" for folder in touched[:2])
        return f"it touches {shown}{share}{f', owned by {_listed(owners)}' if owners else ''}"
    return ""


def _own_folders(change: Change) -> tuple[str, ...]:
    """Return the folders that bear the name of a change's service."""
    own, found = named(change.entity.service), dict[str, None]()
    for file in change.files:
        parts = file.strip("/").split("/")[:-1]
        depth = next((depth for depth, folder in enumerate(parts) if named(folder) == own), None)
        if depth is not None:
            found["/".join(parts[: depth + 1])] = None
    return tuple(found)


def _listed(names: Iterable[str]) -> str:
    every = sorted(names)
    return ", ".join(every[:3]) + (f" and {len(every) - 3} more" if len(every) > 3 else "")


def named(name: str) -> str:
    """Return a name as it is compared: without case, with one sort of dash, without what says only that it is a service."""
    plain = re.sub(r"[\s_.]+", "-", name.strip().lower())
    return _AFFIX.sub("", plain) or plain
