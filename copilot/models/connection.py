"""Connections to vendors, with sealed credentials, and the keys in webhook addresses."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models

from copilot.guard import vault
from copilot.guard.tenancy import TenantModel


class ConnectionHealth(models.TextChoices):
    """Say how the last attempt to use a connection went; it waits where it only receives and nothing came yet."""

    UNKNOWN = "unknown"
    WORKS = "works"
    FAILING = "failing"
    WAITING = "waiting"


class Connection(TenantModel):
    """Be one vendor account or server of a tenant. `sealed` opens only through `vault`, at the call."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=40, help_text="The integration's slug, or `slack`.")
    name = models.CharField(max_length=80, default="default")
    sealed = models.BinaryField()
    agent = models.ForeignKey(
        "copilot.Agent",
        on_delete=models.RESTRICT,
        null=True,
        blank=True,
        related_name="connections",
        help_text="Asked through this agent, which holds the credentials itself; nothing is sealed here then.",
    )
    is_enabled = models.BooleanField(default=True)
    health = models.CharField(max_length=10, choices=ConnectionHealth, default=ConnectionHealth.UNKNOWN)
    health_detail = models.TextField(blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    failing_since = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        """Name connections of one kind apart."""

        ordering = ("kind", "name")
        constraints = (models.UniqueConstraint(fields=("tenant", "kind", "name"), name="connection_name"),)

    def __str__(self) -> str:
        return self.kind if self.name == "default" else f"{self.kind} ({self.name})"

    def __repr__(self) -> str:
        return f"<Connection {self.kind}/{self.name} {self.id}>"

    def seal(self, credentials: dict[str, Any]) -> None:
        """Set the credentials, sealed for this connection's tenant; the row is not saved."""
        self.sealed = vault.seal(self.tenant_id, credentials)


class Endpoint(models.Model):
    """Lead from the key in a webhook address to its connection.

    Not under row security, as the tenant is not known before the look-up, and therefore thin: a keyed hash and ids. The key
    itself is sealed in the connection's credentials under `endpoint_key`.
    """

    key_hash = models.BinaryField(unique=True, max_length=32)
    tenant = models.ForeignKey("copilot.Tenant", on_delete=models.CASCADE, related_name="+")
    connection_id = models.UUIDField()
    kind = models.CharField(max_length=40)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        """Let each connection have one address."""

        constraints = (models.UniqueConstraint(fields=("tenant", "connection_id"), name="endpoint_connection"),)

    def __str__(self) -> str:
        return f"{self.kind} endpoint of {self.tenant_id}"
