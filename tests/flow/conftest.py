"""What the flow's tests share: a connected PagerDuty, signed deliveries, and an api client."""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from copilot import connections
from copilot.embedded import STAFF, as_role
from copilot.guard.tenancy import tenant_scope
from copilot.hints import Work
from copilot.models import Role, Service
from tests.conftest import point_at
from tests.flow.admin_world import FOREIGN, World, furnish, login
from tests.flow.slack_world import drawn_once, local_slack, workspace

if TYPE_CHECKING:
    from django.test import Client
    from starlette.testclient import TestClient

    from copilot.models import Tenant

# A fixture that each module imports for itself would be started for each: here it is one for all.
__all__ = ["drawn_once", "local_slack", "workspace"]
SECRET = "pagerduty-webhook-secret"


@dataclass(frozen=True)
class PagerDuty:
    """A tenant's connected PagerDuty, and how it sends."""

    path: str
    connection_id: uuid.UUID

    def event(
        self,
        event_type: str = "incident.triggered",
        *,
        incident: str = "PGR0VU2",
        service: str = "PCHECKOUT",
        title: str = "High p95 latency on checkout",
        at: datetime | None = None,
        **data: Any,
    ) -> dict[str, Any]:
        """An event in the shape of PagerDuty's V3 webhooks."""
        status = {"incident.acknowledged": "acknowledged", "incident.resolved": "resolved"}.get(event_type, "triggered")
        return {
            "event": {
                "id": uuid.uuid4().hex,
                "event_type": event_type,
                "resource_type": "incident",
                "occurred_at": (at or datetime.now(UTC)).isoformat(),
                "agent": {"id": "PLH1HKV", "summary": "Tenex Engineer", "type": "user_reference"},
                "client": None,
                "data": {
                    "id": incident,
                    "type": "incident",
                    "html_url": f"https://acme.pagerduty.com/incidents/{incident}",
                    "number": 2,
                    "status": status,
                    "created_at": "2026-11-21T03:00:00Z",
                    "title": title,
                    "service": {"id": service, "summary": "Checkout", "type": "service_reference"},
                    "assignees": [{"id": "PTUXL6G", "summary": "Alice", "type": "user_reference"}],
                    "priority": None,
                    "urgency": "high",
                    "conference_bridge": None,
                    "resolve_reason": None,
                    **data,
                },
            }
        }

    def headers(self, body: bytes, *, delivery: str | None = None, secret: str = SECRET) -> dict[str, str]:
        signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        return {
            "X-PagerDuty-Signature": f"v1={signature}",
            "X-Webhook-Id": delivery or str(uuid.uuid4()),
            "Content-Type": "application/json",
        }

    def send(self, client: TestClient, event: dict[str, Any], *, delivery: str | None = None) -> Any:
        body = json.dumps(event).encode()
        return client.post(self.path, content=body, headers=self.headers(body, delivery=delivery))


@pytest.fixture
def connect_pagerduty() -> Callable[[Tenant], PagerDuty]:
    def connect(tenant: Tenant) -> PagerDuty:
        opened = connections.connect(tenant.id, "pagerduty", {"webhook_secret": SECRET}, actor="test")
        return PagerDuty(opened.webhook_url.removeprefix("http://127.0.0.1:8000"), opened.connection_id)

    return connect


@pytest.fixture
def pagerduty(tenant: Tenant, connect_pagerduty: Callable[[Tenant], PagerDuty]) -> PagerDuty:
    return connect_pagerduty(tenant)


@pytest.fixture
def checkout(tenant: Tenant) -> Service:
    with tenant_scope(tenant.id):
        return Service.objects.create(name="checkout", pagerduty_id="PCHECKOUT", namespace="shop", workload="checkout")


@pytest.fixture
def api(committed_db: str) -> Iterator[TestClient]:
    """The api process's webhooks and health, called in this process."""
    from fastapi import FastAPI
    from starlette.testclient import TestClient

    from copilot.web import health, webhooks

    application = FastAPI()
    application.include_router(health.router)
    application.include_router(webhooks.router)
    with TestClient(application, base_url="http://127.0.0.1:8000") as client:
        yield client


@pytest.fixture
def hints(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Work, UUID, UUID | None]]:
    """What the workers were told, instead of telling them."""
    told: list[tuple[Work, UUID, UUID | None]] = []

    def note(work: Work, tenant_id: UUID, subject: UUID | None = None) -> None:
        told.append((work, tenant_id, subject))

    for module in ("copilot.hints", "copilot.flow", "copilot.web.inbox"):
        monkeypatch.setattr(f"{module}.hint", note)
    return told


@pytest.fixture
def staff(committed_db: str) -> Iterator[None]:
    """The test's database as the role of the ops process."""
    point_at(as_role(committed_db, STAFF))
    yield
    point_at(committed_db)


@pytest.fixture
def acme(staff: None, tenant: Tenant) -> World:
    return furnish(tenant, "acme")


@pytest.fixture
def umbrella(acme: World, other_tenant: Tenant) -> World:
    world = furnish(other_tenant, FOREIGN)
    login(f"{FOREIGN}-owner", Role.OWNER, other_tenant)
    return world


@pytest.fixture
def browser(acme: World) -> Callable[[Role], Client]:
    """Log somebody with this role in acme in."""

    def log_in(role: Role) -> Client:
        from django.test import Client

        client = Client()
        client.force_login(login(f"acme-{role}", role, acme.tenant))
        return client

    return log_in
