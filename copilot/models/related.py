"""Alerts that joined an open incident, as they are about the same trouble."""

from __future__ import annotations

import uuid

from django.db import models

from copilot.guard.tenancy import TenantModel


class RelatedAlert(TenantModel):
    """Be one alert that joined an incident by a rule, which is kept in words; `split_into` is set where people said no."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    incident = models.ForeignKey("copilot.Incident", on_delete=models.CASCADE, related_name="related_alerts")
    source = models.CharField(max_length=40)
    dedupe_key = models.CharField(max_length=300)
    service_name = models.CharField(max_length=200, blank=True)
    title = models.CharField(max_length=500)
    severity = models.CharField(max_length=20, blank=True)
    url = models.URLField(max_length=1000, blank=True)
    rule = models.CharField(max_length=300, help_text="Why it joined, as it is shown.")
    started_at = models.DateTimeField()
    joined_at = models.DateTimeField(auto_now_add=True)
    is_firing = models.BooleanField(default=True)
    split_into = models.ForeignKey(
        "copilot.Incident", on_delete=models.SET_NULL, null=True, blank=True, related_name="split_from"
    )
    split_by = models.CharField(max_length=200, blank=True)

    class Meta:
        """Let an alert join an incident once."""

        ordering = ("started_at", "dedupe_key")
        constraints = (
            models.UniqueConstraint(fields=("tenant", "incident", "source", "dedupe_key"), name="related_alert_once"),
        )
        indexes = (models.Index(fields=("tenant", "-joined_at"), name="related_alert_recent"),)

    def __str__(self) -> str:
        return self.title
