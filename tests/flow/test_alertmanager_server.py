"""A real Alertmanager fires into the hook, as docs/connect.md has it configured, and ends what it fired."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from fastapi import FastAPI

from copilot import connections
from copilot.guard.tenancy import tenant_scope
from copilot.models import Delivery, Incident, Service
from copilot.stages.ingest import ingest
from copilot.web import webhooks
from copilot.web.inbox import Inbox
from tests.flow.slack_world import served
from tests.servers import alertmanager as alertmanagers
from tests.servers.processes import free_port
from tests.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from copilot.models import Tenant

pytestmark = [
    pytest.mark.usefixtures("hints"),
    pytest.mark.skipif(bool(alertmanagers.skip_reason()), reason=alertmanagers.skip_reason()),
]
LABELS = {"alertname": "CheckoutLatencyHigh", "service": "checkout", "namespace": "shop", "severity": "page"}


def wait_for(tenant: Tenant, status: str) -> Incident:
    def there() -> Incident | None:
        ingest(tenant.id)
        with tenant_scope(tenant.id):
            return Incident.objects.select_related("service").filter(status=status).first()

    found: Incident = until(there, what=f"an incident that is {status}")
    return found


def test_what_alertmanager_fires_becomes_an_incident_and_ends_with_it(
    committed_db: str, tenant: Tenant, checkout: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "inbox", Inbox())
    opened = connections.connect(tenant.id, "alertmanager", {}, actor="test")
    path = opened.webhook_url.removeprefix("http://127.0.0.1:8000")
    began, port = time.time() - 90, free_port()
    application = FastAPI()
    application.include_router(webhooks.router)
    with (
        served(application, port),
        alertmanagers.serving(
            tmp_path, webhook=f"http://127.0.0.1:{port}{path}", token=opened.generated["bearer_token"]
        ) as alertmanager,
    ):
        alertmanager.tell(LABELS, summary="Checkout answers slowly", began=began)
        fired = wait_for(tenant, "triggered")
        assert (fired.title, fired.symptom, fired.severity) == (
            "Checkout answers slowly",
            "CheckoutLatencyHigh",
            "critical",
        )
        assert fired.service == checkout
        assert abs(fired.started_at.timestamp() - began) < 1

        alertmanager.tell(LABELS, summary="Checkout answers slowly", began=began, ended=time.time() - 1)
        ended = wait_for(tenant, "resolved")
        assert ended.id == fired.id

    with tenant_scope(tenant.id):
        agents = {row.headers["user-agent"] for row in Delivery.objects.all()}
    assert all(agent.startswith("Alertmanager/") for agent in agents)
