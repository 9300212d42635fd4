"""What a tenant's token can reach of another tenant by REST: nothing. The routes are those of the API's own description."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from copilot.guard.tenancy import tenant_scope
from copilot.models import Confirmation, Feedback, Role, Run, Runbook, Scope, Service, Tenant
from copilot.web.api import application as rest
from tests.api.conftest import Client, runbook_of

if TYPE_CHECKING:
    from tests.flow.admin_world import World

pytestmark = pytest.mark.usefixtures("hints")
SCHEMA = rest.make().openapi()
# What is valid to send, so that nothing but the id is wrong with the request.
BODIES: dict[str, Any] = {
    "giveVerdict": {"value": "up"},
    "changeLimits": {"runs_per_hour": 7},
    "confirmCause": {"words": "a cable"},
    "putService": {"channel": "#taken"},
    "putTopology": {"services": {"umbrella-checkout": {"namespace": "mine"}}},
    "recordChange": {"service": "umbrella-checkout", "version": "1"},
    "reportProblem": {"service": "umbrella-checkout"},
    "uploadRunbook": {"name": "taken.md", "text": "# Taken"},
}
# Told of by name, which two tenants may share: this makes or finds one's own; the impact is that of the one which putService made.
BY_NAME = {"putService", "recordChange", "showImpact"}


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in sorted(SCHEMA["paths"].items()):
        for method, one in sorted(item.items()):
            yield method.upper(), path, one


def ids_of(world: World) -> dict[str, str]:
    return {
        "incident_id": str(world.incident.id),
        "investigation_id": str(world.run.id),
        "hypothesis_id": str(world.hypothesis.id),
        "change_id": str(world.change.id),
        "name": world.service.name,
        "runbook_id": runbook_of(world),
    }


def send(client: Client, method: str, path: str, operation: dict[str, Any]) -> Any:
    body = BODIES.get(operation["operationId"])
    assert body is not None or not operation.get("requestBody", {}).get("required"), (
        "say in BODIES what is valid to send"
    )
    return client(method, path, **({"json": body} if body is not None else {}))


def state(world: World) -> Any:
    with tenant_scope(world.tenant.id):
        return [
            list(model.objects.order_by("pk").values()) for model in (Feedback, Confirmation, Run, Runbook, Service)
        ] + [Tenant.objects.values().get(pk=world.tenant.pk)]


@pytest.fixture
def both(acme: World, umbrella: World, program: Callable[..., Client]) -> tuple[Client, Client]:
    """The same rights in either tenant."""
    mine, theirs = (program(one.tenant, Role.ADMIN, *Scope.values, per_minute=60_000) for one in (acme, umbrella))
    return mine, theirs


def test_no_operation_reaches_another_tenant(acme: World, umbrella: World, both: tuple[Client, Client]) -> None:
    mine, _ = both
    ids, before = ids_of(umbrella), state(umbrella)
    assert {name for path in SCHEMA["paths"] for name in _names(path)} == set(ids), "name the new id in ids_of"

    for method, path, operation in operations():
        answer = send(mine, method, path.format(**ids), operation)

        name = operation["operationId"]
        if _names(path) and name not in BY_NAME:
            assert answer.status_code == 404, (name, answer.text)
            assert answer.json()["type"] == "urn:sre-copilot:problem:not-found", name
        assert answer.status_code < 500, name
        # The one word that we have sent ourselves.
        assert "umbrella" not in answer.text.replace("umbrella-checkout", ""), name

    assert state(umbrella) == before


def test_what_is_not_there_and_what_is_anothers_look_alike(umbrella: World, both: tuple[Client, Client]) -> None:
    mine, _ = both
    foreign, nowhere = (
        ids_of(umbrella),
        {
            "incident_id": "00000000-0000-4000-8000-000000000000",
            "investigation_id": "00000000-0000-4000-8000-000000000000",
            "hypothesis_id": "00000000-0000-4000-8000-000000000000",
            "change_id": "999999",
            "name": "no-such-service",
            "runbook_id": "00000000-0000-4000-8000-000000000000",
        },
    )
    for method, path, operation in operations():
        if _names(path) and operation["operationId"] not in BY_NAME:
            answers = [send(mine, method, path.format(**ids), operation) for ids in (foreign, nowhere)]

            assert answers[0].json() == answers[1].json(), operation["operationId"]
            assert _plain(answers[0]) == _plain(answers[1])


def test_a_key_or_a_cursor_of_another_tenant_gives_nothing(acme: World, both: tuple[Client, Client]) -> None:
    mine, theirs = both
    key = {"Idempotency-Key": "the-same"}
    change = {"service": "billing", "version": "1"}

    first, second = theirs.post("/changes", json=change, headers=key), mine.post("/changes", json=change, headers=key)
    cursor = theirs.get("/services?limit=1").json()["next_cursor"]

    assert "Idempotency-Replayed" not in second.headers
    assert first.json()["id"] != second.json()["id"]
    assert "umbrella" not in mine.get(f"/services?cursor={cursor}").text


def _names(path: str) -> list[str]:
    return [part[1:-1].partition("}")[0] for part in path.split("/") if part.startswith("{")]


def _plain(answer: Any) -> dict[str, str]:
    """The headers that do not tell of the pace."""
    return {name: value for name, value in answer.headers.items() if not name.startswith("ratelimit")}
