"""Connecting a Slack workspace: what is checked, what is kept, and how nothing leaks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from copilot.guard import vault
from copilot.guard.tenancy import tenant_scope
from copilot.models import AuditEntry, Connection, Endpoint
from slackbot import installs
from slackbot.models import SlackInstallation, SlackWorkspace
from tests.flow.slack_world import Workspace

if TYPE_CHECKING:
    from copilot.models import Tenant

MANIFEST = Path(installs.__file__).parents[1] / "manifest.yaml"


def sealed(tenant: Tenant) -> dict[str, str]:
    with tenant_scope(tenant.id):
        return vault.unseal(tenant.id, bytes(Connection.objects.get(kind="slack").sealed))


def by_token(tenant: Tenant, workspace: Workspace, **more: str) -> dict[str, str]:
    """The values that a person gives for a real workspace, whose API here is the local one's."""
    values = {"bot_token": sealed(tenant)["bot_token"], "signing_secret": "shh", "base_url": f"{workspace.url}/api"}
    return values | more


def test_it_keeps_the_workspace_and_prints_the_request_url(tenant: Tenant, workspace: Workspace) -> None:
    connected = installs.connect(
        tenant.id, by_token(tenant, workspace, name="second", default_channel="#incidents"), actor="cli"
    )
    assert connected.connection_id is not None
    with tenant_scope(tenant.id):
        row = SlackInstallation.objects.get(connection_id=connected.connection_id)
        assert AuditEntry.objects.filter(action="slack connected", actor="cli").exists()
    assert row.team_id.startswith("T")
    assert row.bot_user_id.startswith("U0COPILOT")
    assert "chat:write" in row.scopes
    assert row.default_channel == "#incidents"
    key = connected.lines[1].rpartition("/")[2]
    found = installs.of_endpoint(key)
    assert found is not None
    assert found.tenant_id == tenant.id
    assert found.secrets.signing_secret == "shh"
    assert installs.of_endpoint(key + "x") is None


def test_connecting_again_keeps_the_request_url(tenant: Tenant, workspace: Workspace) -> None:
    before = sealed(tenant)["endpoint_key"]
    installs.connect(tenant.id, by_token(tenant, workspace), actor="cli")
    after = sealed(tenant)
    assert after["endpoint_key"] == before
    assert after["signing_secret"] == "shh"
    assert Endpoint.objects.filter(tenant=tenant, kind="slack").count() == 1
    with tenant_scope(tenant.id):
        assert [entry["what"] for entry in SlackInstallation.objects.get().history] == ["connected", "connected"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "bot_token: give the app's Bot User OAuth Token"),
        ({"bot_token": "xoxp-1"}, "which starts with xoxb-"),
        ({"bot_token": "xoxb-1"}, "signing_secret: give the app's Signing Secret"),
        ({"bot_tokn": "xoxb-1"}, "bot_tokn: Slack knows no such value"),
        (
            {"bot_token": "xoxb-1", "signing_secret": "x", "base_url": "ftp://x"},
            "base_url: 'ftp://x/' is no web address",
        ),
        (
            {"bot_token": "xoxb-1", "signing_secret": "x", "base_url": "http://169.254.169.254/api/"},
            "where a cloud serves the machine's own credentials: refused",
        ),
        (
            {"bot_token": "xoxb-1", "signing_secret": "x", "base_url": "http://10.0.0.9/api/"},
            "which is not a public address",
        ),
        ({"local": "http://127.0.0.1:9"}, "local: no local Slack workspace answers at http://127.0.0.1:9"),
    ],
)
def test_a_wrong_value_is_named(tenant: Tenant, committed_db: str, values: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        installs.connect(tenant.id, values, actor="cli")
    assert said in str(refused.value)
    with tenant_scope(tenant.id):
        assert not Connection.objects.exists()


def test_a_token_that_slack_turns_down_is_refused(tenant: Tenant, workspace: Workspace) -> None:
    workspace.fail("auth.test", "invalid_auth")
    with pytest.raises(ValueError, match=r"Slack answers 'invalid_auth' to auth\.test"):
        installs.connect(tenant.id, by_token(tenant, workspace), actor="cli")


def test_a_team_leads_to_one_tenant_for_the_shared_app(
    tenant: Tenant, other_tenant: Tenant, workspace: Workspace
) -> None:
    installs.connect(other_tenant.id, by_token(tenant, workspace), actor="cli")
    team = SlackWorkspace.objects.get()
    assert team.tenant_id == tenant.id, "another tenant's own app took the team over"
    found = installs.of_team("", team.team_id)
    assert found is not None
    assert found.tenant_id == tenant.id


def test_the_connection_test_says_what_it_saw(tenant: Tenant, workspace: Workspace) -> None:
    with tenant_scope(tenant.id):
        connection = Connection.objects.get(kind="slack").id
    works, detail = installs.check(tenant.id, connection)
    assert works
    assert detail.endswith("as copilot")
    workspace.fail("auth.test", "account_inactive")
    works, detail = installs.check(tenant.id, connection)
    assert not works
    assert "account_inactive" in detail
    with tenant_scope(tenant.id):
        assert Connection.objects.get(id=connection).health == "failing"


def test_no_secret_is_in_a_repr(tenant: Tenant, workspace: Workspace) -> None:
    found = installs.of_tenant(tenant.id)
    assert found is not None
    for secret in (found.secrets.bot_token, found.secrets.signing_secret, found.secrets.endpoint_key):
        assert secret not in repr(found)


def test_the_manifest_names_what_the_face_uses() -> None:
    manifest = yaml.safe_load(MANIFEST.read_text())
    assert [one["command"] for one in manifest["features"]["slash_commands"]] == ["/sre"]
    assert {"chat:write", "commands", "channels:join", "channels:history", "files:write"} <= set(
        manifest["oauth_config"]["scopes"]["bot"]
    )
    assert manifest["settings"]["event_subscriptions"]["bot_events"] == [
        "agent_session_stopped",
        "app_context_changed",
        "app_home_opened",
        "app_mention",
        "entity_details_requested",
        "link_shared",
        "message.im",
        "app_uninstalled",
        "tokens_revoked",
    ]
