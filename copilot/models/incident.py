"""Incidents: what a person is woken for."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models.functions import Now

from copilot.guard.tenancy import TenantModel

if TYPE_CHECKING:
    from datetime import datetime


class IncidentStatus(models.TextChoices):
    """Say where an incident stands."""

    TRIGGERED = "triggered"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class IncidentCounter(TenantModel):
    """Count a tenant's incidents, so that people can say `incident 42`."""

    value = models.PositiveIntegerField(default=0)

    class Meta:
        """Count once a tenant."""

        constraints = (models.UniqueConstraint(fields=("tenant",), name="incident_counter_tenant"),)

    def __str__(self) -> str:
        return str(self.value)


class Incident(TenantModel):
    """Be one incident; alerts of the same service and symptom within the window belong to the same one."""

    aged_by = "alert_at"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    number = models.PositiveIntegerField()
    service = models.ForeignKey(
        "copilot.Service", on_delete=models.SET_NULL, null=True, blank=True, related_name="incidents"
    )
    service_name = models.CharField(
        max_length=200, blank=True, help_text="As the alert says it, where no service matches."
    )
    title = models.CharField(max_length=500)
    symptom = models.CharField(max_length=300, blank=True)
    status = models.CharField(max_length=15, choices=IncidentStatus, default=IncidentStatus.TRIGGERED)
    severity = models.CharField(max_length=20, blank=True)
    priority = models.CharField(max_length=60, blank=True)
    urgency = models.CharField(max_length=20, blank=True)
    assignees = models.JSONField(default=list, blank=True)
    source = models.CharField(max_length=40)
    dedupe_key = models.CharField(max_length=300)
    url = models.URLField(max_length=1000, blank=True)
    labels = models.JSONField(default=dict, blank=True)
    started_at = models.DateTimeField()
    alert_at = models.DateTimeField()
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.CharField(max_length=200, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.CharField(max_length=200, blank=True)
    muted_until = models.DateTimeField(null=True, blank=True)
    last_event_at = models.DateTimeField()
    publish_wanted_at = models.DateTimeField(
        null=True, blank=True, help_text="Set with every visible change; empty once every face shows it."
    )
    publish_not_before = models.DateTimeField(db_default=Now())
    publish_attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        """Number incidents within a tenant; find the open ones quickly."""

        ordering = ("-number",)
        constraints = (models.UniqueConstraint(fields=("tenant", "number"), name="incident_number"),)
        indexes = (
            models.Index(fields=("tenant", "status", "-started_at"), name="incident_open"),
            models.Index(fields=("tenant", "service", "symptom"), name="incident_symptom"),
            models.Index(
                fields=("tenant", "publish_not_before"),
                name="incident_to_publish",
                condition=models.Q(publish_wanted_at__isnull=False),
            ),
        )

    @classmethod
    def forgettable(cls, before: datetime) -> models.QuerySet[Self]:
        """Return old incidents that no run works on, that nobody touched since, and that did not come in only lately.

        A vendor's sample, or an alert that was sent again, may tell of years ago.
        """
        from copilot.models.run import Run

        unfinished = Run.objects.filter(incident=models.OuterRef("pk"), finished_at__isnull=True)
        old = super().forgettable(before).filter(last_event_at__lt=before, created_at__lt=before)
        return old.filter(~models.Exists(unfinished))

    def __str__(self) -> str:
        return f"INC-{self.number} {self.title}"

    @property
    def display_service(self) -> str:
        """Return the service's name, or what the alert called it."""
        return self.service.name if self.service else self.service_name or "unknown service"
