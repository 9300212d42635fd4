"""How people write a repository: its path alone, or its address at the forge that keeps it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

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
