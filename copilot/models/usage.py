"""What the model was asked and what it cost."""

from __future__ import annotations

from django.db import models

from copilot.guard.tenancy import TenantModel


class ModelCall(TenantModel):
    """Be one call of the language model, written before its answer is looked at, so that no bill is lost."""

    aged_by = "created_at"

    run = models.ForeignKey("copilot.Run", on_delete=models.SET_NULL, null=True, blank=True, related_name="model_calls")
    question = models.ForeignKey(
        "copilot.Question", on_delete=models.SET_NULL, null=True, blank=True, related_name="model_calls"
    )
    purpose = models.CharField(max_length=40)
    model = models.CharField(max_length=80)
    prompt_version = models.CharField(max_length=40)
    request_id = models.CharField(max_length=120, blank=True)
    outcome = models.CharField(max_length=60, help_text="The stop reason, or what went wrong.")
    input_tokens = models.PositiveIntegerField(default=0)
    output_tokens = models.PositiveIntegerField(default=0)
    cache_write_tokens = models.PositiveIntegerField(default=0)
    cache_read_tokens = models.PositiveIntegerField(default=0)
    dollars = models.DecimalField(max_digits=12, decimal_places=6, default=0)
    seconds = models.FloatField(default=0.0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        """Sum a tenant's day quickly."""

        ordering = ("-created_at",)
        indexes = (models.Index(fields=("tenant", "-created_at"), name="model_call_recent"),)

    def __str__(self) -> str:
        return f"{self.model}: {self.outcome}"
