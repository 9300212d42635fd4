"""The product's own address of an incident: a link to share, that opens its thread and unfurls in Slack."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import UUID

from copilot.config import config

if TYPE_CHECKING:
    from urllib.parse import SplitResult

# The incident's id cannot be guessed; its number could.
PATH = "/slack/incidents/{slug}/{incident_id}"
_UUID = r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
_SHARED = re.compile(rf"/slack/incidents/([^/]{{1,100}})/{_UUID}/?", re.IGNORECASE)
_ADMIN = re.compile(rf"/admin/copilot/incident/{_UUID}(?:/(?:change/?)?)?", re.IGNORECASE)


def address(slug: str, incident_id: UUID) -> str:
    """Return the address of a tenant's incident."""
    return f"{config().public_url.rstrip('/')}{PATH.format(slug=slug, incident_id=incident_id)}"


def incident_of(url: str, slug: str) -> UUID | None:
    """Return the incident that an address is of, the shared one or the admin's page; None for any other, and any other tenant's."""
    try:
        asked = urlsplit(url)
        shared = _below(asked, config().public_url)
        admin = _below(asked, config().ops_url)
    except ValueError:
        return None
    found = _SHARED.fullmatch(shared)
    if found:
        return UUID(found[2]) if found[1] == slug else None
    found = _ADMIN.fullmatch(admin)
    return UUID(found[1]) if found else None


def domains() -> list[str]:
    """Return the hosts whose links Slack must tell us of."""
    hosts = [urlsplit(url).hostname or "" for url in (config().public_url, config().ops_url)]
    return [host for host in dict.fromkeys(hosts) if host]


def _below(asked: SplitResult, base: str) -> str:
    """Return the path below a base address; nothing where the address is elsewhere.

    :raises ValueError: where a port is none.
    """
    there = urlsplit(base.rstrip("/"))
    if _origin(asked) != _origin(there) or not asked.path.startswith(there.path):
        return ""
    return asked.path[len(there.path) :]


def _origin(parts: SplitResult) -> tuple[str, str | None, int]:
    return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
