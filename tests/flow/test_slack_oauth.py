"""Installing the shared app by OAuth: a link for one tenant, a state used once by one browser, tokens that are renewed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import time_machine
import yaml
from fastapi import FastAPI

from copilot import config as configuration
from copilot import connections
from copilot.guard import vault
from copilot.guard.tenancy import tenant_scope
from copilot.models import AuditEntry, Connection, Tenant
from slackbot import installs
from slackbot.installs import oauth
from slackbot.models import SlackGrant, SlackInstallation, SlackWorkspace
from tests.flow.slack_world import served
from tests.flow.test_slack_connect import MANIFEST
from tests.servers.processes import free_port
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def shared_app(committed_db: str, local_slack: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The product with a shared app, served; its Slack is the local one. Gives its public address."""
    from slackbot.app import routes

    port = free_port()
    for name, value in {
        "COPILOT_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "COPILOT_SLACK_URL": local_slack,
        "COPILOT_SLACK_CLIENT_ID": "12.34",
        "COPILOT_SLACK_CLIENT_SECRET": "client-secret",
        "COPILOT_SLACK_SIGNING_SECRET": "shared-signing-secret",
    }.items():
        monkeypatch.setenv(name, value)
    configuration.config.cache_clear()
    app = FastAPI()
    app.include_router(routes())
    with served(app, port):
        yield f"http://127.0.0.1:{port}"
    monkeypatch.undo()
    configuration.config.cache_clear()


def link_of(tenant: Tenant) -> str:
    lines = oauth.link(tenant.id, actor="ada").lines
    return lines[0].rpartition(" ")[2]


def team(local_slack: str, name: str, **more: Any) -> dict[str, Any]:
    with httpx.Client(trust_env=False, timeout=PATIENCE) as client:
        body = {"team": name, "signing_secret": "shared-signing-secret", **more}
        made: dict[str, Any] = client.post(f"{local_slack}/local/app", json=body).json()
    assert made["ok"]
    return made


class Browser:
    """A person's browser: keeps cookies, follows redirects, and presses Allow."""

    def __init__(self) -> None:
        self.cookies = httpx.Cookies()

    def get(self, address: str) -> httpx.Response:
        with httpx.Client(trust_env=False, timeout=PATIENCE, cookies=self.cookies) as client:
            answer = client.get(address)
            self.cookies = client.cookies
        return answer

    def begin(self, link: str) -> str:
        """Open an install link; return Slack's address that it leads to."""
        answer = self.get(link)
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]

    def allow(self, address: str, team: str) -> str:
        """Press Allow on Slack's page; return the address that leads back."""
        answer = self.get(address.replace("/authorize?", "/allow?") + f"&team={team}")
        assert answer.status_code == 302
        return answer.headers["location"]

    def end(self, back: str) -> httpx.Response:
        return self.get(back)

    def install(self, link: str, team: str) -> httpx.Response:
        return self.end(self.allow(self.begin(link), team))


def installed(tenant: Tenant) -> list[tuple[str, str, str]]:
    with tenant_scope(tenant.id):
        rows = SlackInstallation.objects.select_related("connection").order_by("installed_at")
        return [(row.connection.name, row.team_name, row.status) for row in rows]


def sealed(tenant: Tenant) -> dict[str, Any]:
    with tenant_scope(tenant.id):
        return vault.unseal(tenant.id, bytes(Connection.objects.get(kind="slack").sealed))


def test_a_person_installs_the_app_for_the_tenant_of_the_link(
    tenant: Tenant, shared_app: str, local_slack: str
) -> None:
    made = team(local_slack, "oauth-one")

    page = Browser().install(link_of(tenant), "oauth-one")

    assert page.status_code == 200
    assert "Installed in Oauth One" in page.text
    assert page.headers["cache-control"] == "no-store"
    assert installed(tenant) == [("default", "Oauth One", "active")]
    assert sealed(tenant)["bot_token"] == made["bot_token"]
    row = SlackWorkspace.objects.get(team_id=made["team_id"])
    assert row.tenant_id == tenant.id
    found = installs.of_team("", made["team_id"])
    assert found is not None
    assert found.tenant_id == tenant.id
    with tenant_scope(tenant.id):
        assert AuditEntry.objects.filter(action="slack connected", actor="ada").count() == 1


def test_slack_is_asked_for_the_scopes_of_the_manifest(tenant: Tenant, shared_app: str) -> None:
    address = Browser().begin(link_of(tenant))

    asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    assert asked["client_id"] == "12.34"
    assert asked["redirect_uri"] == f"{shared_app}/slack/oauth/callback"
    manifest = yaml.safe_load(MANIFEST.read_text())
    assert set(asked["scope"].split(",")) == set(manifest["oauth_config"]["scopes"]["bot"])


def test_a_state_works_once(tenant: Tenant, shared_app: str, local_slack: str) -> None:
    team(local_slack, "oauth-once")
    browser = Browser()
    back = browser.allow(browser.begin(link_of(tenant)), "oauth-once")
    cookies = dict(browser.cookies)

    assert browser.end(back).status_code == 200
    browser.cookies.update(cookies)
    again = browser.end(back)

    assert again.status_code == 400
    assert "finished already" in again.text
    assert len(installed(tenant)) == 1


def test_what_one_browser_began_another_cannot_end(tenant: Tenant, shared_app: str, local_slack: str) -> None:
    team(local_slack, "oauth-other")
    browser = Browser()
    back = browser.allow(browser.begin(link_of(tenant)), "oauth-other")

    page = Browser().end(back)

    assert page.status_code == 400
    assert installed(tenant) == []


def test_a_made_up_state_installs_nothing(tenant: Tenant, shared_app: str) -> None:
    browser = Browser()
    browser.cookies.set("copilot-slack-state", "made-up")

    page = browser.end(f"{shared_app}/slack/oauth/callback?code=x&state=made-up")

    assert page.status_code == 400
    assert installed(tenant) == []


def test_an_old_link_is_refused(tenant: Tenant, shared_app: str) -> None:
    link = link_of(tenant)
    SlackGrant.objects.update(expires_at="2020-01-01T00:00:00Z")

    page = Browser().get(link)

    assert page.status_code == 410
    assert "Ask whoever sent it for a new one" in page.text


def test_cancelling_in_slack_is_told(tenant: Tenant, shared_app: str) -> None:
    browser = Browser()
    address = browser.begin(link_of(tenant))
    state = parse_qs(urlsplit(address).query)["state"][0]

    page = browser.end(f"{shared_app}/slack/oauth/callback?error=access_denied&state={state}")

    assert page.status_code == 400
    assert "cancelled in Slack" in page.text


def test_what_slack_or_a_stranger_puts_in_the_address_is_only_text(tenant: Tenant, shared_app: str) -> None:
    browser = Browser()
    address = browser.begin(link_of(tenant))
    state = parse_qs(urlsplit(address).query)["state"][0]

    page = browser.end(f"{shared_app}/slack/oauth/callback?error=<script>alert(1)</script>&state={state}")

    assert "<script>" not in page.text


def test_installing_again_renews_and_keeps_the_rest(tenant: Tenant, shared_app: str, local_slack: str) -> None:
    team(local_slack, "oauth-again")
    Browser().install(link_of(tenant), "oauth-again")
    with tenant_scope(tenant.id):
        SlackInstallation.objects.update(default_channel="#incidents", status="revoked")

    Browser().install(link_of(tenant), "oauth-again")

    assert installed(tenant) == [("default", "Oauth Again", "active")]
    with tenant_scope(tenant.id):
        assert SlackInstallation.objects.get().default_channel == "#incidents"


def test_a_workspace_of_another_tenant_is_refused(
    tenant: Tenant, other_tenant: Tenant, shared_app: str, local_slack: str
) -> None:
    team(local_slack, "oauth-taken")
    Browser().install(link_of(tenant), "oauth-taken")

    page = Browser().install(link_of(other_tenant), "oauth-taken")

    assert page.status_code == 400
    assert "connected already, elsewhere" in page.text
    assert installed(other_tenant) == []


def test_a_workspace_that_removed_the_app_is_free_for_another_tenant(
    tenant: Tenant, other_tenant: Tenant, shared_app: str, local_slack: str
) -> None:
    made = team(local_slack, "oauth-moved")
    Browser().install(link_of(tenant), "oauth-moved")
    found = installs.of_team("", made["team_id"])
    assert found is not None

    installs.close(found, "uninstalled", "the app was removed")  # type: ignore[arg-type]
    page = Browser().install(link_of(other_tenant), "oauth-moved")

    assert page.status_code == 200
    assert [status for _, _, status in installed(tenant)] == ["uninstalled"]
    assert SlackWorkspace.objects.get(team_id=made["team_id"]).tenant_id == other_tenant.id


def test_tokens_that_end_are_renewed_long_before(tenant: Tenant, shared_app: str, local_slack: str) -> None:
    team(local_slack, "oauth-rotating", token_rotation=True)
    Browser().install(link_of(tenant), "oauth-rotating")
    before = sealed(tenant)
    with tenant_scope(tenant.id):
        connection_id = Connection.objects.get(kind="slack").id
        SlackInstallation.objects.update(default_channel="#incidents")
    assert before["bot_token"].startswith("xoxe.xoxb-")

    assert connections.check(tenant.id, connection_id).works
    assert sealed(tenant) == before

    with time_machine.travel(float(before["expires_at"]) - 3600, tick=True):
        assert connections.check(tenant.id, connection_id).works
    after = sealed(tenant)
    assert after["bot_token"] != before["bot_token"]
    assert after["refresh_token"] != before["refresh_token"]
    assert float(after["expires_at"]) > float(before["expires_at"])


def test_a_token_that_has_ended_is_renewed_before_it_is_used(tenant: Tenant, shared_app: str, local_slack: str) -> None:
    team(local_slack, "oauth-ended", token_rotation=True)
    Browser().install(link_of(tenant), "oauth-ended")
    before = installs.of_tenant(tenant.id)
    assert before is not None

    with time_machine.travel(before.secrets.expires_at + 60, tick=True):
        after = installs.fresh(before)
        assert after.secrets.bot_token != before.secrets.bot_token
        # The refresh token is spent; whoever still holds the old one finds the new token in the rows.
        assert installs.fresh(after) == after


def test_a_token_that_slack_does_not_renew_is_told(tenant: Tenant, shared_app: str, local_slack: str) -> None:
    team(local_slack, "oauth-lost", token_rotation=True)
    Browser().install(link_of(tenant), "oauth-lost")
    found = installs.of_tenant(tenant.id)
    assert found is not None
    oauth.exchange(grant_type="refresh_token", refresh_token=sealed(tenant)["refresh_token"])

    with time_machine.travel(found.secrets.expires_at + 60, tick=True):
        health = connections.check(tenant.id, found.connection_id)

    assert not health.works
    assert health.detail.endswith("Install the app again.")


def test_without_a_shared_app_there_is_no_link(tenant: Tenant) -> None:
    with pytest.raises(ValueError, match="set COPILOT_SLACK_CLIENT_ID, COPILOT_SLACK_CLIENT_SECRET"):
        oauth.link(tenant.id, actor="ada")
