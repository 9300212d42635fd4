"""The tools of outside MCP servers: those that an admin of the tenant has named, and that their server says only read."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from copilot import connections, observe
from copilot.config import config
from copilot.guard.http import HttpDoor
from copilot.models import Connection
from copilot.relay import asking
from copilot.tools.tool import Looked, Tool
from integrations import registry
from integrations.base import Category
from integrations.mcp import DESCRIPTION, Mcp, OutsideTool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from uuid import UUID

    from copilot.agent.protocol import OfferedTool
    from copilot.tools.tool import Reach

log = observe.logger(__name__)
LIST_SECONDS = 6.0
CALL_SECONDS = 20.0
# How long a server's list is believed, and how long one that did not answer is left alone.
KEPT_SECONDS = 300.0
MISSED_SECONDS = 60.0
COST = 3
PER_MINUTE = 20
_OTHER = re.compile(r"[^A-Za-z0-9_-]+")


class Given(BaseModel):
    """Be arguments whose schema is the outside server's; it checks them itself."""

    model_config = ConfigDict(extra="allow")


class _Kept:
    """Keep what servers offer for a while, in this process: asking for each list of tools would make every answer wait."""

    def __init__(self) -> None:
        self._lists: dict[UUID, tuple[datetime, float, tuple[OutsideTool, ...]]] = {}
        self._lock = Lock()

    def get(self, connection: Connection) -> tuple[OutsideTool, ...] | None:
        with self._lock:
            changed_at, until, found = self._lists.get(connection.pk, (None, 0.0, ()))
        return found if changed_at == connection.updated_at and time.monotonic() < until else None

    def put(self, connection: Connection, found: tuple[OutsideTool, ...], seconds: float) -> None:
        with self._lock:
            if len(self._lists) > 10_000:
                self._lists.clear()
            self._lists[connection.pk] = (connection.updated_at, time.monotonic() + seconds, found)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._lists.clear()


kept = _Kept()


def tools(tenant_id: UUID) -> Iterator[Tool]:
    """Yield the tools of a tenant's outside servers; one that does not answer has none for now."""
    del tenant_id
    known = registry.get(Mcp.slug)
    for connection in Connection.objects.filter(is_enabled=True, kind=Mcp.slug).order_by("name"):
        for one in _offered(known, connection):
            yield Tool(
                name=_OTHER.sub("_", f"mcp_{connection.name}_{one.name}")[:64],
                title=f"{connection.name} (MCP)",
                description=f"From the outside MCP server {connection.name}: {one.description}",
                arguments=Given,
                schema=one.schema,
                category=Category.KNOWLEDGE,
                cost=COST,
                per_minute=PER_MINUTE,
                connection=connection,
                run=partial(_asked, known, connection, one.name),
            )


def _offered(known: Any, connection: Connection) -> tuple[OutsideTool, ...]:
    found = kept.get(connection)
    if found is not None:
        return found
    try:
        listed = _listed(known, connection)
        found, seconds = tuple(one for one in listed if not one.refusal), KEPT_SECONDS
    except Exception as error:  # noqa: BLE001 - another's server must not take our own tools away
        log.warning(
            "an outside server's tools are not known", connection=str(connection.pk), error=type(error).__name__
        )
        found, seconds = (), MISSED_SECONDS
    kept.put(connection, found, seconds)
    return found


def _listed(known: Any, connection: Connection) -> tuple[OutsideTool, ...]:
    way = asking.via(connection)
    if way is None:
        return tuple(known.listed(_door(LIST_SECONDS), connections.credentials_of(connection)))
    # A question to an agent is a row that it sees once it is committed, and whoever lists tools has a transaction open.
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="outside") as pool:
        told = pool.submit(_through, way).result()
    return tuple(OutsideTool(one.name, one.description[:DESCRIPTION], one.arguments, one.refusal) for one in told)


def _through(way: asking.Via) -> tuple[OfferedTool, ...]:
    try:
        return asking.tools(way, seconds=LIST_SECONDS)
    finally:
        asking.give_back_connection()


def _asked(known: Any, connection: Connection, name: str, reach: Reach, asked: Given) -> Looked:
    seconds, given = min(CALL_SECONDS, reach.deadline.remaining()), asked.model_dump(mode="json")
    way = asking.via(connection)
    if way is None:
        seen = known.asked(_door(seconds), connections.credentials_of(connection), name, given)
    else:
        seen = asking.tool(way, name, given, seconds=seconds)
    return Looked(
        query=seen.query, rows=seen.rows, origin=f"outside MCP server {connection.name}", link=seen.link, note=seen.note
    )


def _door(seconds: float) -> HttpDoor:
    settings = config()
    return HttpDoor(
        deadline_seconds=max(0.1, seconds),
        max_bytes=settings.max_source_bytes,
        allowed_private=settings.allowed_private_networks,
    )
