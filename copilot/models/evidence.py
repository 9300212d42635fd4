"""Evidence of a run, as it was weighed."""

from __future__ import annotations

from django.db import models

from copilot.guard.tenancy import TenantModel


class EvidenceRecord(TenantModel):
    """Be one piece of evidence; `payload` is scoring's `Evidence` whole (scoring.frozen), the columns are for people."""

    run = models.ForeignKey("copilot.Run", on_delete=models.CASCADE, related_name="evidence")
    reference = models.CharField(max_length=8)
    position = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=10)
    service = models.CharField(max_length=200)
    entity = models.CharField(max_length=300)
    indicator = models.CharField(max_length=200)
    statement = models.TextField()
    severity = models.FloatField()
    direction = models.CharField(max_length=10)
    source = models.CharField(max_length=60)
    onset = models.DateTimeField(null=True, blank=True)
    is_symptom = models.BooleanField(default=False)
    link = models.TextField(blank=True)
    query = models.TextField(blank=True)
    author = models.CharField(max_length=200, blank=True)
    payload = models.JSONField(default=dict)

    class Meta:
        """Number evidence within a run."""

        db_table = "copilot_evidence"
        ordering = ("run", "position")
        constraints = (models.UniqueConstraint(fields=("tenant", "run", "reference"), name="evidence_reference"),)

    def __str__(self) -> str:
        return f"{self.reference} {self.statement}"
