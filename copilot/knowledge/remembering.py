"""Bring the vectors of every tenant's runbooks up to date, a part at a time: those that came in while nobody could make them."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from copilot import observe
from copilot.knowledge import memory as memories
from copilot.knowledge import patience
from copilot.models import Tenant

if TYPE_CHECKING:
    from copilot.knowledge.memory import Memory

log = observe.logger(__name__)

# So many sections of one tenant in one round: others wait as well. A batch that was begun in time may take a minute or two more.
MOST_OF_ONE = 1000
SECONDS = 120.0


def catch_all_up(memory: Memory | None = None) -> int:
    """Remember what is missing of each tenant's sections; return how many were remembered.

    `memory` is the configured one where none is given; without any there is nothing to do. Tenants come in another order each
    time, so that none waits for ever. A memory that fails twice in a row is left alone until the next round.
    """
    chosen = memory or memories.configured()
    if chosen is None:
        return 0
    until = time.monotonic() + SECONDS
    tenants = list(Tenant.objects.values_list("id", flat=True))
    random.shuffle(tenants)
    total = 0
    for tenant_id in tenants:
        if time.monotonic() > until or patience.is_over(chosen.name):
            break
        if not memories.is_behind(tenant_id, chosen):
            continue
        try:
            count = memories.catch_up(tenant_id, chosen, most=MOST_OF_ONE)
        except memories.Forgetful as error:
            patience.failed(chosen.name)
            log.warning("runbooks are not remembered", tenant=str(tenant_id), memory=chosen.name, error=str(error))
            continue
        patience.answered(chosen.name)
        total += count
        log.info("runbooks are remembered", tenant=str(tenant_id), memory=chosen.name, sections=count)
    return total


__all__ = ["catch_all_up"]
