"""The inbox: webhooks as they came, and the events that were read from them."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models.functions import Now

from copilot.guard.tenancy import TenantModel

if TYPE_CHECKING:
    from datetime import datetime


class Delivery(TenantModel):
    """Be one accepted webhook; `handled_at` stays empty until its events are in. The row is the outbox, too."""

    aged_by = "received_at"
    is_raw = True

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    connection = models.ForeignKey("copilot.Connection", on_delete=models.CASCADE, related_name="deliveries")
    external_id = models.CharField(max_length=200)
    headers = models.JSONField(default=dict)
    body = models.BinaryField()
    received_at = models.DateTimeField(db_default=Now())
    handled_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    not_before = models.DateTimeField(db_default=Now())
    error = models.TextField(blank=True, default="", db_default="")

    class Meta:
        """Keep a retried delivery once; find what is not yet handled quickly."""

        constraints = (models.UniqueConstraint(fields=("tenant", "connection", "external_id"), name="delivery_once"),)
        indexes = (
            models.Index(
                fields=("tenant", "not_before"), name="delivery_open", condition=models.Q(handled_at__isnull=True)
            ),
        )
        verbose_name_plural = "deliveries"

    @classmethod
    def forgettable(cls, before: datetime) -> models.QuerySet[Self]:
        """Return old deliveries whose events are in."""
        return super().forgettable(before).filter(handled_at__isnull=False)

    def __str__(self) -> str:
        return f"delivery {self.external_id}"


class EventRecord(TenantModel):
    """Be one event in its canonical envelope, tied to the incident or change that it moved."""

    aged_by = "created_at"

    delivery = models.ForeignKey(Delivery, on_delete=models.SET_NULL, null=True, related_name="events")
    incident = models.ForeignKey(
        "copilot.Incident", on_delete=models.SET_NULL, null=True, blank=True, related_name="events"
    )
    source = models.CharField(max_length=40)
    kind = models.CharField(max_length=10)
    event_type = models.CharField(max_length=80)
    action = models.CharField(max_length=20, blank=True)
    dedupe_key = models.CharField(max_length=300)
    started_at = models.DateTimeField()
    occurred_at = models.DateTimeField()
    actor = models.CharField(max_length=200, blank=True)
    envelope = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        """Keep an event once, however many deliveries carry it."""

        db_table = "copilot_event"
        ordering = ("occurred_at", "id")
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "source", "dedupe_key", "event_type", "started_at", "occurred_at"), name="event_once"
            ),
        )
        indexes = (models.Index(fields=("tenant", "source", "dedupe_key"), name="event_key"),)

    def __str__(self) -> str:
        return f"{self.event_type} of {self.source}"
