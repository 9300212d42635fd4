"""Agents in the admin: their state, their tokens by label, and connections through them that have no credentials to enter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.urls import reverse

from copilot import connections
from copilot.guard.tenancy import tenant_scope
from copilot.models import AgentRequest, AuditEntry, Connection, Role
from copilot.relay import tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client

    from tests.flow.admin_world import World


def test_an_agents_page_tells_its_state_tokens_and_last_requests(
    acme: World, browser: Callable[[Role], Client]
) -> None:
    made = tokens.make(acme.tenant.id, "acme-cluster", actor="test")
    with tenant_scope(acme.tenant.id):
        AgentRequest.objects.create(
            agent=acme.agent,
            request={"do": "gather", "kind": "prometheus"},
            state="failed",
            reason="refused",
            deadline=acme.agent.created_at,
            max_bytes=1,
        )
    client = browser(Role.VIEWER)
    page = client.get(reverse("admin:copilot_agent_change", args=[acme.agent.pk])).content.decode()
    assert "never seen" in page
    assert made.label in page
    assert made.token not in page
    assert "gather: failed  refused" in page


def test_an_admin_takes_an_agents_tokens_away_and_a_responder_does_not(
    acme: World, browser: Callable[[Role], Client]
) -> None:
    chosen = {"action": "revoke", "_selected_action": [str(acme.agent.pk)]}
    address = reverse("admin:copilot_agent_changelist")
    browser(Role.RESPONDER).post(address, chosen)
    assert tokens.live(acme.agent.pk).count() == 1
    browser(Role.ADMIN).post(address, chosen)
    assert tokens.live(acme.agent.pk).count() == 0
    assert AuditEntry.objects.filter(tenant=acme.tenant, action="revoke agent token").count() == 1


@pytest.mark.parametrize("role", [Role.VIEWER, Role.ADMIN])
def test_a_connection_through_an_agent_has_no_credentials_to_enter(
    acme: World, browser: Callable[[Role], Client], role: Role
) -> None:
    opened = connections.connect_through(acme.tenant.id, "prometheus", "acme-cluster", actor="test")
    address = reverse("admin:copilot_connection_change", args=[opened.connection_id])
    client = browser(role)
    page = client.get(address).content.decode()
    assert "acme-cluster" in page
    assert "credential_" not in page
    if role is Role.ADMIN:
        assert client.post(address, {"name": "default"}).status_code == 302
        row = Connection.objects.get(pk=opened.connection_id)
        assert (row.is_enabled, row.agent_id) == (False, acme.agent.pk)
