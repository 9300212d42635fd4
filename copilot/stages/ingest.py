"""Delivery to events: read what was accepted, move incidents and changes, and never lose a delivery."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from copilot import tracing
from copilot.connections import credentials_of
from copilot.guard import tenancy
from copilot.models import Connection, ConnectionHealth, Delivery, EventRecord
from copilot.observe import logger
from copilot.stages.changes import record_change
from copilot.stages.correlate import Moved, correlate, lock_tenant
from copilot.stages.pace import may_take_in, note_delay
from integrations import registry
from integrations.base import BadPayload, Event, EventKind, Inbound

if TYPE_CHECKING:
    from uuid import UUID

log = logger(__name__)

# A delivery that failed is tried again after 2, 4, 8 … seconds, at most an hour apart.
LONGEST_WAIT = 3600


@dataclass(slots=True)
class Ingested:
    """Hold what a round of ingestion moved: runs to advance, incidents to publish, deliveries handled."""

    runs: set[UUID] = field(default_factory=set)
    incidents: set[UUID] = field(default_factory=set)
    handled: int = 0


def ingest(tenant_id: UUID, *, at_most: int = 500) -> Ingested:
    """Handle the tenant's open deliveries in the order in which they came, each in a transaction of its own."""
    done = Ingested()
    while done.handled < at_most and _ingest_next(tenant_id, done):
        done.handled += 1
    return done


def _ingest_next(tenant_id: UUID, done: Ingested) -> bool:
    """Handle one delivery; return whether there was one."""
    with tenancy.tenant_scope(tenant_id):
        # One round a tenant at a time: an acknowledgement must not overtake its page.
        lock_tenant(tenant_id)
        delivery = (
            Delivery.objects.select_for_update()
            .select_related("connection")
            .filter(handled_at__isnull=True, not_before__lte=timezone.now())
            .order_by("received_at", "id")
            .first()
        )
        if delivery is None:
            return False
        if not may_take_in(delivery):
            return True
        try:
            about = {"copilot.integration": delivery.connection.kind}
            with tracing.span("ingest", about, parent=tracing.kept(delivery.headers)), transaction.atomic():
                moved = [_apply(delivery, event) for event in _events(delivery)]
                for run_id in {one.run_id for one in moved if one.run_id}:
                    note_delay(delivery, run_id)
        except BadPayload as error:
            # Kept, shown in the admin, and not tried again: the same bytes will not read better later.
            log.warning("delivery not understood", delivery=str(delivery.id), reason=str(error))
            Delivery.objects.filter(id=delivery.id).update(handled_at=timezone.now(), error=str(error)[:2000])
            return True
        except Exception as error:
            log.exception("delivery failed, will be tried again", delivery=str(delivery.id))
            attempts = delivery.attempts + 1
            wait = timedelta(seconds=min(2**attempts, LONGEST_WAIT))
            Delivery.objects.filter(id=delivery.id).update(
                attempts=attempts, not_before=timezone.now() + wait, error=f"{type(error).__name__}: {error}"[:2000]
            )
            return True
        Delivery.objects.filter(id=delivery.id).update(handled_at=timezone.now(), error="")
        if delivery.connection.health == ConnectionHealth.WAITING:
            _works_after_all(delivery)
    for one in moved:
        if one.run_id:
            done.runs.add(one.run_id)
        if one.incident_id:
            done.incidents.add(one.incident_id)
    return True


def _works_after_all(delivery: Delivery) -> None:
    """Say at once that the first webhook came, and not only when the connection is tested again."""
    Connection.objects.filter(id=delivery.connection_id, health=ConnectionHealth.WAITING).update(
        health=ConnectionHealth.WORKS,
        health_detail=f"first received {delivery.received_at:%Y-%m-%d %H:%M} UTC",
        checked_at=timezone.now(),
    )


def _events(delivery: Delivery) -> tuple[Event, ...]:
    inbound = Inbound(headers=delivery.headers, body=bytes(delivery.body), received_at=delivery.received_at.timestamp())
    integration = registry.get(delivery.connection.kind)
    return integration.read(inbound, credentials_of(delivery.connection) if integration.reads_by_credentials else None)


def _apply(delivery: Delivery, event: Event) -> Moved:
    """Store one event and move what it is about; an event that is already there moves nothing."""
    record, is_new = EventRecord.objects.get_or_create(
        tenant_id=delivery.tenant_id,
        source=event.source,
        dedupe_key=event.dedupe_key[:300],
        event_type=event.event_type[:80],
        started_at=_time(event.started_at),
        occurred_at=_time(event.occurred_at),
        defaults={
            "delivery": delivery,
            "kind": event.kind.value,
            "action": event.action.value if event.action else "",
            "actor": event.actor[:200],
            "envelope": _envelope(event),
        },
    )
    if not is_new or event.kind is EventKind.IGNORED:
        return Moved()
    if event.kind is EventKind.CHANGE:
        record_change(event)
        return Moved()
    moved = correlate(event)
    if moved.incident_id:
        EventRecord.objects.filter(id=record.id).update(incident_id=moved.incident_id)
    return moved


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)


def _envelope(event: Event) -> dict[str, Any]:
    """Return the canonical envelope as JSON; the raw body stays in the delivery."""
    plain = asdict(event)
    plain.pop("change")
    for key, value in plain.items():
        if isinstance(value, tuple):
            plain[key] = list(value)
    return plain
