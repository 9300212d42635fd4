"""Agents in customers' clusters, the tokens that they sign in with, and what they are asked; progress lives in these rows."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models.functions import Now

from copilot.guard.tenancy import TenantModel


class Agent(TenantModel):
    """Be one agent of a tenant. What it last said of itself is kept here: version, process, and the sources that it reaches."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=60)
    version = models.CharField(max_length=40, blank=True)
    instance = models.UUIDField(null=True, blank=True, help_text="Made anew each time that the process starts.")
    sources = models.JSONField(default=list, blank=True)
    started_at = models.DateTimeField(null=True, blank=True, help_text="When this process was first seen.")
    last_seen_at = models.DateTimeField(null=True, blank=True)
    token_id = models.UUIDField(null=True, blank=True, help_text="The token that it was last seen with.")
    refused_at = models.DateTimeField(null=True, blank=True, help_text="When a stale token of it was last refused.")
    refused_reason = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        """Name a tenant's agents apart."""

        ordering = ("name",)
        constraints = (models.UniqueConstraint(fields=("tenant", "name"), name="agent_name"),)

    def __str__(self) -> str:
        return self.name


class AgentToken(models.Model):
    """Lead from a token to its agent.

    Not under row security, as the tenant is not known before the look-up, and therefore thin: a hash and ids. The token is 256
    random bits, so that a plain hash is enough, and one that does not change with the master keys. A revoked one stays, so that
    who still uses it is told from a stranger.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    token_hash = models.BinaryField(unique=True, max_length=32)
    label = models.CharField(
        max_length=12, help_text="The part of the token that tells it from others, and opens nothing."
    )
    tenant = models.ForeignKey("copilot.Tenant", on_delete=models.CASCADE, related_name="+")
    agent_id = models.UUIDField(db_index=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"token {self.label}"

    def __repr__(self) -> str:
        return f"<AgentToken {self.label} of {self.agent_id}>"


class AgentRequestState(models.TextChoices):
    """Say how far a request has come; all but `waiting` and `taken` end it."""

    WAITING = "waiting"
    TAKEN = "taken"
    ANSWERED = "answered"
    FAILED = "failed"
    EXPIRED = "expired"


class AgentRequest(TenantModel):
    """Be one typed, read-only question to an agent. It is taken like a run: a lease, and an attempt number as fence.

    `answer` holds the redacted answer, sealed with the tenant's key, until whoever asked has read it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="requests")
    connection = models.ForeignKey("copilot.Connection", on_delete=models.SET_NULL, null=True, related_name="+")
    request = models.JSONField()
    state = models.CharField(max_length=10, choices=AgentRequestState, default=AgentRequestState.WAITING)
    attempt = models.PositiveSmallIntegerField(default=0)
    instance = models.UUIDField(null=True, blank=True, help_text="The process that took it.")
    deadline = models.DateTimeField()
    lease_until = models.DateTimeField(db_default=Now())
    max_bytes = models.PositiveIntegerField()
    answer = models.BinaryField(null=True, blank=True)
    answer_bytes = models.PositiveIntegerField(default=0)
    reason = models.TextField(blank=True, help_text="Why there is no answer, or not all of it.")
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        """Find what an agent still has to do quickly."""

        ordering = ("-created_at",)
        indexes = (
            models.Index(
                fields=("tenant", "agent", "created_at"),
                name="agent_request_open",
                condition=models.Q(state__in=("waiting", "taken")),
            ),
            models.Index(fields=("tenant", "created_at"), name="agent_request_age"),
        )

    def __str__(self) -> str:
        return f"{self.kind}: {self.state}"

    @property
    def kind(self) -> str:
        """Return what was asked: gather, look or check."""
        return str(self.request.get("do", "")) if isinstance(self.request, dict) else ""
