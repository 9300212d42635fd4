"""An installation in use: found by tenant, address or team, its secrets opened for the one call."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from copilot import observe, tracing
from copilot.config import config
from copilot.guard import vault
from copilot.guard.http.addresses import Gate
from copilot.guard.http.deadline import Deadline
from copilot.guard.tenancy import tenant_scope
from copilot.models import Endpoint
from copilot.web.db import give_back
from integrations.base import SourceError
from slackbot.models import InstallationStatus, SlackInstallation, SlackWorkspace

if TYPE_CHECKING:
    from uuid import UUID

    from slack_sdk.web import SlackResponse

SLACK = "https://slack.com/api/"
KIND = "slack"
SECONDS = 10


class TimedClient(WebClient):
    """Call Slack, and tell how long that took and how it ended."""

    def api_call(self, api_method: str, **arguments: Any) -> SlackResponse:
        """Make one call; its outcome is `ok`, Slack's own word for what was wrong, or `unreachable`."""
        # Slack may take seconds; requests that wait to be acknowledged need the connection meanwhile.
        give_back()
        started, outcome = time.monotonic(), "unreachable"
        with tracing.span(f"slack {api_method}", kind="client") as traced:
            try:
                answer = super().api_call(api_method, **arguments)
                outcome = "ok"
            except SlackApiError as error:
                outcome = str(error.response.get("error", "refused"))
                raise
            finally:
                # Slack's words are a short, fixed list; anything longer is not one of them.
                outcome = outcome if re.fullmatch(r"[a-z_]{1,40}", outcome) else "refused"
                traced.note({"copilot.outcome": outcome})
                observe.slack_seconds.labels(api_method, outcome).observe(time.monotonic() - started)
        return answer


@dataclass(frozen=True, slots=True)
class Installation:
    """Hold an installation as it is used: ids, and the secrets opened for this one call."""

    tenant_id: UUID
    connection_id: UUID
    enterprise_id: str
    team_id: str
    team_url: str
    bot_user_id: str
    bot_id: str
    default_channel: str
    base_url: str
    is_active: bool
    secrets: Secrets

    def client(self, *, seconds: int = SECONDS) -> WebClient:
        """Return a client of this workspace. It retries nothing by itself: a post must not be sent twice unknowingly."""
        guard_address(self.base_url)
        return TimedClient(
            token=self.secrets.bot_token,
            base_url=self.base_url,
            timeout=seconds,
            retry_handlers=[],
            user_agent_prefix="sre-copilot",
        )

    def takes_answers_at(self, url: str) -> bool:
        """Return whether a `response_url` leads to Slack, or to the server this workspace is configured with."""
        try:
            there, here = _origin(url), _origin(self.base_url)
        except ValueError:
            return False
        return there == ("https", "hooks.slack.com", None) if self.base_url == SLACK else there == here


@dataclass(frozen=True, slots=True, repr=False)
class Secrets:
    """Hold a workspace's token and signing secret; its repr tells nothing."""

    bot_token: str
    signing_secret: str
    endpoint_key: str
    # Unix seconds; zero where the token does not end.
    expires_at: float = 0.0
    # With it, Slack's requests come through a connection of our own (Socket Mode).
    app_token: str = ""


def _origin(url: str) -> tuple[str, str | None, int | None]:
    """Return scheme, host and port.

    :raises ValueError: where the URL is none.
    """
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


def guard_address(base_url: str) -> None:
    """Return if the API's address may be called: Slack's own, or one that this deployment's networks allow.

    :raises ValueError: where it may not.
    """
    parts = urlsplit(base_url)
    if base_url == SLACK:
        return
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"base_url: {base_url!r} is no web address; leave it out for {SLACK}")
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        Gate(deadline=Deadline(5.0), allowed_private=config().allowed_private_networks).addresses(parts.hostname, port)
    except SourceError as refused:
        raise ValueError(f"base_url: {refused}") from refused


def of_tenant(tenant_id: UUID) -> Installation | None:
    """Return the tenant's workspace, the newest active one; None where there is none."""
    with tenant_scope(tenant_id):
        row = (
            SlackInstallation.objects.select_related("connection")
            .filter(status=InstallationStatus.ACTIVE, connection__is_enabled=True)
            .first()
        )
        return _opened(row) if row else None


def all_of(tenant_id: UUID) -> list[Installation]:
    """Return all of a tenant's active workspaces."""
    with tenant_scope(tenant_id):
        rows = SlackInstallation.objects.select_related("connection").filter(
            status=InstallationStatus.ACTIVE, connection__is_enabled=True
        )
        return [_opened(row) for row in rows]


def of_connection(tenant_id: UUID, connection_id: UUID) -> Installation | None:
    """Return the installation of one connection, active or not."""
    with tenant_scope(tenant_id):
        row = SlackInstallation.objects.select_related("connection").filter(connection_id=connection_id).first()
        return _opened(row) if row else None


def of_endpoint(key: str) -> Installation | None:
    """Return the installation that a Request URL's key leads to."""
    hashes = vault.fingerprints(key)
    endpoint = Endpoint.objects.filter(key_hash__in=hashes, kind=KIND).first()
    return of_connection(endpoint.tenant_id, endpoint.connection_id) if endpoint else None


def of_team(enterprise_id: str, team_id: str) -> Installation | None:
    """Return the installation of a Slack team, or of the whole enterprise that it belongs to."""
    for enterprise, team in ((enterprise_id, team_id), ("", team_id), (enterprise_id, "")):
        if not enterprise and not team:
            continue
        found = SlackWorkspace.objects.filter(enterprise_id=enterprise, team_id=team).first()
        if found:
            return of_connection(found.tenant_id, found.connection_id)
    return None


def request_url(key: str = "") -> str:
    """Return the address that Slack sends its requests to: of a connection's own app by its key, or of the shared app."""
    base = f"{config().public_url.rstrip('/')}/slack/events"
    return f"{base}/{key}" if key else base


def _opened(row: SlackInstallation) -> Installation:
    opened = vault.unseal(row.tenant_id, bytes(row.connection.sealed))
    return Installation(
        tenant_id=row.tenant_id,
        connection_id=row.connection_id,
        enterprise_id=row.enterprise_id,
        team_id=row.team_id,
        team_url=row.team_url,
        bot_user_id=row.bot_user_id,
        bot_id=row.bot_id,
        default_channel=row.default_channel,
        base_url=opened.get("base_url") or SLACK,
        is_active=row.status == InstallationStatus.ACTIVE and row.connection.is_enabled,
        secrets=Secrets(
            bot_token=opened["bot_token"],
            signing_secret=opened.get("signing_secret", ""),
            endpoint_key=opened.get("endpoint_key", ""),
            expires_at=float(opened.get("expires_at") or 0),
            app_token=opened.get("app_token", ""),
        ),
    )
