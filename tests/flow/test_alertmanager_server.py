"""A real Alertmanager fires into the hook, as docs/connect.md has it configured, and ends what it fired."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import uvicorn
from fastapi import FastAPI

from copilot import connections
from copilot.guard.tenancy import tenant_scope
from copilot.models import Delivery, Incident, Service
from copilot.stages.ingest import ingest
from copilot.web import webhooks
from copilot.web.inbox import Inbox
from tests.servers import alertmanager as alertmanagers
from tests.servers.processes import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from copilot.models import Tenant

pytestmark = [
    pytest.mark.usefixtures("hints"),
    pytest.mark.skipif(bool(alertmanagers.skip_reason()), reason=alertmanagers.skip_reason()),
]
LABELS = {"alertname": "CheckoutLatencyHigh", "service": "checkout", "namespace": "shop", "severity": "page"}


@contextmanager
def listening() -> Iterator[int]:
    """Serve the hooks on a port of this machine."""
    application = FastAPI()
    application.include_router(webhooks.router)
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(application, host="127.0.0.1", port=port, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield port
    finally:
        server.should_exit = True
        thread.join(timeout=10)


def wait_for(tenant: Tenant, status: str) -> Incident:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        ingest(tenant.id)
        with tenant_scope(tenant.id):
            found = Incident.objects.select_related("service").filter(status=status).first()
            if found:
                return found
        time.sleep(0.1)
    raise AssertionError(f"no incident was {status} within 20 seconds")


def test_what_alertmanager_fires_becomes_an_incident_and_ends_with_it(
    committed_db: str, tenant: Tenant, checkout: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "inbox", Inbox())
    opened = connections.connect(tenant.id, "alertmanager", {}, actor="test")
    path = opened.webhook_url.removeprefix("http://127.0.0.1:8000")
    began = time.time() - 90
    with (
        listening() as port,
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
