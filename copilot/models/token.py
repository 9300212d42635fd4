"""Tokens with which programs speak to the REST API, and the answers that are kept for requests that come twice."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.db import models
from django.db.models.functions import Now

from copilot.guard.tenancy import TenantModel
from copilot.models.tenant import Role

if TYPE_CHECKING:
    from collections.abc import Mapping


class Scope(models.TextChoices):
    """Say what a token may be used for; each needs a role, and what a token's role may not do it cannot be given."""

    INCIDENTS_READ = "incidents:read"
    INVESTIGATIONS_WRITE = "investigations:write"
    FEEDBACK_WRITE = "feedback:write"
    CHANGES_READ = "changes:read"
    CHANGES_WRITE = "changes:write"
    RUNBOOKS_READ = "runbooks:read"
    RUNBOOKS_WRITE = "runbooks:write"
    TOPOLOGY_READ = "topology:read"
    TOPOLOGY_WRITE = "topology:write"
    TOOLS_USE = "tools:use"
    LIMITS_WRITE = "limits:write"

    @property
    def needs(self) -> Role:
        """Return the least role that may have this scope."""
        return _NEEDS[self]

    @property
    def is_given_by_name(self) -> bool:
        """Return whether a token has this scope only where it was asked for: a tenant's role alone does not change what it may use."""
        return self is Scope.LIMITS_WRITE


_NEEDS: Mapping[str, Role] = {
    Scope.INCIDENTS_READ: Role.VIEWER,
    Scope.INVESTIGATIONS_WRITE: Role.RESPONDER,
    Scope.FEEDBACK_WRITE: Role.RESPONDER,
    Scope.CHANGES_READ: Role.VIEWER,
    Scope.CHANGES_WRITE: Role.RESPONDER,
    Scope.RUNBOOKS_READ: Role.VIEWER,
    Scope.RUNBOOKS_WRITE: Role.ADMIN,
    Scope.TOPOLOGY_READ: Role.VIEWER,
    Scope.TOPOLOGY_WRITE: Role.ADMIN,
    # Live sources are asked, as in a conversation.
    Scope.TOOLS_USE: Role.RESPONDER,
    Scope.LIMITS_WRITE: Role.ADMIN,
}


class ApiToken(TenantModel):
    """Be one program's way in. Of the token itself only its prefix and a SHA-256 of the whole are kept.

    The secret part has 256 random bits, so that a plain hash is as good as any: nothing can be guessed from it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=16, help_text="The part that may be shown; it tells tokens apart.")
    digest = models.BinaryField(max_length=32)
    role = models.CharField(max_length=10, choices=Role, default=Role.VIEWER)
    scopes = models.JSONField(default=list)
    per_minute = models.PositiveIntegerField(default=120, help_text="Requests that it may make in a minute.")
    paced_until = models.DateTimeField(
        null=True, blank=True, help_text="When its requests so far would be through at their even pace."
    )
    created_at = models.DateTimeField(db_default=Now())
    created_by = models.CharField(max_length=200, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.CharField(max_length=200, blank=True)

    class Meta:
        """Tell tokens apart by prefix, and those in use by name, too."""

        ordering = ("name", "-created_at")
        constraints = (
            models.UniqueConstraint(fields=("tenant", "prefix"), name="api_token_prefix"),
            models.UniqueConstraint(
                fields=("tenant", "name"), name="api_token_name", condition=models.Q(revoked_at__isnull=True)
            ),
        )
        verbose_name = "API token"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class KeptAnswer(TenantModel):
    """Be the answer to a request with an Idempotency-Key: claimed before the work, filled in the work's own transaction."""

    aged_by = "created_at"
    is_raw = True

    token = models.ForeignKey(ApiToken, on_delete=models.CASCADE, related_name="kept_answers")
    key = models.CharField(max_length=255)
    request = models.BinaryField(max_length=32, help_text="SHA-256 of method, path and body.")
    claim = models.UUIDField(default=uuid.uuid4, help_text="Whose work it is; fences one that came back too late.")
    lease_until = models.DateTimeField(db_default=Now())
    status = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Empty while the work is under way.")
    headers = models.JSONField(default=dict, blank=True)
    body = models.TextField(blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        """Keep one answer a token and key."""

        constraints = (models.UniqueConstraint(fields=("tenant", "token", "key"), name="kept_answer_once"),)
        indexes = (models.Index(fields=("tenant", "created_at"), name="kept_answer_age"),)

    def __str__(self) -> str:
        return f"answer to {self.key}"
