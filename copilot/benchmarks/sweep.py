"""How long a sweep takes: looking for work that nobody holds, over very many tenants of which few have any."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

from copilot.benchmarks.installation import installation
from copilot.benchmarks.machine import machine, spread

if TYPE_CHECKING:
    from copilot.benchmarks.machine import Spread

METHOD = (
    "one process, PostgreSQL and Valkey on the same cores; every tenant has Slack connected and a resolved incident"
)


def measure(*, tenants: int, busy: int, rounds: int) -> dict[str, Any]:
    """Measure in a process of its own, with a PostgreSQL that serves nobody else.

    :raises RuntimeError: where that process failed; the text is what it said.
    """
    on = machine()
    with installation(COPILOT_LOG_LEVEL="ERROR") as installed:
        found: dict[str, Any] = json.loads(installed.run("-m", __name__, str(tenants), str(busy), str(rounds)))
    return {"machine": on, "method": METHOD, "tenants": tenants, "busy": busy, "rounds": rounds, **found}


def figures(tenants: int, busy: int, rounds: int) -> dict[str, Any]:
    """Return what is measured in this process: rounds over tenants at rest, then with some that have work."""
    from django.db import connection

    from copilot.models import Tenant

    made = [Tenant.objects.create(slug=f"tenant-{number}") for number in range(tenants)]
    for tenant in made:
        _settle(tenant)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    rest = _rounds(rounds)
    for tenant in made[:: max(tenants // busy, 1)][:busy]:
        _work(tenant)
    working = _rounds(rounds)
    return {"at_rest": _milliseconds(rest), "with_work": _milliseconds(working)}


def _settle(tenant: Any) -> None:
    """Give a tenant a connection to Slack and an incident that is over."""
    from django.apps import apps
    from django.utils import timezone

    from copilot.guard.tenancy import tenant_scope
    from copilot.models import Connection, Incident, IncidentStatus

    now = timezone.now()
    with tenant_scope(tenant.id):
        slack = Connection.objects.create(tenant_id=tenant.id, kind="slack", name="default", sealed=b"")
        apps.get_model("slackbot", "SlackInstallation").objects.create(tenant_id=tenant.id, connection=slack)
        Incident.objects.create(
            tenant_id=tenant.id,
            number=1,
            title="Checkout is slow",
            status=IncidentStatus.RESOLVED,
            source="benchmark",
            dedupe_key="1",
            started_at=now,
            alert_at=now,
            last_event_at=now,
            resolved_at=now,
        )


def _work(tenant: Any) -> None:
    """Give a tenant a run that nobody holds."""
    from copilot.guard.tenancy import tenant_scope
    from copilot.models import Incident, Run

    with tenant_scope(tenant.id):
        Run.objects.create(tenant_id=tenant.id, incident=Incident.objects.get(number=1), sequence=1)


def _rounds(rounds: int) -> Spread:
    from copilot import conversation, flow

    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        flow.sweep()
        conversation.sweep()
        took.append(time.perf_counter() - began)
    return spread(took)


def _milliseconds(found: Spread) -> dict[str, float]:
    return {"p50_ms": round(found.median * 1e3, 1), "max_ms": round(found.largest * 1e3, 1)}


if __name__ == "__main__":
    import django

    django.setup()
    sys.stdout.write(json.dumps(figures(*map(int, sys.argv[1:4]))))
