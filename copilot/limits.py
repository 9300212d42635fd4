"""What a tenant may use: its own limits or the deployment's, how much of them is used, and a record of each one reached."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import TYPE_CHECKING, Any, TypeVar

from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import timezone

from copilot import observe
from copilot.config import config
from copilot.guard.tenancy import ScopeError, current_tenant, tenant_scope
from copilot.models import AuditEntry, Limit, LimitReached, LimitUse, Tenant

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

log = observe.logger(__name__)
Number = TypeVar("Number", int, float)
MEGABYTE = 1_000_000
# How long a window of each counted limit is; windows begin on the clock, in UTC. The other limits are summed elsewhere.
WINDOWS = {
    Limit.RUNS: timedelta(hours=1),
    Limit.WEBHOOKS: timedelta(minutes=1),
    Limit.TOOLS: timedelta(days=1),
    Limit.TOOL_SECONDS: timedelta(days=1),
}
# What is counted in smaller parts than it is set in, as counts are whole.
PARTS = {Limit.TOOL_SECONDS: 1000}


@dataclass(frozen=True, slots=True)
class Limits:
    """Hold what one tenant may use; 0 is no limit, but for the dollars, where it is no model.

    `dollars_per_day` bounds all calls of the model by UTC day; `runs_per_hour` and `webhooks_per_minute` count by the clock;
    `evidence_megabytes` is what one run may read of all its sources together; `tool_calls_per_day` is about how many requests tools
    may make, `tool_seconds_per_day` how long they may take; `calls_per_run` and `seconds_per_run` bound what one run asks its sources,
    `dollars_per_incident` what the model costs in the runs of one incident; the days are how long rows are kept.
    """

    dollars_per_day: float
    runs_per_hour: int
    webhooks_per_minute: int
    evidence_megabytes: int
    tool_calls_per_day: int
    tool_seconds_per_day: int
    calls_per_run: int
    seconds_per_run: float
    dollars_per_incident: float
    keep_days: int
    keep_raw_days: int

    @property
    def evidence_bytes(self) -> int:
        """Return what one run may read, in bytes; 0 is no limit."""
        return self.evidence_megabytes * MEGABYTE


NAMES = tuple(one.name for one in fields(Limits))


class NotALimit(ValueError):
    """Say which limit cannot be set so, and why."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name}: {why}")
        self.name = name
        self.why = why


def limits_of(tenant: Tenant) -> Limits:
    """Return a tenant's limits: its own where it has one, else the deployment's."""
    settings = config()
    return Limits(
        dollars_per_day=_first(tenant.dollars_per_day, settings.model_dollars_per_day),
        runs_per_hour=_first(tenant.runs_per_hour, settings.runs_per_hour),
        webhooks_per_minute=_first(tenant.webhooks_per_minute, settings.webhooks_per_minute),
        evidence_megabytes=_first(tenant.evidence_megabytes, settings.evidence_megabytes),
        tool_calls_per_day=_first(tenant.tool_calls_per_day, settings.tool_calls_per_day),
        tool_seconds_per_day=_first(tenant.tool_seconds_per_day, settings.tool_seconds_per_day),
        calls_per_run=_first(tenant.calls_per_run, settings.calls_per_run),
        # Never longer than the deployment says: its leases and deadlines are made for that.
        seconds_per_run=min(_first(tenant.seconds_per_run, settings.gather_seconds), settings.gather_seconds),
        dollars_per_incident=_first(tenant.dollars_per_incident, settings.model_dollars_per_incident),
        keep_days=_first(tenant.keep_days, settings.keep_days),
        keep_raw_days=_first(tenant.keep_raw_days, settings.keep_raw_days),
    )


def change(tenant: Tenant, values: Mapping[str, float | None], *, actor: str) -> None:
    """Give a tenant limits of its own, by their names; None is the deployment's again. Written into the audit log.

    :raises NotALimit: where a name or a number is none; nothing is changed then.
    """
    for name, value in values.items():
        if name not in NAMES:
            raise NotALimit(name, f"there is no such limit; there are {', '.join(NAMES)}")
        if value is not None and not isfinite(value):
            raise NotALimit(name, "it must be a number that ends")
        setattr(tenant, name, value)
    try:
        tenant.full_clean()
    except ValidationError as error:
        field, said = next(iter(error.message_dict.items()))
        raise NotALimit(field, " ".join(said)) from None
    with tenant_scope(tenant.pk):
        tenant.save(update_fields=list(values))
        AuditEntry.objects.create(actor=actor, action="set limits", target=tenant.slug, detail=dict(values))


def limits_for(tenant_id: UUID) -> Limits:
    """Return the limits of the tenant with this id, read anew: a change holds from the next use on."""
    return limits_of(Tenant.objects.get(id=tenant_id))


def window_of(limit: Limit, now: datetime | None = None) -> datetime:
    """Return when the present window of a counted limit began."""
    length = WINDOWS[limit].total_seconds()
    at = (now or timezone.now()).timestamp()
    return datetime.fromtimestamp(at - at % length, tz=UTC)


def count(limit: Limit, *, subject: str = "", amount: int = 1) -> int:
    """Add to what is used in the present window and return the sum; counted once the open transaction is committed.

    :raises ScopeError: outside of a tenant's scope.
    """
    tenant_id = current_tenant()
    if tenant_id is None:
        raise ScopeError("a limit is counted outside of any tenant's scope")
    table = LimitUse._meta.db_table  # noqa: SLF001 - Django's documented way to a table's name
    with connection.cursor() as cursor:
        cursor.execute(
            f'INSERT INTO {table} AS known (tenant_id, "limit", subject, "window", used) VALUES (%s, %s, %s, %s, greatest(0, %s))'  # noqa: S608 - the table's own name
            ' ON CONFLICT (tenant_id, "limit", subject) DO UPDATE SET "window" = excluded."window",'
            ' used = greatest(0, %s + CASE WHEN known."window" = excluded."window" THEN known.used ELSE 0 END) RETURNING used',
            [tenant_id, limit.value, subject, window_of(limit), amount, amount],
        )
        (used,) = cursor.fetchone()
    return int(used)


def used(limit: Limit, *, subject: str = "") -> int:
    """Return how much of a counted limit is used in its present window; runs inside the tenant's scope."""
    row = LimitUse.objects.filter(limit=limit, subject=subject, window=window_of(limit)).first()
    return row.used if row else 0


def subjects(limit: Limit) -> int:
    """Return how many subjects share a counted limit in its present window; runs inside the tenant's scope."""
    return LimitUse.objects.filter(limit=limit, window=window_of(limit)).exclude(subject="").count()


def reached(limit: Limit, detail: str) -> None:
    """Record that the tenant of the open scope came to the end of a limit, and what is done instead.

    The first time a day is written into the audit log; each is counted, for the admin and for Prometheus.

    :raises ScopeError: outside of a tenant's scope.
    """
    tenant_id = current_tenant()
    if tenant_id is None:
        raise ScopeError("a limit is reached outside of any tenant's scope")
    table = LimitReached._meta.db_table  # noqa: SLF001 - as above
    with connection.cursor() as cursor:
        cursor.execute(
            f'INSERT INTO {table} AS known (tenant_id, "limit", day, detail) VALUES (%s, %s, %s, %s)'  # noqa: S608 - as above
            ' ON CONFLICT (tenant_id, "limit", day) DO UPDATE SET times = known.times + 1, last_at = now(),'
            " detail = excluded.detail RETURNING times",
            [tenant_id, limit.value, datetime.now(UTC).date(), detail[:500]],
        )
        (times,) = cursor.fetchone()
    observe.limits_reached.labels(limit.value).inc()
    if times == 1:
        log.warning("a tenant reached a limit", tenant=str(tenant_id), limit=limit.value, detail=detail)
        AuditEntry.objects.create(
            actor="copilot", action="limit reached", target=limit.label, detail={"why": detail[:500]}
        )


def said_by(plan: Mapping[str, Any], gathered: Mapping[str, Any]) -> tuple[str, ...]:
    """Return which limits a run came to, in sentences, from its plan and what its gathering gave."""
    # Plans and results from before there were limits say nothing of them.
    return (*plan.get("limited", ()), *gathered.get("limited", ()))


def _first(own: Number | None, otherwise: Number) -> Number:
    return otherwise if own is None else own
