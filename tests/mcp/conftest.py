"""What the tests of the Model Context Protocol share: a tenant with a few records, tokens, and clients of the official SDK."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from starlette.applications import Starlette
from starlette.routing import Route

from copilot import connections, tokens
from copilot.guard.tenancy import tenant_scope
from copilot.mcp.http import PATH, Endpoint
from copilot.models import Role, Service, ServiceDependency
from tests.flow.slack_world import store
from tests.unit.slackbot import briefings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from mcp import types

    from copilot.models import Tenant

HUSH = "ghp_" + "a1B2c3D4e5F6" * 3


@dataclass(frozen=True)
class Shop:
    """A tenant whose checkout needs payments, with a ranked incident, INC-42, and a Prometheus."""

    tenant: Tenant
    token: str


@pytest.fixture
def token_of(committed_db: str) -> Callable[..., str]:
    def make(tenant: Tenant, *scopes: str, role: Role = Role.RESPONDER, **keywords: Any) -> str:
        name = keywords.pop("name", f"agent {len(scopes)}")
        return tokens.make(
            tenant.id, name, role=role, scopes=scopes, actor="test", **{"per_minute": 6000, **keywords}
        ).text

    return make


@pytest.fixture
def shop(committed_db: str, tenant: Tenant, token_of: Callable[..., str]) -> Shop:
    store(tenant, briefings.LIKELY)
    with tenant_scope(tenant.id):
        checkout, _ = Service.objects.get_or_create(
            name="checkout", defaults={"namespace": "shop", "workload": "checkout"}
        )
        payments, _ = Service.objects.get_or_create(
            name="payments", defaults={"namespace": "shop", "workload": "payments"}
        )
        ServiceDependency.objects.get_or_create(caller=checkout, callee=payments)
    connections.connect(tenant.id, "prometheus", {"url": "http://prometheus.example.org"}, actor="test")
    return Shop(tenant, token_of(tenant))


def words(result: types.CallToolResult) -> str:
    """The text of a result, which is its first part."""
    part = result.content[0]
    assert part.type == "text"
    return part.text


@asynccontextmanager
async def connected(token: str, *, mode: str = "auto") -> AsyncIterator[Client]:
    """A client of the official SDK over streamable HTTP, to the endpoint in this process."""
    endpoint = Endpoint()
    application = Starlette(routes=[Route(PATH, endpoint=endpoint)])
    async with (
        endpoint.running(),
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(application),
            base_url="http://copilot",
            headers={"Authorization": f"Bearer {token}"},
        ) as through,
        Client(streamable_http_client("http://copilot/mcp", http_client=through), mode=mode, cache=None) as client,
    ):
        yield client
