"""The tools of connected sources: every look of an integration, and its collector, which asks what an investigation would ask."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from copilot import connections, observe
from copilot.config import config
from copilot.guard.http import HttpDoor
from copilot.guard.http.errors import recognised
from copilot.models import Connection
from copilot.relay import asking
from copilot.tools.tool import Looked, Tool
from integrations import registry
from integrations.base import Rejected, SourceError
from integrations.questions import in_scope
from scoring.observations import Entity, EntityKind, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from uuid import UUID

    from copilot.tools.tool import Reach
    from integrations.base import Door, Integration, Look, Seen

Answer = TypeVar("Answer")
log = observe.logger(__name__)
LOOK_SECONDS = 12.0
COLLECT_SECONDS = 20.0
COLLECTED = 25
COLLECTS_PER_MINUTE = 6


class Collect(BaseModel):
    """Ask a source for everything that an investigation would ask about one service."""

    model_config = ConfigDict(extra="forbid")

    service: str = Field(max_length=120, description="One of the services that are set up.")
    minutes_ago: int = Field(
        default=10, ge=1, le=240, description="When the trouble began; compared with the hour before."
    )


def tools(tenant_id: UUID) -> Iterator[Tool]:
    """Yield the tools of a tenant's enabled connections."""
    del tenant_id
    names: set[str] = set()
    for connection in Connection.objects.filter(is_enabled=True).order_by("kind", "name"):
        known = registry.integrations().get(connection.kind)
        if known is None:
            continue
        for tool in _of(known, connection):
            # A second connection of a kind is told from the first by its own name.
            name = tool.name if tool.name not in names else f"{tool.name}_{connection.pk.hex[:6]}"
            names.add(name)
            yield replace(tool, name=name)


def _of(known: Integration, connection: Connection) -> Iterator[Tool]:
    # Without a token, some sources only send.
    places = connections.places(connection)
    for one in known.looks if "conversations" in places else ():
        yield Tool(
            name=f"{connection.kind}_{one.name}",
            title=known.title,
            description=f"{known.title} ({connection.name}): {one.description}",
            arguments=one.arguments,
            category=one.category or known.category,
            cost=one.cost,
            per_minute=one.per_minute,
            connection=connection,
            run=partial(_look, known, connection, one),
        )
    if "evidence" in places:
        yield Tool(
            name=f"{connection.kind}_collect",
            title=known.title,
            description=(
                f"{known.title} ({connection.name}): ask all that an investigation would ask about one service, and list what stands"
                f" out, at most {COLLECTED} things. Dearer than the other tools."
            ),
            arguments=Collect,
            category=known.category,
            cost=known.gather_cost,
            per_minute=COLLECTS_PER_MINUTE,
            connection=connection,
            run=partial(_collect, known, connection),
        )


def _look(known: Integration, connection: Connection, one: Look, reach: Reach, asked: Any) -> Looked:
    def ask(door: HttpDoor) -> Seen:
        way = asking.via(connection)
        if way is not None:
            given = asked.model_dump(mode="json")
            return asking.look(way, one.name, given, reach.bounds, reach.window, seconds=door.remaining())
        return known.look(door, connections.credentials_of(connection), reach.bounds, reach.window, asked)

    seen = _answered(known, reach, LOOK_SECONDS, ask)
    return Looked(query=seen.query, rows=seen.rows, origin=known.title, link=seen.link, note=seen.note)


def _collect(known: Integration, connection: Connection, reach: Reach, asked: Collect) -> Looked:
    # Imported when used: a process that only lists tools needs no numpy.
    from scoring.detect import detect

    service = in_scope(reach.bounds, asked.service)
    others = tuple(one for one in reach.bounds.services if one.name != service.name)
    bounds = replace(reach.bounds, service=service, neighbours=others[:20])
    alert = reach.window.end - 60 * asked.minutes_ago
    window = Window(start=alert - 3600, end=reach.window.end, alert_at=alert)

    def ask(door: Door) -> list[Any]:
        way = asking.via(connection)
        if way is None:
            return list(known.gather(door, connections.credentials_of(connection), bounds, window))
        found, failure = asking.gather(way, bounds, window, seconds=door.remaining())
        if failure is not None and not found:
            raise failure
        return found

    observations = _answered(known, reach, COLLECT_SECONDS, ask)
    subject = Entity(EntityKind.SERVICE, service.name, service.namespace, service.name)
    detection = detect(observations, window, subject=subject)
    rows = tuple(
        {
            "statement": one.statement,
            "about": one.entity.key,
            "kind": one.kind.value,
            "severity": round(one.severity, 2),
            "speaks": one.direction.value,
            "query": one.query[:300],
        }
        for one in detection.evidence[:COLLECTED]
    )
    gaps = "; ".join(f"{gap.question}: {gap.reason}" for gap in detection.gaps[:5])
    left = len(detection.evidence) - len(rows)
    note = "; ".join(
        filter(None, (f"{left} more were left out" if left > 0 else "", f"not seen: {gaps}" if gaps else ""))
    )
    return Looked(
        query=f"all of {known.title} about {service.name} since {asked.minutes_ago} minutes, against the hour before",
        rows=rows,
        origin=known.title,
        note=note or ("" if rows else "nothing stands out"),
    )


def _answered(known: Integration, reach: Reach, seconds: float, ask: Callable[[HttpDoor], Answer]) -> Answer:
    """Return what a source answers through a door of its own.

    :raises SourceError: where it does not; whatever went wrong has a reason in words.
    """
    settings = config()
    door = HttpDoor(
        deadline_seconds=max(0.1, min(seconds, reach.deadline.remaining())),
        max_bytes=settings.max_source_bytes,
        allowed_private=settings.allowed_private_networks,
    )
    try:
        return ask(door)
    except SourceError:
        raise
    except Exception as error:
        known_error = recognised(error)
        if known_error is None:
            log.exception("a tool failed unexpectedly", source=known.slug)
            raise Rejected(f"answered something unexpected ({type(error).__name__})", retryable=False) from error
        raise known_error from error
