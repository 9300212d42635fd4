"""What people say of hypotheses: verdicts and confirmed causes."""

from __future__ import annotations

from django.db import models

from copilot.guard.tenancy import TenantModel


class FeedbackValue(models.TextChoices):
    """Say whether a hypothesis helped."""

    UP = "up"
    DOWN = "down"


class Reason(models.TextChoices):
    """Say why a hypothesis was turned down."""

    WRONG_CAUSE = "wrong cause"
    WRONG_SERVICE = "wrong service"
    OLD_NEWS = "already known"
    NOT_ENOUGH = "not enough evidence"
    OTHER = "other"


class Feedback(TenantModel):
    """Be one person's verdict on one hypothesis; changeable, and withdrawn by deleting it."""

    hypothesis = models.ForeignKey("copilot.Hypothesis", on_delete=models.CASCADE, related_name="feedback")
    person = models.CharField(max_length=200, help_text="Slack user id, or login.")
    person_name = models.CharField(max_length=200, blank=True)
    value = models.CharField(max_length=4, choices=FeedbackValue)
    reason = models.CharField(max_length=30, choices=Reason, blank=True)
    words = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        """Keep one verdict a person and hypothesis."""

        constraints = (models.UniqueConstraint(fields=("tenant", "hypothesis", "person"), name="feedback_once"),)
        verbose_name_plural = "feedback"

    def __str__(self) -> str:
        return f"{self.value} by {self.person_name or self.person}"


class Confirmation(TenantModel):
    """Be the cause that people settled on for an incident: a hypothesis, or something else in words. Changeable."""

    incident = models.OneToOneField("copilot.Incident", on_delete=models.CASCADE, related_name="confirmation")
    hypothesis = models.ForeignKey(
        "copilot.Hypothesis", on_delete=models.CASCADE, null=True, blank=True, related_name="confirmations"
    )
    words = models.TextField(blank=True)
    person = models.CharField(max_length=200)
    person_name = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"confirmed by {self.person_name or self.person}"
