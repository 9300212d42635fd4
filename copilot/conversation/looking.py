"""What the model may look at while it answers: the tenant's sources within the incident's scope, changes, and the evidence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from copilot import connections, observe
from copilot.config import config
from copilot.guard.http import HttpDoor
from copilot.guard.http.errors import recognised
from copilot.guard.tenancy import tenant_scope
from copilot.llm.dialogue import Looked, Tool
from copilot.models import Connection, Incident
from copilot.relay import asking
from copilot.stages.changes import changes_between
from copilot.stages.neighbourhood import neighbourhood
from integrations import registry
from integrations.base import Scope, SourceError
from scoring.changes import join
from scoring.observations import Window

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from copilot.guard.http.deadline import Deadline
    from copilot.knowledge.briefing import Briefing
    from integrations.base import Integration, Look
    from scoring.observations import Change

log = observe.logger(__name__)
LOOK_SECONDS = 12.0
AFTER_RESOLVED = 600.0
MOST_CHANGES = 40


class Changes(BaseModel):
    """Ask for the changes that were reported of the incident's services."""

    model_config = ConfigDict(extra="forbid")

    hours: int = Field(default=3, ge=1, le=72, description="How long before the alert to look.")
    service: str = Field(default="", max_length=120, description="One of the services; empty for all of them.")


class Evidence(BaseModel):
    """Ask for pieces of evidence in full."""

    model_config = ConfigDict(extra="forbid")

    ids: list[str] = Field(min_length=1, max_length=8, description="Ids such as E3.")


def tools(tenant_id: UUID, briefing: Briefing, deadline: Deadline) -> tuple[Tool, ...]:
    """Return the look-ups for an incident; each reads, within the services that the incident is about, and none can write."""
    with tenant_scope(tenant_id):
        incident = Incident.objects.select_related("service").get(id=briefing.incident_id)
        around = neighbourhood(incident)
        enabled = list(Connection.objects.filter(is_enabled=True).order_by("kind", "name"))
    end = timezone.now().timestamp()
    if incident.resolved_at is not None:
        end = min(end, incident.resolved_at.timestamp() + AFTER_RESOLVED)
    window = Window(start=end - 3600, end=end, alert_at=min(incident.alert_at.timestamp(), end))
    scope = Scope(
        service=incident.service.scope if incident.service else None,
        neighbours=tuple(service.scope for service in around.neighbours),
        alert_title=incident.title,
        alert_labels={str(k): str(v) for k, v in incident.labels.items()},
        external_url=incident.url,
        dedupe_key=incident.dedupe_key,
    )
    found = [_evidence(briefing), _changes(tenant_id, incident, [*around.services])]
    names: set[str] = set()
    for connection in enabled:
        known = registry.integrations().get(connection.kind)
        for one in known.looks if known else ():
            name = f"{connection.kind}_{one.name}"
            # A second connection of a kind is told from the first by its own name.
            name = name if name not in names else f"{name}_{connection.pk.hex[:6]}"
            names.add(name)
            if known is not None:
                found.append(_source(known, connection, one, name, scope, window, deadline))
    return tuple(found)


def _source(
    integration: Integration,
    connection: Connection,
    one: Look,
    name: str,
    scope: Scope,
    window: Window,
    deadline: Deadline,
) -> Tool:
    services = ", ".join(service.name for service in scope.services[:30])
    where = f" Services: {services}." if services else ""
    return Tool(
        name=name,
        description=f"{integration.title} ({connection.name}): {one.description}{where}",
        schema=one.arguments.model_json_schema(),
        run=partial(_look, integration, connection, one, scope, window, deadline),
        title=lambda arguments: f"{integration.title}: {_said(arguments)}",
    )


def _look(
    integration: Integration,
    connection: Connection,
    one: Look,
    scope: Scope,
    window: Window,
    deadline: Deadline,
    arguments: Any,
) -> Looked:
    """Ask one source; every failure becomes words."""
    settings = config()
    try:
        asked = one.arguments.model_validate(arguments)
        door = HttpDoor(
            deadline_seconds=max(0.1, min(LOOK_SECONDS, deadline.remaining())),
            max_bytes=settings.max_source_bytes,
            allowed_private=settings.allowed_private_networks,
        )
        way = asking.via(connection)
        if way is not None:
            given = asked.model_dump(mode="json")
            seen = asking.look(way, one.name, given, scope, window, seconds=door.remaining())
        else:
            seen = integration.look(door, connections.credentials_of(connection), scope, window, asked)
    except ValidationError as wrong:
        return Looked(refused=_problems(wrong))
    except SourceError as refused:
        return Looked(refused=refused.reason)
    except Exception as error:
        known = recognised(error)
        if known is None:
            log.exception("a look-up failed unexpectedly", source=integration.slug, look=one.name)
        return Looked(refused=known.reason if known else f"answered something unexpected ({type(error).__name__})")
    return Looked(query=seen.query, rows=seen.rows, origin=integration.title, link=seen.link, note=seen.note)


def _problems(wrong: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(str(part) for part in each['loc']) or 'arguments'}: {each['msg']}"
        for each in wrong.errors(include_input=False, include_url=False, include_context=False)[:5]
    )


def _said(arguments: Any) -> str:
    """Return the arguments in few words; they are the model's, so only what a name may hold is kept."""
    values = arguments.values() if isinstance(arguments, dict) else ()
    words = [str(value) for value in values if isinstance(value, (str, int, float)) and str(value)]
    text = " ".join("".join(one for one in word if one.isalnum() or one in "_-.:/ ")[:60] for word in words[:6])
    return text.strip()[:120] or "looking"


def _evidence(briefing: Briefing) -> Tool:
    known = {one.id: one for one in briefing.evidence}

    def run(arguments: Any) -> Looked:
        try:
            asked = Evidence.model_validate(arguments)
        except ValidationError as wrong:
            return Looked(refused=_problems(wrong))
        found = [known[one] for one in asked.ids if one in known]
        if not found:
            return Looked(refused=f"there is no such evidence; there is {', '.join(list(known)[:60])}")
        rows = tuple(
            {
                "id": one.id,
                "statement": one.statement,
                "source": one.source,
                "about": one.entity.key,
                "value": one.value,
                "baseline": one.baseline,
                "unit": one.unit,
                "query": one.query,
                "samples": _samples(one.plot),
            }
            for one in found
        )
        return Looked(query=f"evidence {', '.join(one.id for one in found)}", rows=rows, origin="this incident")

    return Tool(
        name="evidence",
        description="Read pieces of this incident's evidence in full: numbers, the query that was asked, samples.",
        schema=Evidence.model_json_schema(),
        run=run,
        title=lambda _: "Reading evidence in full",
    )


def _samples(plot: Any) -> list[tuple[float, float]]:
    if plot is None:
        return []
    pairs = list(zip(plot.times, plot.values, strict=False))
    every = max(1, len(pairs) // 15)
    return [(round(at), float(f"{value:.4g}")) for at, value in pairs[::every]]


def _told_once(group: list[Change]) -> Mapping[str, Any]:
    """Return one change with all who told of it."""
    first = group[0]
    return {
        "at": datetime.fromtimestamp(first.at, tz=UTC).isoformat(timespec="seconds"),
        "about": first.entity.key,
        "kind": first.kind.value,
        "title": first.title,
        "author": next((one.author for one in group if one.author), ""),
        "version": next((one.version for one in group if one.version), ""),
        "status": next((one.status for one in reversed(group) if one.status), ""),
        "source": ", ".join(dict.fromkeys(one.source for one in group)),
    }


def _changes(tenant_id: UUID, incident: Incident, services: list[Any]) -> Tool:
    def run(arguments: Any) -> Looked:
        try:
            asked = Changes.model_validate(arguments)
        except ValidationError as wrong:
            return Looked(refused=_problems(wrong))
        chosen = [service for service in services if asked.service in {"", service.name}]
        if asked.service and not chosen:
            names = ", ".join(service.name for service in services) or "none"
            return Looked(refused=f"service {asked.service[:60]!r} is outside this incident; known are: {names}")
        since = incident.alert_at - timedelta(hours=asked.hours)
        with tenant_scope(tenant_id):
            rows = changes_between(
                since,
                timezone.now(),
                services=[service.id for service in chosen],
                names=[] if asked.service else [incident.display_service],
            )
        told: dict[str, list[Change]] = {}
        for change, key in join(rows):
            told.setdefault(key, []).append(change)
        found = tuple(_told_once(group) for group in list(told.values())[-MOST_CHANGES:])
        of = asked.service or "all services of the incident"
        return Looked(
            query=f"changes of {of} since {since:%Y-%m-%d %H:%M} UTC",
            rows=found,
            origin="reported changes",
            note="" if found else "none was reported",
        )

    return Tool(
        name="changes",
        description="List deployments, releases and other changes that were reported of the incident's services.",
        schema=Changes.model_json_schema(),
        run=run,
        title=lambda _: "Reading reported changes",
    )
