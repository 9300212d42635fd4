"""Tenants and the people in them."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models

from copilot.guard.tenancy import TenantModel


class Role(models.TextChoices):
    """Say what a person may do: see, answer and give verdicts, set up, or own the tenant."""

    VIEWER = "viewer"
    RESPONDER = "responder"
    ADMIN = "admin"
    OWNER = "owner"

    @property
    def rank(self) -> int:
        """Return the role's place, the least first, so that roles compare by `rank`."""
        return list(Role).index(self)

    def may(self, needed: Role) -> bool:
        """Return whether this role includes what `needed` may do."""
        return self.rank >= needed.rank


class Tenant(models.Model):
    """Be one customer. Not under row security, and therefore thin: nothing here is secret."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.CharField(
        max_length=40,
        unique=True,
        validators=[RegexValidator(r"^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$", "use lower-case letters, digits and hyphens")],
    )
    name = models.CharField(max_length=120, blank=True)
    default_role = models.CharField(
        max_length=10,
        choices=Role,
        default=Role.RESPONDER,
        help_text="Role of people in the Slack workspace who have no membership.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        """Order by slug."""

        ordering = ("slug",)

    def __str__(self) -> str:
        return self.name or self.slug


class Membership(TenantModel):
    """Give a person a role in a tenant, known by login (the admin), by Slack user id, or by both."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="memberships"
    )
    slack_user_id = models.CharField(max_length=32, blank=True)
    email = models.EmailField(blank=True)
    role = models.CharField(max_length=10, choices=Role, default=Role.RESPONDER)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        """Allow one membership a login and one a Slack user in each tenant."""

        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "user"), name="membership_user", condition=models.Q(user__isnull=False)
            ),
            models.UniqueConstraint(
                fields=("tenant", "slack_user_id"), name="membership_slack_user", condition=~models.Q(slack_user_id="")
            ),
        )

    def __str__(self) -> str:
        return f"{self.email or self.slack_user_id or self.user_id} as {self.role}"
