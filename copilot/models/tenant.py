"""Tenants and the people in them."""

from __future__ import annotations

import re
import uuid
from zoneinfo import available_timezones

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from rapidfuzz import fuzz, process

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


class Weekday(models.IntegerChoices):
    """Name the days of the week as `date.weekday` counts them."""

    MONDAY = 0
    TUESDAY = 1
    WEDNESDAY = 2
    THURSDAY = 3
    FRIDAY = 4
    SATURDAY = 5
    SUNDAY = 6


def is_time_zone(name: str) -> None:
    """Accept the IANA name of a time zone.

    :raises ValidationError: for anything else, with the closest name.
    """
    names = available_timezones()
    if name in names:
        return
    closest = process.extractOne(name, sorted(names), scorer=fuzz.ratio, score_cutoff=50)
    meant = f" Did you mean {closest[0]}?" if closest else ""
    raise ValidationError(f"There is no time zone {name!r}; say e.g. Europe/Berlin or UTC.{meant}")


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
    digest_day = models.SmallIntegerField(
        choices=Weekday,
        null=True,
        blank=True,
        default=Weekday.MONDAY,
        db_default=Weekday.MONDAY.value,
        help_text="On which the weekly digest is posted; without a day there is none.",
    )
    digest_hour = models.SmallIntegerField(
        default=8,
        db_default=8,
        validators=[MinValueValidator(0), MaxValueValidator(23)],
        help_text="From which hour of that day, 0 to 23, in the tenant's time zone.",
    )
    time_zone = models.CharField(
        max_length=64,
        default="UTC",
        db_default="UTC",
        validators=[is_time_zone],
        help_text="An IANA name, such as Europe/Berlin.",
    )
    keep_days = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="Incidents and what belongs to them go after so many days; 0: never; empty: as the deployment is set.",
    )
    keep_raw_days = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="Webhooks as they came go after so many days; 0: never; empty: as the deployment is set.",
    )
    dollars_per_day = models.FloatField(
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text="What the model may cost in a UTC day; 0: it is not asked; empty: as the deployment is set.",
    )
    runs_per_hour = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="Investigations above this are made by rules alone, of few sources; 0: no limit; empty: as the deployment is set.",
    )
    webhooks_per_minute = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="Webhooks above this are kept and taken in a minute later; 0: no limit; empty: as the deployment is set.",
    )
    evidence_megabytes = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="What one investigation reads of all sources together; 0: no limit; empty: as the deployment is set.",
    )
    tool_calls_per_day = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="About how many requests tools make in a UTC day, for conversations and other agents; 0: no limit; empty: as the"
        " deployment is set.",
    )
    tool_seconds_per_day = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="How long tools may take in a UTC day, all together, for conversations and other agents; 0: no limit; empty: as the"
        " deployment is set.",
    )
    calls_per_run = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="About how many requests one investigation makes of all its sources; 0: no limit; empty: as the deployment is set.",
    )
    seconds_per_run = models.FloatField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(120)],
        help_text="How long one investigation waits for its sources, 1 to 120, and never longer than the deployment is set; empty: as"
        " that.",
    )
    dollars_per_incident = models.FloatField(
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text="What the model may cost in the investigations of one incident; 0: it is not asked; empty: as the deployment is set.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        """Order by slug."""

        ordering = ("slug",)

    def __str__(self) -> str:
        return self.name or self.slug


# Slack tells of no length; the local workspace's are short (`U0BOB`), and the column holds 32.
SLACK_USER_ID = re.compile(r"[UW][A-Z0-9]{3,31}", re.ASCII)
NO_SLACK_USER_ID = (
    "{given} is no Slack user id: those are U or W, then capitals and digits, as in U024BE7LH; in Slack, open the person's"
    " profile, then ⋮ and “Copy member ID”"
)


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

    def clean(self) -> None:
        """Refuse what is no Slack user id.

        :raises ValidationError: saying what one looks like.
        """
        super().clean()
        self.slack_user_id = self.slack_user_id.strip()
        if self.slack_user_id and not SLACK_USER_ID.fullmatch(self.slack_user_id):
            raise ValidationError({"slack_user_id": NO_SLACK_USER_ID.format(given=repr(self.slack_user_id))})
