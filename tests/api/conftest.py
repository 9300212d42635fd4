"""What the REST API's tests share: the application in this process on a real database, and tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from copilot import tokens
from copilot.guard.tenancy import tenant_scope
from copilot.models import IncidentCounter, Role, Runbook
from copilot.runbooks import library, origins
from tests.flow.admin_world import World, furnish

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fastapi import FastAPI
    from starlette.testclient import TestClient

    from copilot.models import Tenant


@dataclass(frozen=True)
class Client:
    """A program with a token."""

    http: TestClient
    token: str

    def __call__(self, method: str, path: str, *, headers: dict[str, str] | None = None, **keywords: Any) -> Any:
        sent = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        return self.http.request(method, f"/api/v1{path}", headers=sent, **keywords)

    def get(self, path: str, **keywords: Any) -> Any:
        return self("GET", path, **keywords)

    def post(self, path: str, **keywords: Any) -> Any:
        return self("POST", path, **keywords)

    def put(self, path: str, **keywords: Any) -> Any:
        return self("PUT", path, **keywords)

    def delete(self, path: str, **keywords: Any) -> Any:
        return self("DELETE", path, **keywords)


def application() -> FastAPI:
    """The API, mounted as the api process mounts it."""
    from fastapi import FastAPI

    from copilot.web.api import application as rest

    outer = FastAPI(openapi_url=None)
    rest.mount(outer)
    return outer


@pytest.fixture
def http(committed_db: str) -> Iterator[TestClient]:
    """Anybody without a token."""
    from starlette.testclient import TestClient

    with TestClient(application(), base_url="http://127.0.0.1:8000", raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def program(http: TestClient) -> Callable[..., Client]:
    """Make a token in a tenant, and a program that has it."""

    def make(tenant: Tenant, role: Role = Role.ADMIN, *scopes: str, **keywords: Any) -> Client:
        name = keywords.pop("name", f"{role} {len(scopes)}")
        return Client(http, tokens.make(tenant.id, name, role=role, scopes=scopes, actor="test", **keywords).text)

    return make


def runbook_of(world: World) -> str:
    """The id of a tenant's own runbook, uploaded where it is not there."""
    word = world.tenant.slug
    origin = origins.read_upload(
        "pool.md", f"# Pool of {word}\n\nThe connection pool is full.\n\n1. Look at {word}.\n".encode()
    )
    library.bring_up_to_date(world.tenant.id, origin, by=word)
    with tenant_scope(world.tenant.id):
        return str(Runbook.objects.get(source="upload", path="pool.md").id)


@pytest.fixture
def acme(tenant: Tenant) -> World:
    """A tenant with a row of every kind."""
    world = furnish(tenant, "acme")
    with tenant_scope(tenant.id):
        IncidentCounter.objects.create(value=1)
    return world


@pytest.fixture
def umbrella(other_tenant: Tenant) -> World:
    """Another one, of which nothing may be seen."""
    return furnish(other_tenant, "umbrella")


@pytest.fixture
def portal(acme: World, program: Callable[..., Client]) -> Client:
    """A program of acme that may do everything."""
    return program(acme.tenant, per_minute=60_000)


@pytest.fixture
def hints(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the workers were told, instead of telling them."""
    told: list[Any] = []
    monkeypatch.setattr("copilot.hints.hint", lambda *said: told.append(said))
    return told
