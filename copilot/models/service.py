"""Services: what is paged about, and where its data is found."""

from __future__ import annotations

import re
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Now

from copilot.guard.tenancy import TenantModel
from integrations.base import ServiceScope
from integrations.matchers import are_matchers
from scoring.observations import Entity, EntityKind

# A channel's name as Slack allows it (of any script, without capitals and blanks), its id, or none.
CHANNEL = r"^(#?[^\sA-Z#@<>,.\x00]{1,80}|[CGD][A-Z0-9]{2,20})?$"
MOST_PATHS = 50


def are_paths(value: Any) -> None:
    """Return where these are folders of a repository.

    :raises ValidationError: where they are not; the text names the first that is none.
    """
    if not isinstance(value, list) or len(value) > MOST_PATHS:
        raise ValidationError(f"At most {MOST_PATHS} folders, one a line.")
    for one in value:
        parts = one.strip("/").split("/") if isinstance(one, str) else []
        if not parts or not all(parts) or {".", ".."} & set(parts) or len(one) > 300 or "*" in one or "\x00" in one:
            raise ValidationError(f"{one!r} is no folder of a repository: write it as services/checkout")


class ServiceKind(models.TextChoices):
    """Say what sort of thing a node of the topology is; the words are those of scoring's entities."""

    SERVICE = "service", "service"
    DATABASE = "database", "database"
    QUEUE = "queue", "queue"
    EXTERNAL = "external", "outside"


class Service(TenantModel):
    """Be one service of a tenant, with what each source needs to find it; a node of the topology.

    A service that a source has found, and that nobody has set up, names that source as its `origin`.
    """

    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=10, choices=ServiceKind, default=ServiceKind.SERVICE, db_default="service")
    pagerduty_id = models.CharField("PagerDuty service id", max_length=40, blank=True)
    namespace = models.CharField("Kubernetes namespace", max_length=63, blank=True)
    workload = models.CharField("Kubernetes workload", max_length=253, blank=True)
    selector = models.CharField(
        "Prometheus selector", max_length=500, blank=True, help_text='e.g. job="checkout", cluster="eu"'
    )
    channel = models.CharField("Slack channel", max_length=100, blank=True)
    repository = models.CharField(max_length=200, blank=True, help_text="owner/name")
    paths = models.JSONField(
        default=list,
        db_default=[],
        blank=True,
        validators=[are_paths],
        help_text="Folders of the repository that hold this service's own code, e.g. services/checkout.",
    )
    owners = models.JSONField(default=list, blank=True, help_text="Slack user ids or e-mail addresses.")
    depends_on = models.ManyToManyField(
        "self", through="ServiceDependency", symmetrical=False, related_name="callers", blank=True
    )
    entrance = models.CharField(
        "users come in",
        max_length=60,
        blank=True,
        db_default="",
        help_text="Who says that users meet it first hand; empty: nobody.",
    )
    origin = models.CharField(
        "found by",
        max_length=60,
        blank=True,
        db_default="",
        help_text="The source that found it; empty where people set it up.",
    )
    seen_at = models.DateTimeField("last seen", null=True, blank=True, help_text="When a source last saw it.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        """Name services apart, and let one PagerDuty service be one service."""

        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=("tenant", "name"), name="service_name"),
            models.UniqueConstraint(
                fields=("tenant", "pagerduty_id"), name="service_pagerduty_id", condition=~models.Q(pagerduty_id="")
            ),
        )

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse what no source could be asked with, and what names no channel; nobody would see before an incident.

        :raises ValidationError: by field.
        """
        wrong = {}
        if self.selector and not are_matchers(self.selector):
            wrong["selector"] = f'label matchers are expected, e.g. job="checkout", cluster="eu", not {self.selector!r}'
        if not re.fullmatch(CHANNEL, self.channel):
            wrong["channel"] = (
                f"a Slack channel is expected, e.g. #incidents (small letters, no blanks), not {self.channel!r}"
            )
        if wrong:
            raise ValidationError(wrong)

    @property
    def entity(self) -> Entity:
        """Return the service in scoring's words."""
        if self.kind == ServiceKind.SERVICE:
            return Entity(EntityKind.SERVICE, self.name, self.namespace, self.name)
        return Entity(EntityKind(self.kind), self.name, self.namespace)

    @property
    def scope(self) -> ServiceScope:
        """Return the service in the integrations' words."""
        return ServiceScope(
            name=self.name,
            namespace=self.namespace,
            workload=self.workload,
            selector=self.selector,
            repository=self.repository,
            pagerduty_id=self.pagerduty_id,
            paths=tuple(self.paths),
        )


class ServiceDependency(TenantModel):
    """Say that `caller` needs `callee`, who said so, and when: an arrow of the topology as one source sees it.

    `source` is `declared` (people, one by one), `file` (a topology file), or where a source has seen it, e.g. `jaeger` or
    `kubernetes environment`; its first word is the integration's slug then.
    """

    caller = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="dependencies")
    callee = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="dependents")
    source = models.CharField(max_length=60, default="declared")
    detail = models.CharField(max_length=300, blank=True, db_default="", help_text="Where it was seen, in words.")
    first_seen_at = models.DateTimeField(db_default=Now())
    last_seen_at = models.DateTimeField(db_default=Now())

    class Meta:
        """Keep each source's arrow once."""

        constraints = (
            models.UniqueConstraint(fields=("tenant", "caller", "callee", "source"), name="service_dependency_seen"),
        )
        verbose_name_plural = "service dependencies"

    def __str__(self) -> str:
        return f"{self.caller_id} needs {self.callee_id}"


class TopologySurvey(TenantModel):
    """Say when a connection was last asked who needs whom, when it last answered, and what it could not say."""

    connection = models.ForeignKey("copilot.Connection", on_delete=models.CASCADE, related_name="surveys")
    tried_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True, blank=True)
    services = models.PositiveIntegerField(default=0)
    arrows = models.PositiveIntegerField(default=0)
    detail = models.TextField(blank=True, help_text="What could not be seen, and why.")

    class Meta:
        """Keep one row for each connection."""

        ordering = ("-tried_at",)
        constraints = (models.UniqueConstraint(fields=("tenant", "connection"), name="topology_survey_once"),)

    def __str__(self) -> str:
        return f"survey of {self.connection_id}"
