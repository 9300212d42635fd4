"""How fast a tenant's webhooks are taken in: what is over its rate waits for the next minute, and nothing is lost."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.utils import timezone

from copilot.limits import WINDOWS, count, limits_for, reached, subjects, window_of
from copilot.models import Delivery, Limit, Run

if TYPE_CHECKING:
    from uuid import UUID

# A card says that its page was held up where that is longer than people would notice by themselves.
NOTICED = timedelta(seconds=20)


def may_take_in(delivery: Delivery) -> bool:
    """Count a delivery, and return whether it may be taken in now; runs inside the tenant's scope and lock.

    Over the rate, connections share it: who sent no more than an equal part is not held up by who sent the rest. All that a
    noisy connection has waiting is put off to the next minute together, so that its order stays.
    """
    limit = limits_for(delivery.tenant_id).webhooks_per_minute
    if not limit:
        return True
    subject = str(delivery.connection_id)
    mine, all_of_them = count(Limit.WEBHOOKS, subject=subject), count(Limit.WEBHOOKS)
    if all_of_them <= limit or mine <= max(1, limit // subjects(Limit.WEBHOOKS)):
        return True
    # What is put off is not taken in, and does not count.
    count(Limit.WEBHOOKS, subject=subject, amount=-1)
    count(Limit.WEBHOOKS, amount=-1)
    waiting = Delivery.objects.filter(
        connection_id=delivery.connection_id, handled_at__isnull=True, not_before__lte=timezone.now()
    )
    put_off = waiting.update(not_before=window_of(Limit.WEBHOOKS) + WINDOWS[Limit.WEBHOOKS])
    reached(
        Limit.WEBHOOKS,
        f"waiting for the next minute: {put_off:,} of {delivery.connection}; {limit:,} a minute are taken in",
    )
    return False


def note_delay(delivery: Delivery, run_id: UUID) -> None:
    """Let a run say that its page was held up by the rate; runs inside the tenant's scope, in the run's own transaction."""
    waited = timezone.now() - delivery.received_at
    # What failed waits for another reason, and says it.
    if delivery.attempts or delivery.not_before <= delivery.received_at or waited < NOTICED:
        return
    run = Run.objects.get(id=run_id)
    limit = limits_for(delivery.tenant_id).webhooks_per_minute
    said = f"taken in {waited.total_seconds():.0f} s late, as more than {limit:,} webhooks a minute came"
    run.plan["limited"] = [*run.plan.get("limited", []), said]
    run.save(update_fields=["plan"])
