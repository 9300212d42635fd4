"""The starter set: runbooks for common failures of Kubernetes and services that ship with the product."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from copilot.runbooks import library
from copilot.runbooks.origins import Found, Origin

if TYPE_CHECKING:
    from uuid import UUID

    from copilot.runbooks.library import Changes

SOURCE = "starter"
FOLDER = Path(__file__).parents[1] / "knowledge" / "starter"
# When the set was last gone through; a file may say otherwise in its front matter.
REVIEWED = datetime(2026, 11, 21, tzinfo=UTC)


def origin() -> Origin:
    """Return the starter set as a source."""
    found = tuple(
        Found(path.name, path.read_text(encoding="utf-8"), written_at=REVIEWED) for path in sorted(FOLDER.glob("*.md"))
    )
    return Origin(SOURCE, found, whole=True, restores=False)


def load(tenant_id: UUID, *, by: str) -> Changes:
    """Bring a tenant's starter set up to date with this version of the product."""
    return library.bring_up_to_date(tenant_id, origin(), by=by)


__all__ = ["SOURCE", "load", "origin"]
