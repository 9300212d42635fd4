"""Repositories as people write them, by path or by address at the forge that keeps them, and which of them a forge is asked about."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from integrations.base import ServiceScope
from integrations.genuine import separated
from scoring.observations import Gap

if TYPE_CHECKING:
    from integrations.base import Scope

_WRITTEN = re.compile(
    r"(?:(?:https?://(?P<web>[^/\s@]+)/|git@(?P<ssh>[^/:\s]+)[:/]))?(?P<path>[\w.-]+(?:/[\w.-]+?)+)(?:\.git)?/?",
    re.ASCII,
)


def path_at(written: str, address: str = "", *, deepest: int = 2) -> str:
    """Return `owner/name` of a repository that is written so or as its address, else an empty text.

    `address` is the forge's API: a repository whose own address names another host is not kept there. `deepest` is how many
    parts a path may have (GitLab has groups within groups).
    """
    match = _WRITTEN.fullmatch(written.strip())
    if not match:
        return ""
    parts = match["path"].split("/")
    if {".", ".."} & set(parts) or len(parts) > deepest:
        return ""
    return match["path"] if kept_at(written, address) else ""


def kept_at(written: str, address: str) -> bool:
    """Return whether a repository may be kept at the forge with this API: it names no host, or the forge's."""
    match = _WRITTEN.fullmatch(written.strip())
    host = (match["web"] or match["ssh"] or "") if match else ""
    forge = urlsplit(address).hostname or ""
    return not host or not forge or host.partition(":")[0].lower() == forge.removeprefix("api.")


def asked(
    scope: Scope, *, source: str, address: str, otherwise: str, form: str, most: int, deepest: int = 2
) -> tuple[dict[str, list[ServiceScope]], list[Gap]]:
    """Return the repositories to ask a forge about with the services that live in each, and a gap for what is not asked.

    They are those of the services in scope that this forge keeps; without any, those that the connection names (`otherwise`,
    separated by commas). `form` is how the forge calls one and how it is written: `repository owner/name`.
    """
    kind, _, written = form.partition(" ")
    found: dict[str, list[ServiceScope]] = {}
    gaps: list[Gap] = []
    for service in scope.services:
        if not service.repository or not kept_at(service.repository, address):
            continue
        if name := path_at(service.repository, address, deepest=deepest):
            found.setdefault(name, []).append(service)
        else:
            reason = f"{service.repository!r} is no {kind}: write {written}"
            gaps.append(Gap(source, f"deployments of {service.name}", reason))
    if not found:
        found = {name: [ServiceScope(name.rpartition("/")[2])] for name in separated(otherwise)}
    several = "repositories" if kind == "repository" else f"{kind}s"
    left_out = f"only {most} {several} are asked"
    gaps += [Gap(source, f"deployments of {name}", left_out) for name in list(found)[most:]]
    return dict(list(found.items())[:most]), gaps
