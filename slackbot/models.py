"""The Slack face's own tables: workspaces, installations, what was posted where, and requests already seen."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models.functions import Now

from copilot.guard.tenancy import TenantModel


class SlackWorkspace(models.Model):
    """Lead from a Slack team to its tenant and connection.

    Not under row security, as the tenant is not known before the look-up, and therefore thin: ids alone.
    """

    enterprise_id = models.CharField(max_length=32, blank=True)
    team_id = models.CharField(max_length=32, blank=True)
    tenant = models.ForeignKey("copilot.Tenant", on_delete=models.CASCADE, related_name="+")
    connection_id = models.UUIDField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        """Let each Slack team belong to one tenant."""

        constraints = (models.UniqueConstraint(fields=("enterprise_id", "team_id"), name="slack_workspace_team"),)

    def __str__(self) -> str:
        return self.team_id or self.enterprise_id


class GrantKind(models.TextChoices):
    """Say what a grant lets somebody do: begin an installation, end the one that this browser began, or fill in a form."""

    LINK = "link"
    STATE = "state"
    FORM = "form"


class SlackGrant(models.Model):
    """Be the permission to install the app for a tenant, or to connect one source to it by a form, for a short time.

    Not under row security, as the tenant is not known before the look-up, and therefore thin: a hash, ids and a name.
    """

    token_hash = models.CharField(max_length=64, unique=True)
    kind = models.CharField(max_length=5, choices=GrantKind)
    tenant = models.ForeignKey("copilot.Tenant", on_delete=models.CASCADE, related_name="+")
    actor = models.CharField(max_length=200)
    expires_at = models.DateTimeField()
    # Of a form alone: for what, for whom of which workspace, where they asked for it, and when it was used.
    subject = models.CharField(max_length=60, blank=True, default="", db_default="")
    connection_id = models.UUIDField(null=True, blank=True)
    person = models.CharField(max_length=32, blank=True, default="", db_default="")
    channel = models.CharField(max_length=32, blank=True, default="", db_default="")
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.kind


class InstallationStatus(models.TextChoices):
    """Say whether Slack still lets us in."""

    ACTIVE = "active"
    REVOKED = "revoked"
    UNINSTALLED = "uninstalled"


class SlackInstallation(TenantModel):
    """Be the app as it is installed in one workspace; token and secrets are sealed in the connection."""

    connection = models.OneToOneField("copilot.Connection", on_delete=models.CASCADE, related_name="slack_installation")
    enterprise_id = models.CharField(max_length=32, blank=True)
    team_id = models.CharField(max_length=32, blank=True)
    team_name = models.CharField(max_length=200, blank=True)
    team_url = models.URLField(max_length=300, blank=True)
    bot_user_id = models.CharField(max_length=32)
    bot_id = models.CharField(max_length=32, blank=True)
    scopes = models.JSONField(default=list, blank=True)
    default_channel = models.CharField(max_length=100, blank=True)
    status = models.CharField(max_length=12, choices=InstallationStatus, default=InstallationStatus.ACTIVE)
    status_detail = models.TextField(blank=True)
    history = models.JSONField(default=list, blank=True, help_text="What happened to the installation, when, by whom.")
    installed_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        """Show the newest first."""

        ordering = ("-installed_at",)

    def __str__(self) -> str:
        return self.team_name or self.team_id or self.enterprise_id


class SlackPost(TenantModel):
    """Be one thing shown of an incident: the root message, or a message or file in its thread.

    The row is the intent: it is there before Slack is called, and its `id` travels in the message's metadata, so that a
    message whose `ts` was never saved is found and adopted instead of posted twice. The root row also carries the
    incident's lease: who holds it publishes, all others only raise `wanted`; a publisher is done when `shown` has caught up.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    incident = models.ForeignKey("copilot.Incident", on_delete=models.CASCADE, related_name="slack_posts")
    key = models.CharField(max_length=120)
    channel = models.CharField(max_length=100, blank=True)
    ts = models.CharField(max_length=40, blank=True, help_text="Of the message; of a file, its id.")
    digest = models.CharField(max_length=64, blank=True, help_text="Of what is shown.")
    wanted = models.BigIntegerField(default=0, db_default=0, help_text="Grows with every wish to publish.")
    shown = models.BigIntegerField(default=0, db_default=0, help_text="The wish that is fulfilled.")
    holder = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(db_default=Now())
    not_before = models.DateTimeField(db_default=Now())
    attempted_at = models.DateTimeField(
        null=True, blank=True, help_text="When posting began: a message may exist since."
    )
    posted_at = models.DateTimeField(null=True, blank=True)
    edited_at = models.DateTimeField(null=True, blank=True)
    read_at = models.DateTimeField(null=True, blank=True, help_text="When the rows were read that are shown.")
    failures = models.PositiveIntegerField(default=0, db_default=0)
    error = models.TextField(blank=True, default="", db_default="")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        """Keep each thing once an incident; find what lags behind quickly."""

        ordering = ("incident", "created_at")
        constraints = (models.UniqueConstraint(fields=("tenant", "incident", "key"), name="slack_post_once"),)
        indexes = (
            models.Index(
                fields=("tenant", "not_before"),
                name="slack_post_behind",
                condition=models.Q(key="root") & models.Q(shown__lt=models.F("wanted")),
            ),
        )

    def __str__(self) -> str:
        return f"{self.key} of {self.incident_id}"


class SlackDigest(TenantModel):
    """Be one week's digest, in the default channel: the row is there before the message, whose metadata carries its id."""

    aged_by = "week"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    week = models.DateField(help_text="The day on which it is due.")
    channel = models.CharField(max_length=100, blank=True)
    ts = models.CharField(max_length=40, blank=True)
    attempted_at = models.DateTimeField(
        null=True, blank=True, help_text="When posting began: a message may exist since."
    )
    not_before = models.DateTimeField(db_default=Now())
    failures = models.PositiveIntegerField(default=0, db_default=0)
    error = models.TextField(blank=True, default="", db_default="")

    class Meta:
        """Tell a week once."""

        ordering = ("-week",)
        constraints = (models.UniqueConstraint(fields=("tenant", "week"), name="slack_digest_week"),)

    def __str__(self) -> str:
        return f"digest of {self.week}"


class SlackReply(TenantModel):
    """Be one answer that a person is owed: a command that was acknowledged, until its answer has arrived.

    Whoever holds the lease answers; `attempt` fences those who are late. The address of the answer is sealed: whoever knows
    it may write in the channel.
    """

    aged_by = "asked_at"
    is_raw = True

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    connection = models.ForeignKey("copilot.Connection", on_delete=models.CASCADE, related_name="+")
    person = models.CharField(max_length=32)
    person_name = models.CharField(max_length=200, blank=True)
    is_guest = models.BooleanField(default=False)
    channel = models.CharField(max_length=32, blank=True)
    sealed = models.BinaryField(help_text="The address that Slack takes the answer at.")
    words = models.TextField(blank=True, help_text="What was typed after /sre.")
    asked_at = models.DateTimeField(db_default=Now())
    lease_until = models.DateTimeField(db_default=Now())
    attempt = models.PositiveIntegerField(default=0, db_default=0)
    begun_at = models.DateTimeField(
        null=True, blank=True, help_text="When an answer to a whole channel was sent: it may have arrived since."
    )

    class Meta:
        """Find what is overdue quickly; few rows live longer than a second."""

        ordering = ("asked_at",)
        indexes = (models.Index(fields=("tenant", "lease_until"), name="slack_reply_overdue"),)
        verbose_name_plural = "slack replies"

    def __str__(self) -> str:
        return f"/sre {self.words}"[:80]


class SeenRequest(TenantModel):
    """Be one request of Slack that was acted on; a second insert of the same key fails, and so the retry does nothing."""

    aged_by = "seen_at"
    is_raw = True

    key = models.CharField(max_length=200)
    seen_at = models.DateTimeField(db_default=Now())

    class Meta:
        """Keep each request once."""

        constraints = (models.UniqueConstraint(fields=("tenant", "key"), name="slack_seen_once"),)
        indexes = (models.Index(fields=("tenant", "seen_at"), name="slack_seen_age"),)

    def __str__(self) -> str:
        return self.key
