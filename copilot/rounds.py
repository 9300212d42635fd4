"""Which tenants a sweep looks at: those that have work, found by one question to all, and of the others some in turn."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from django.db import connection

from copilot.config import config
from copilot.faces import faces
from copilot.models import Tenant

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

WITH_WORK = "SELECT * FROM copilot_tenants_with_work()"
# So many sweeps look at every tenant once, though it says nothing: what a face owes may be seen only by looking closely.
TURNS = 120
# Where there are few tenants, every sweep looks at all.
AT_LEAST = 20


def with_work() -> set[UUID]:
    """Return the tenants with work that nobody holds, and those of which a face says so."""
    with connection.cursor() as cursor:
        cursor.execute(WITH_WORK)
        found = {row[0] for row in cursor.fetchall()}
    return found.union(*(face.with_work() for face in faces()))


def tenants() -> list[UUID]:
    """Return the tenants that a sweep is to look at now."""
    known = list(Tenant.objects.order_by("id").values_list("id", flat=True))
    wanted = with_work().union(in_turn(known, int(time.time() / config().sweep_seconds)))
    return [tenant_id for tenant_id in known if tenant_id in wanted]


def in_turn(known: Sequence[UUID], sweep: int) -> Sequence[UUID]:
    """Return the tenants whose turn it is in the sweep of this number: all of them within `TURNS` sweeps in a row."""
    many = max(AT_LEAST, -(-len(known) // TURNS))
    turns = max(-(-len(known) // many), 1)
    first = (sweep % turns) * many
    return known[first : first + many]
