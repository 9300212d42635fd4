"""Changes that were reported to us: deployments, config, flags and the like."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models

from copilot.guard.tenancy import TenantModel
from scoring import sightings
from scoring.observations import ChangeKind
from scoring.sightings import Sighting

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

_KINDS = frozenset(ChangeKind)


class ChangeRecord(TenantModel):
    """Be one change; a deployment and its later statuses move the same row."""

    aged_by = "at"

    service = models.ForeignKey(
        "copilot.Service", on_delete=models.SET_NULL, null=True, blank=True, related_name="changes"
    )
    service_name = models.CharField(max_length=200, blank=True)
    namespace = models.CharField(max_length=63, blank=True)
    source = models.CharField(max_length=40)
    dedupe_key = models.CharField(max_length=300)
    kind = models.CharField(max_length=20)
    at = models.DateTimeField()
    title = models.CharField(max_length=500)
    author = models.CharField(max_length=200, blank=True)
    link = models.TextField(blank=True)
    version = models.CharField(max_length=200, blank=True)
    previous_version = models.CharField(max_length=200, blank=True)
    environment = models.CharField(max_length=100, blank=True)
    status = models.CharField(max_length=40, blank=True)
    detail = models.TextField(blank=True)
    key = models.CharField(max_length=300, blank=True)
    files = models.JSONField(
        default=list, db_default=[], blank=True, help_text="Paths that it touches, as far as it was told."
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        """Keep a change once; find recent ones quickly."""

        db_table = "copilot_change"
        ordering = ("-at",)
        constraints = (models.UniqueConstraint(fields=("tenant", "source", "dedupe_key"), name="change_once"),)
        indexes = (models.Index(fields=("tenant", "-at"), name="change_recent"),)

    def __str__(self) -> str:
        return self.title

    @property
    def service_called(self) -> str:
        """Return the service's name, or what the report called it."""
        return self.service.name if self.service else self.service_name

    @property
    def sighting(self) -> Sighting:
        """Return what tells whether another report is of the same change."""
        return Sighting(
            service=self.service_called,
            kind=ChangeKind(self.kind) if self.kind in _KINDS else None,
            at=self.at.timestamp(),
            source=self.source,
            version=self.version,
            key=self.key,
            status=self.status,
            environment=self.environment,
        )


def together(rows: Iterable[ChangeRecord]) -> list[list[ChangeRecord]]:
    """Return reports in groups, each one change of one tenant; first in each who did it, before who only announced it.

    Which are one change is said in `scoring.sightings`; the order of their arrival plays no part.
    """
    homes: dict[tuple[UUID, str], list[ChangeRecord]] = {}
    for row in rows:
        homes.setdefault((row.tenant_id, row.service_called), []).append(row)
    found: list[list[ChangeRecord]] = []
    for mine in homes.values():
        groups = sightings.groups(mine, lambda row: row.sighting, _order)
        found += (sorted(group, key=lambda row: (row.status in sightings.ANNOUNCED, *_order(row))) for group in groups)
    return found


def _order(row: ChangeRecord) -> tuple[float, str, str, str, str]:
    return (row.at.timestamp(), row.source, row.version, row.key, row.dedupe_key)
