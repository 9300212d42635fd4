"""Socket Mode: requests come through a connection of our own, to the same listeners, and are answered there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from copilot.guard import vault
from copilot.guard.tenancy import tenant_scope
from copilot.models import Connection, Tenant
from slackbot import installs
from slackbot import socket as receiver
from slackbot.models import InstallationStatus, SlackInstallation
from tests.flow.slack_world import Workspace
from tests.servers.slack_socket import SlackSocket
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def slack(tenant: Tenant, workspace: Workspace) -> Iterator[SlackSocket]:
    """Slack's end; the tenant's workspace is connected with an app token, and its Web API is the stand-in's for sockets."""
    with SlackSocket() as server:
        with tenant_scope(tenant.id):
            row = Connection.objects.get(kind="slack")
            sealed = vault.unseal(tenant.id, bytes(row.sealed))
            row.seal({**sealed, "app_token": "xapp-1", "base_url": f"{server.url}/api/"})
            row.save()
        yield server


@pytest.fixture
def sockets(slack: SlackSocket) -> Iterator[receiver.Sockets]:
    opened = receiver.Sockets()
    opened.follow(receiver.installations())
    slack.wait_for_app()
    yield opened
    opened.close()


def slash(workspace: Workspace, text: str) -> dict[str, Any]:
    return {
        "command": "/sre", "text": text, "user_id": "U1", "user_name": "ada", "channel_id": "C1", "team_id": "T1",
        "response_url": "http://127.0.0.1:9/none", "trigger_id": "1.2.3",
    }  # fmt: skip


def test_a_command_is_acknowledged_on_the_socket(
    workspace: Workspace, slack: SlackSocket, sockets: receiver.Sockets
) -> None:
    answer = slack.send("slash_commands", slash(workspace, "help"))

    assert answer["envelope_id"] == "e1"


def test_an_event_that_ends_the_installation_comes_through(
    tenant: Tenant, workspace: Workspace, slack: SlackSocket, sockets: receiver.Sockets
) -> None:
    event = {
        "type": "event_callback", "event_id": "Ev1", "team_id": "T1", "event": {"type": "app_uninstalled"},
    }  # fmt: skip
    slack.send("events_api", event)

    def status() -> bool:
        with tenant_scope(tenant.id):
            return SlackInstallation.objects.get().status == InstallationStatus.UNINSTALLED

    assert until(status)
    # What is closed is no longer listened to.
    sockets.follow(receiver.installations())
    assert receiver.installations() == []
    assert sockets._open == {}


def test_a_window_with_a_mistake_is_answered_with_its_words(
    workspace: Workspace, slack: SlackSocket, sockets: receiver.Sockets
) -> None:
    view = {
        "id": "V1", "hash": "1", "type": "modal", "callback_id": "other_cause",
        "private_metadata": "00000000-0000-4000-8000-000000000042",
        "state": {"values": {"words": {"words": {"type": "plain_text_input", "value": "x"}}}},
    }  # fmt: skip
    payload = {"type": "view_submission", "user": {"id": "U1", "name": "ada"}, "team": {"id": "T1"}, "view": view}

    answer = slack.send("interactive", payload)

    assert answer["payload"]["response_action"] == "errors"


def test_a_wrong_app_token_is_told_at_the_connection(tenant: Tenant, workspace: Workspace) -> None:
    with SlackSocket(app_token="xapp-other") as server:
        with tenant_scope(tenant.id):
            row = Connection.objects.get(kind="slack")
            sealed = vault.unseal(tenant.id, bytes(row.sealed))
            row.seal({**sealed, "app_token": "xapp-1", "base_url": f"{server.url}/api/"})
            row.save()
        opened = receiver.Sockets()
        opened.follow(receiver.installations())
        opened.close()

    with tenant_scope(tenant.id):
        row = Connection.objects.get(kind="slack")
    assert (row.health, "check app_token" in row.health_detail) == ("failing", True)


def test_an_app_token_stands_in_for_a_signing_secret(tenant: Tenant, workspace: Workspace) -> None:
    found = installs.of_tenant(tenant.id)
    assert found is not None
    values = {"bot_token": found.secrets.bot_token, "base_url": f"{workspace.url}/api", "name": "second"}

    with pytest.raises(ValueError, match="starts with xapp-"):
        installs.connect(tenant.id, {**values, "app_token": "xoxb-1"}, actor="cli")
    connected = installs.connect(tenant.id, {**values, "app_token": "xapp-1"}, actor="cli")

    assert "copilot socket" in connected.lines[1]
