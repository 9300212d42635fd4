"""What a tenant has used of its limits, and when it came to the end of one."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from copilot.guard.tenancy import TenantModel


class Limit(models.TextChoices):
    """Name the limits of a tenant; each is a field of `Tenant`, or a setting of the deployment where that is empty."""

    DOLLARS = "dollars_per_day", "dollars a day"
    RUNS = "runs_per_hour", "runs an hour"
    WEBHOOKS = "webhooks_per_minute", "webhooks a minute"
    EVIDENCE = "evidence_megabytes", "megabytes of evidence a run"
    TOOLS = "tool_calls_per_day", "tool calls a day"
    TOOL_SECONDS = "tool_seconds_per_day", "tool seconds a day"
    RUN_CALLS = "calls_per_run", "calls a run"
    RUN_SECONDS = "seconds_per_run", "seconds a run"
    RUN_DOLLARS = "dollars_per_incident", "dollars an incident"


class LimitUse(TenantModel):
    """Be the count of one limit in its present window; `subject` tells shares of it apart, such as one connection's."""

    limit = models.CharField(max_length=30, choices=Limit)
    subject = models.CharField(max_length=60, blank=True, default="", db_default="")
    window = models.DateTimeField(help_text="When the window that is counted began.")
    used = models.PositiveIntegerField(default=0, db_default=0)

    class Meta:
        """Count a limit and subject in one row, which begins anew with each window."""

        constraints = (models.UniqueConstraint(fields=("tenant", "limit", "subject"), name="limit_use_once"),)

    def __str__(self) -> str:
        return f"{self.used} of {self.get_limit_display()}"


class LimitReached(TenantModel):
    """Be one day on which a tenant reached one of its limits: how often, what was the last, and what was done instead."""

    aged_by = "last_at"

    limit = models.CharField(max_length=30, choices=Limit)
    day = models.DateField(help_text="UTC.")
    first_at = models.DateTimeField(db_default=Now())
    last_at = models.DateTimeField(db_default=Now())
    times = models.PositiveIntegerField(default=1, db_default=1)
    detail = models.CharField(max_length=500, blank=True, default="", db_default="")

    class Meta:
        """Keep one row a limit and day."""

        ordering = ("-last_at", "-id")
        constraints = (models.UniqueConstraint(fields=("tenant", "limit", "day"), name="limit_reached_once"),)
        verbose_name_plural = "limits reached"

    def __str__(self) -> str:
        return f"{self.get_limit_display()} on {self.day}"
