"""Who did what: append-only."""

from __future__ import annotations

from django.db import models

from copilot.guard.tenancy import TenantModel


class AuditEntry(TenantModel):
    """Be one act of a person or of the product on a tenant's things; never changed, never deleted by the app."""

    at = models.DateTimeField(auto_now_add=True)
    actor = models.CharField(max_length=200)
    action = models.CharField(max_length=80)
    target = models.CharField(max_length=300, blank=True)
    detail = models.JSONField(default=dict, blank=True)

    class Meta:
        """Show the newest first."""

        ordering = ("-at", "-id")
        indexes = (models.Index(fields=("tenant", "-at"), name="audit_recent"),)
        verbose_name_plural = "audit entries"

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.target}"
