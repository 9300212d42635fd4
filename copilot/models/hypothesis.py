"""Hypotheses and the frozen ranking that they come from."""

from __future__ import annotations

import uuid

from django.db import models

from copilot.guard.tenancy import TenantModel


class RankingRecord(TenantModel):
    """Be the frozen inputs and outcome of a run's ranking: recomputing the one gives the other, byte for byte."""

    run = models.OneToOneField("copilot.Run", on_delete=models.CASCADE, related_name="ranking")
    version = models.CharField(max_length=40)
    verdict = models.CharField(max_length=20)
    explanation = models.TextField(blank=True)
    missing = models.JSONField(default=list)
    next_check = models.TextField(blank=True)
    weighed_light = models.JSONField(default=list)
    inputs = models.TextField(help_text="Canonical JSON of scoring.evidence.RankInputs.")
    outcome = models.TextField(help_text="Canonical JSON of scoring.evidence.Ranking.")
    model_note = models.CharField(
        max_length=300, blank=True, help_text="Why the model did not contribute, if it did not."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        """Keep one ranking a run."""

        db_table = "copilot_ranking"

    def __str__(self) -> str:
        return f"{self.verdict} ({self.version})"


class Hypothesis(TenantModel):
    """Be one ranked root cause; `payload` is scoring's `Score` whole, with its five factors."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    run = models.ForeignKey("copilot.Run", on_delete=models.CASCADE, related_name="hypotheses")
    rank = models.PositiveSmallIntegerField()
    service = models.CharField(max_length=200)
    entity = models.CharField(max_length=300)
    cause_kind = models.CharField(max_length=40)
    statement = models.TextField()
    origin = models.CharField(max_length=10)
    confidence = models.FloatField()
    low = models.FloatField()
    high = models.FloatField()
    factors = models.JSONField(default=list)
    supporting = models.JSONField(default=list)
    contradicting = models.JSONField(default=list)
    next_check = models.TextField(blank=True)

    class Meta:
        """Rank hypotheses within a run."""

        ordering = ("run", "rank")
        constraints = (models.UniqueConstraint(fields=("tenant", "run", "rank"), name="hypothesis_rank"),)
        indexes = (models.Index(fields=("tenant", "service", "cause_kind"), name="hypothesis_cause"),)
        verbose_name_plural = "hypotheses"

    def __str__(self) -> str:
        return f"{self.rank}. {self.statement}"
