"""Ask a tenant's sources who needs whom, one after another, and write down what they say."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.utils import timezone

from copilot import observe
from copilot.config import config
from copilot.connections import WrongValue, credentials_of
from copilot.guard import vault
from copilot.guard.http import HttpDoor
from copilot.guard.http.errors import recognised
from copilot.guard.redact import Redactor
from copilot.guard.tenancy import tenant_scope
from copilot.models import Connection, Service, ServiceKind, Tenant, TopologySurvey
from copilot.relay import asking
from copilot.topology import records
from integrations import registry
from integrations.base import Scope, SourceError
from scoring.observations import Window

if TYPE_CHECKING:
    from uuid import UUID

    from copilot.topology.records import Recorded
    from integrations.survey import Survey

log = observe.logger(__name__)

# One source's time, and that of all of a tenant's sources together: a task may take no longer.
SECONDS, ALL_SECONDS = 60.0, 240.0
# Calls are looked for so far back; a source may look at less.
LOOK_BACK = timedelta(hours=24)
# Services that tell a source where to look, those that people set up first; an agent is told of no more.
MOST_SERVICES = 64


@dataclass(frozen=True, slots=True)
class Surveyed:
    """Hold how asking one connection went: what was written down, None where nothing was, and what it could not say."""

    connection: str
    recorded: Recorded | None
    detail: str


def tenants() -> list[UUID]:
    """Return the tenants, each of which is surveyed by itself."""
    return list(Tenant.objects.order_by("id").values_list("id", flat=True))


def survey(tenant_id: UUID) -> list[Surveyed]:
    """Ask every connection of a tenant that can tell who needs whom; what fails is written down with its reason."""
    with tenant_scope(tenant_id):
        asked = [
            one
            for one in Connection.objects.filter(is_enabled=True).order_by("kind", "name")
            if (known := registry.integrations().get(one.kind)) is not None and known.surveys
        ]
        rows = [one for one in Service.objects.all() if one.kind != ServiceKind.EXTERNAL]
    rows.sort(key=lambda one: (bool(one.origin), one.name))
    scope = Scope(service=None, neighbours=tuple(one.scope for one in rows[:MOST_SERVICES]))
    until = time.monotonic() + ALL_SECONDS
    return [_survey(connection, scope, min(SECONDS, until - time.monotonic())) for connection in asked]


def _survey(connection: Connection, scope: Scope, seconds: float) -> Surveyed:
    redactor = Redactor(vault.redaction_key(connection.tenant_id))
    now = timezone.now()
    recorded = None
    try:
        told = _ask(connection, scope, seconds)
        recorded = records.record(connection.tenant_id, told, kind=connection.kind, at=now)
        detail = "; ".join(gap.told for gap in told.gaps)
        if recorded.left_out:
            left_out = f"{recorded.left_out} services were left out: their names cannot be kept, or there are too many"
            detail = "; ".join(part for part in (detail, left_out) if part)
    except SourceError as error:
        detail = error.reason
    except (vault.SealBroken, WrongValue) as error:
        detail = str(error)
    except Exception as error:
        known = recognised(error)
        detail = known.reason if known else f"answered something unexpected ({type(error).__name__})"
        if known is None:
            log.exception("a survey failed unexpectedly", source=connection.kind)
    detail = redactor.text(detail)[:1000]
    with tenant_scope(connection.tenant_id):
        values = {"tried_at": now, "detail": detail}
        if recorded is not None:
            values |= {"answered_at": now, "services": recorded.services, "arrows": recorded.arrows}
        TopologySurvey.objects.update_or_create(connection=connection, defaults=values)
    return Surveyed(str(connection), recorded, detail)


def _ask(connection: Connection, scope: Scope, seconds: float) -> Survey:
    """Return what a connection tells, asked directly or through its agent.

    :raises SourceError: where it tells nothing.
    """
    if seconds <= 0:
        raise SourceError("was not asked: the sources before it took all the time")
    end = timezone.now().timestamp()
    window = Window(start=end - LOOK_BACK.total_seconds(), end=end, alert_at=end)
    way = asking.via(connection)
    if way is not None:
        return asking.survey(way, scope, window, seconds=seconds)
    settings = config()
    door = HttpDoor(
        deadline_seconds=seconds, max_bytes=settings.max_source_bytes, allowed_private=settings.allowed_private_networks
    )
    return registry.get(connection.kind).survey(door, credentials_of(connection), scope, window)
