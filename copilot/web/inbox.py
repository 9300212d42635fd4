"""The inbox's write path: webhooks that arrive together are committed together, and none is answered before its commit."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from anyio import to_thread
from django.db import close_old_connections, connection
from starlette.concurrency import run_in_threadpool

from copilot import observe
from copilot.guard import vault
from copilot.guard.tenancy import tenant_scope
from copilot.hints import Work, hint
from copilot.models import Connection, Delivery, Endpoint

if TYPE_CHECKING:
    from collections.abc import Mapping

log = observe.logger(__name__)

# How many webhooks one commit may carry, and how many may wait before we say "busy" (429, which vendors retry).
BATCH = 200
WAITING = 5_000
# How long a look-up of an endpoint is trusted: a revoked key works this much longer at most.
TRUSTED_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Door:
    """Hold what an endpoint key leads to; the credentials stay sealed."""

    tenant_id: uuid.UUID
    connection_id: uuid.UUID
    kind: str
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Arrival:
    """Hold one verified webhook that waits for its commit."""

    door: Door
    external_id: str
    headers: Mapping[str, str]
    body: bytes


class Busy(Exception):
    """Say that more webhooks wait than can be written soon; the vendor is asked to come again."""


def find_door(key: str) -> Door | None:
    """Return what an endpoint key leads to, or None for an unknown key or a disabled connection."""
    endpoint = Endpoint.objects.filter(key_hash__in=vault.fingerprints(key)).first()
    if endpoint is None:
        return None
    with tenant_scope(endpoint.tenant_id):
        row = Connection.objects.filter(id=endpoint.connection_id, is_enabled=True).first()
    if row is None:
        return None
    return Door(endpoint.tenant_id, row.id, row.kind, bytes(row.sealed))


class Inbox:
    """Write arrivals in batches: one writer, so that many small commits become few, and the pool cannot run dry.

    The first arrival goes out at once; those that come while it is being written form the next batch. So a lone webhook
    waits for nothing, and a storm costs a commit per batch instead of one per webhook.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[Arrival, asyncio.Future[bool]]] = []
        self._writer: asyncio.Task[None] | None = None
        self._doors: dict[str, tuple[float, Door | None]] = {}

    async def door(self, key: str) -> Door | None:
        """Return what an endpoint key leads to, from a look-up of the last seconds where there is one."""
        now = time.monotonic()
        known = self._doors.get(key)
        if known and known[0] > now:
            return known[1]
        # Left alone where the request has waited long enough; the thread ends when the database answers or goes.
        found = await to_thread.run_sync(_find_door, key, abandon_on_cancel=True)
        if found is not None:
            # Unknown keys are not kept: a scanner must not fill our memory.
            if len(self._doors) > 10_000:
                self._doors.clear()
            self._doors[key] = (now + TRUSTED_SECONDS, found)
        return found

    async def put(self, arrival: Arrival) -> bool:
        """Return once the arrival is committed: True where it is new, False where it was there.

        :raises Busy: where too many wait.
        :raises django.db.Error: where the database did not take it.
        """
        if len(self._waiting) >= WAITING:
            raise Busy
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((arrival, done))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        return await done

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            # Who was told to come again while the database hung is not kept: what they send again is.
            batch = [waiting for waiting in batch if not waiting[1].done()]
            try:
                new = await run_in_threadpool(_store, [arrival for arrival, _ in batch])
            except Exception as error:  # noqa: BLE001 - handed to each waiting request, which answers 503
                for _, done in batch:
                    if not done.done():
                        done.set_exception(error)
                continue
            for index, (_, done) in enumerate(batch):
                if not done.done():
                    done.set_result(index in new)


def _find_door(key: str) -> Door | None:
    close_old_connections()
    try:
        return find_door(key)
    finally:
        close_old_connections()


def _store(batch: list[Arrival]) -> set[int]:
    """Insert a batch, tenant by tenant, and return the places of those that were new; hints follow the commits."""
    close_old_connections()
    new: set[int] = set()
    by_tenant: dict[uuid.UUID, list[int]] = defaultdict(list)
    for index, arrival in enumerate(batch):
        by_tenant[arrival.door.tenant_id].append(index)
    try:
        for tenant_id, places in by_tenant.items():
            fresh = _insert(tenant_id, [batch[place] for place in places])
            new.update(places[index] for index in fresh)
            if fresh:
                hint(Work.TAKE_IN, tenant_id)
    finally:
        close_old_connections()
    return new


def _insert(tenant_id: uuid.UUID, arrivals: list[Arrival]) -> set[int]:
    """Insert one tenant's arrivals in one statement and transaction; return the places of those that were new."""
    columns: tuple[list[object], ...] = ([], [], [], [], [])
    for arrival in arrivals:
        row = (
            uuid.uuid4(),
            arrival.door.connection_id,
            arrival.external_id,
            json.dumps(dict(arrival.headers)),
            arrival.body,
        )
        for column, value in zip(columns, row, strict=True):
            column.append(value)
    with tenant_scope(tenant_id), connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {Delivery._meta.db_table} (tenant_id, id, connection_id, external_id, headers, body)"  # noqa: S608, SLF001 - the table's own name
            " SELECT %s, * FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::jsonb[], %s::bytea[])"
            " ON CONFLICT (tenant_id, connection_id, external_id) DO NOTHING RETURNING id",
            [tenant_id, *columns],
        )
        inserted = {row[0] for row in cursor.fetchall()}
    return {place for place, identifier in enumerate(columns[0]) if identifier in inserted}
