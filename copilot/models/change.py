"""Changes that were reported to us: deployments, config, flags and the like."""

from __future__ import annotations

from django.db import models

from copilot.guard.tenancy import TenantModel


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
    files = models.JSONField(default=list, blank=True, help_text="Paths that it touches, as far as it was told.")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        """Keep a change once; find recent ones quickly."""

        db_table = "copilot_change"
        ordering = ("-at",)
        constraints = (models.UniqueConstraint(fields=("tenant", "source", "dedupe_key"), name="change_once"),)
        indexes = (models.Index(fields=("tenant", "-at"), name="change_recent"),)

    def __str__(self) -> str:
        return self.title
