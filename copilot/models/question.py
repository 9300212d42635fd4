"""Questions that people ask in their own words, and the answers they got; progress lives in these rows alone."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models.functions import Now

from copilot.guard.tenancy import TenantModel
from copilot.models.feedback import FeedbackValue


class QuestionStatus(models.TextChoices):
    """Say how far a question has come; all but `waiting` end it."""

    WAITING = "waiting"
    ANSWERED = "answered"
    STOPPED = "stopped"
    FAILED = "failed"


class AnsweredBy(models.TextChoices):
    """Say who wrote an answer."""

    MODEL = "model"
    RULES = "rules"


class Question(TenantModel):
    """Be one question, answered once. It is claimed like a run: a lease, and an attempt number that fences late workers.

    `place` belongs to the face: where the answer is shown. `answer` holds its lines with what each cites, `sources` what the
    citations mean: evidence of the run, or a query that was run for this answer.
    """

    aged_by = "asked_at"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    incident = models.ForeignKey(
        "copilot.Incident", on_delete=models.CASCADE, null=True, blank=True, related_name="questions"
    )
    face = models.CharField(max_length=20)
    place = models.JSONField(default=dict)
    thread = models.CharField(max_length=120, blank=True, help_text="Questions of one thread know of each other.")
    person = models.CharField(max_length=200)
    person_name = models.CharField(max_length=200, blank=True)
    may_look = models.BooleanField(default=False, help_text="Whether the person's role lets live sources be asked.")
    text = models.TextField()
    status = models.CharField(max_length=10, choices=QuestionStatus, default=QuestionStatus.WAITING)
    stop_wanted_at = models.DateTimeField(null=True, blank=True)
    attempt = models.PositiveIntegerField(default=0, db_default=0)
    lease_until = models.DateTimeField(db_default=Now())
    answered_by = models.CharField(max_length=6, choices=AnsweredBy, blank=True)
    note = models.TextField(blank=True, help_text="Why the model did not answer, or what cut its answer short.")
    answer = models.JSONField(default=list, blank=True)
    sources = models.JSONField(default=list, blank=True)
    error = models.TextField(blank=True)
    asked_at = models.DateTimeField(db_default=Now())
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        """Find what waits, and a thread's earlier questions, quickly."""

        ordering = ("-asked_at",)
        indexes = (
            models.Index(
                fields=("tenant", "lease_until"), name="question_waiting", condition=models.Q(status="waiting")
            ),
            models.Index(fields=("tenant", "thread", "asked_at"), name="question_thread"),
        )

    def __str__(self) -> str:
        return self.text[:80]


class AnswerFeedback(TenantModel):
    """Be one person's word on one answer; changeable, and withdrawn by deleting it."""

    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="feedback")
    person = models.CharField(max_length=200)
    person_name = models.CharField(max_length=200, blank=True)
    value = models.CharField(max_length=4, choices=FeedbackValue)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        """Keep one word a person and answer."""

        constraints = (models.UniqueConstraint(fields=("tenant", "question", "person"), name="answer_feedback_once"),)
        verbose_name_plural = "answer feedback"

    def __str__(self) -> str:
        return f"{self.value} by {self.person_name or self.person}"
