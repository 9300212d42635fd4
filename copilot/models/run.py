"""Runs: one investigation of an incident, its stages and the sources it asked; progress lives in these rows alone."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models.functions import Now

from copilot.guard.tenancy import TenantModel


class Stage(models.TextChoices):
    """Name the stages of a run, in order; `done` and `failed` end it."""

    OPEN = "open"
    GATHER = "gather"
    PROPOSE = "propose"
    RANK = "rank"
    POST = "post"
    DONE = "done"
    FAILED = "failed"


class Run(TenantModel):
    """Be one investigation. It is claimed by a guarded update with a lease and a fencing attempt number.

    `plan` freezes stages, versions and settings at the start, so that later edits do not change a run.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    incident = models.ForeignKey("copilot.Incident", on_delete=models.CASCADE, related_name="runs")
    sequence = models.PositiveSmallIntegerField(default=1)
    asked_by = models.CharField(
        max_length=200, blank=True, help_text="Who asked for another look; empty for the page itself."
    )
    stage = models.CharField(max_length=10, choices=Stage, default=Stage.OPEN)
    attempt = models.PositiveIntegerField(default=0, db_default=0, help_text="Fencing number; grows with every claim.")
    stage_attempts = models.PositiveIntegerField(default=0, db_default=0, help_text="Claims of the present stage.")
    lease_until = models.DateTimeField(db_default=Now())
    not_before = models.DateTimeField(db_default=Now())
    plan = models.JSONField(default=dict)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        """Number an incident's runs; find the unfinished quickly."""

        ordering = ("incident", "sequence")
        constraints = (models.UniqueConstraint(fields=("tenant", "incident", "sequence"), name="run_sequence"),)
        indexes = (
            models.Index(
                fields=("tenant", "lease_until"),
                name="run_unfinished",
                condition=~models.Q(stage__in=("done", "failed")),
            ),
        )

    def __str__(self) -> str:
        return f"run {self.sequence} ({self.stage})"


class StageResult(TenantModel):
    """Be the outcome of one stage of a run: what the next stages need, and how long it took."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="results")
    stage = models.CharField(max_length=10, choices=Stage)
    attempt = models.PositiveIntegerField(default=1)
    output = models.JSONField(default=dict)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()

    class Meta:
        """Keep one result a stage."""

        ordering = ("run", "id")
        constraints = (models.UniqueConstraint(fields=("tenant", "run", "stage"), name="stage_result_once"),)

    def __str__(self) -> str:
        return f"{self.stage} of run {self.run_id}"

    @property
    def seconds(self) -> float:
        """Return how long the stage took."""
        return (self.finished_at - self.started_at).total_seconds()


class SourceStatus(models.TextChoices):
    """Say whether a source has answered."""

    ASKING = "asking"
    ANSWERED = "answered"
    PARTIAL = "partial"
    FAILED = "failed"


class SourceCall(TenantModel):
    """Be one source asked by a run: shown as progress while it works, and as missing evidence when it did not answer."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="sources")
    connection = models.ForeignKey("copilot.Connection", on_delete=models.SET_NULL, null=True)
    source = models.CharField(max_length=40)
    name = models.CharField(max_length=120)
    status = models.CharField(max_length=10, choices=SourceStatus, default=SourceStatus.ASKING)
    observations = models.PositiveIntegerField(default=0)
    seconds = models.FloatField(default=0.0)
    detail = models.TextField(blank=True)

    class Meta:
        """Ask each connection once a run."""

        ordering = ("run", "source", "name")
        constraints = (models.UniqueConstraint(fields=("tenant", "run", "name"), name="source_call_once"),)

    def __str__(self) -> str:
        return f"{self.name}: {self.status}"
