"""A connection that keeps failing: left alone for a while, tried by one caller, and told of in the audit log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
import time_machine

from copilot import breakers, connections
from copilot.guard.http.deadline import Deadline
from copilot.guard.tenancy import tenant_scope
from copilot.models import AuditEntry, Connection
from copilot.tools import calling, reach, registry
from integrations.base import TimedOut
from integrations.registry import integrations

if TYPE_CHECKING:
    from collections.abc import Callable

    from copilot.models import Tenant

BEGAN = datetime(2026, 11, 21, 18, 0, tzinfo=UTC)


@pytest.fixture
def connection_id(tenant: Tenant) -> UUID:
    values = {"url": "http://prometheus.example.org"}
    return connections.connect(tenant.id, "prometheus", values, actor="test").connection_id


def refusal(tenant: Tenant, connection_id: UUID, after: float) -> str:
    with time_machine.travel(BEGAN + timedelta(seconds=after), tick=False), tenant_scope(tenant.id):
        return breakers.refusal(Connection.objects.get(id=connection_id))


def fail(tenant: Tenant, connection_id: UUID, after: float) -> None:
    with time_machine.travel(BEGAN + timedelta(seconds=after), tick=False), tenant_scope(tenant.id):
        breakers.failed(connection_id, "did not answer in time")


def test_the_first_minute_of_failures_is_taken_as_it_comes(tenant: Tenant, connection_id: UUID) -> None:
    for after in (0, 20, 50):
        fail(tenant, connection_id, after)

    assert refusal(tenant, connection_id, 51) == ""


def test_then_it_is_left_alone_for_half_the_time_that_it_has_failed(tenant: Tenant, connection_id: UUID) -> None:
    fail(tenant, connection_id, 0)
    fail(tenant, connection_id, 80)

    assert refusal(tenant, connection_id, 90) == (
        "was not asked: it has failed since 18:00 UTC (did not answer in time); it is tried again after 18:02:00 UTC"
    )
    assert refusal(tenant, connection_id, 119).startswith("was not asked")
    # One caller tries it; whoever comes beside it waits for what that one hears.
    assert refusal(tenant, connection_id, 121) == ""
    assert refusal(tenant, connection_id, 122).startswith("was not asked")


def test_two_minutes_are_the_longest(tenant: Tenant, connection_id: UUID) -> None:
    fail(tenant, connection_id, 0)
    fail(tenant, connection_id, 7200)

    assert refusal(tenant, connection_id, 7319).startswith("was not asked")
    assert refusal(tenant, connection_id, 7321) == ""


def test_an_answer_closes_it_and_the_audit_log_tells_both(tenant: Tenant, connection_id: UUID) -> None:
    fail(tenant, connection_id, 0)
    fail(tenant, connection_id, 80)
    refusal(tenant, connection_id, 90)
    refusal(tenant, connection_id, 91)
    with tenant_scope(tenant.id):
        breakers.worked(connection_id, "answered")
        told = list(
            AuditEntry.objects.filter(action__startswith="breaker").order_by("id").values_list("action", "target")
        )
        assert told == [("breaker open", "prometheus"), ("breaker closed", "prometheus")]
        assert breakers.refusal(Connection.objects.get(id=connection_id)) == ""


def test_new_values_close_it(tenant: Tenant, connection_id: UUID) -> None:
    fail(tenant, connection_id, 0)
    fail(tenant, connection_id, 80)

    connections.connect(tenant.id, "prometheus", {"url": "http://other.example.org"}, actor="test")

    assert refusal(tenant, connection_id, 81) == ""


def test_a_tool_of_a_source_that_keeps_failing_is_refused_without_asking(
    tenant: Tenant,
    connection_id: UUID,
    monkeypatch: pytest.MonkeyPatch,
    tool_calls: Callable[[], dict[tuple[str, ...], float]],
) -> None:
    asked: list[Any] = []

    def look(*given: Any) -> None:
        asked.append(given)
        raise TimedOut("did not answer in time")

    monkeypatch.setattr(integrations()["prometheus"], "look", look, raising=False)

    def ask(after: float) -> str:
        with time_machine.travel(BEGAN + timedelta(seconds=after)):
            tool = registry.find(registry.offered(tenant.id), "prometheus_metric")
            given = {"service": "checkout", "metric": "up", "function": "value"}
            return calling.call(tool, reach.of_tenant(tenant.id, Deadline(5)), given, actor="ada", via="mcp").refused

    assert [ask(after) for after in (0, 80)] == ["did not answer in time"] * 2
    assert ask(90).startswith("was not asked: it has failed since 18:00 UTC")
    assert len(asked) == 2
    assert tool_calls() == {("called", "metrics", "mcp", "failed"): 2, ("refused", "metrics", "mcp", "breaker"): 1}
