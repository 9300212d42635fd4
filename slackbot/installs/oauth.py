"""Install the shared app by OAuth v2: a link for one tenant, a state that is used once, and tokens sealed as they come."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.utils import timezone
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from copilot.config import config
from copilot.faces import Connected
from copilot.guard.tenancy import tenant_scope
from copilot.models import AuditEntry, Connection
from slackbot.installs import grants
from slackbot.installs.connecting import store
from slackbot.installs.health import who_am_i
from slackbot.installs.installation import KIND, SECONDS, guard_address
from slackbot.models import GrantKind, SlackGrant, SlackInstallation, SlackWorkspace

if TYPE_CHECKING:
    from uuid import UUID

LINK_LIFE = timedelta(hours=1)
STATE_LIFE = timedelta(minutes=10)
# As in manifest.yaml, which a test compares.
SCOPES = (
    "app_mentions:read", "assistant:write", "channels:history", "channels:join", "channels:read", "chat:write", "commands",
    "files:write", "groups:history", "groups:read", "im:history", "links:read", "links:write", "users:read",
)  # fmt: skip


class InstallRefused(ValueError):
    """Say to the person in the browser why the app was not installed, and what to do."""


@dataclass(frozen=True, slots=True)
class Begun:
    """Hold what a browser is sent to Slack with: the state goes into a cookie, too."""

    state: str
    url: str


def slack_url() -> str:
    """Return where Slack is: slack.com, or the stand-in that the deployment names."""
    return config().slack_url.rstrip("/")


def callback_url() -> str:
    """Return the redirect URL that the app's settings must name."""
    return f"{config().public_url.rstrip('/')}/slack/oauth/callback"


def link(tenant_id: UUID, *, actor: str) -> Connected:
    """Return a link with which somebody may install the shared app for this tenant, for an hour.

    :raises ValueError: where no shared app is configured.
    """
    settings = config()
    lacking = [
        name
        for name, value in (
            ("COPILOT_SLACK_CLIENT_ID", settings.slack_client_id),
            ("COPILOT_SLACK_CLIENT_SECRET", settings.slack_client_secret),
            ("COPILOT_SLACK_SIGNING_SECRET", settings.slack_signing_secret),
        )
        if not value
    ]
    if lacking:
        raise ValueError(
            f"install: this deployment has no shared Slack app: set {', '.join(lacking)} for the api and the workers"
        )
    key = grants.make(GrantKind.LINK, tenant_id, actor, LINK_LIFE)
    with tenant_scope(tenant_id):
        AuditEntry.objects.create(actor=actor, action="slack install link", target="one hour")
    return Connected(
        connection_id=None,
        lines=(
            f"open within an hour, as somebody who may install apps: {settings.public_url.rstrip('/')}/slack/install/{key}",
            f"the app's settings must name the redirect URL {callback_url()}",
        ),
    )


def begin(key: str) -> Begun:
    """Return where to send the browser that came with an install link.

    :raises InstallRefused: where the link is unknown or too old.
    """
    found = SlackGrant.objects.filter(
        token_hash=grants.hashed(key), kind=GrantKind.LINK, expires_at__gt=timezone.now()
    ).first()
    if found is None:
        raise InstallRefused(
            "This install link is not valid any more. Ask whoever sent it for a new one; it lives for an hour."
        )
    state = grants.make(GrantKind.STATE, found.tenant_id, found.actor, STATE_LIFE)
    query = urlencode(
        {
            "client_id": config().slack_client_id,
            "scope": ",".join(SCOPES),
            "redirect_uri": callback_url(),
            "state": state,
        }
    )
    return Begun(state, f"{slack_url()}/oauth/v2/authorize?{query}")


def finish(*, state: str, cookie: str, code: str, error: str = "") -> tuple[str, tuple[str, ...]]:
    """Exchange the code for tokens and connect the workspace; return its name and lines for the person.

    :raises InstallRefused: where the state is not this browser's, was used, or Slack says no.
    """
    granted = _consumed(state)
    if granted is None or not secrets.compare_digest(state, cookie):
        raise InstallRefused(
            "This installation was begun elsewhere, finished already, or is too old. Open the install link again."
        )
    if error:
        raise InstallRefused(
            "The installation was cancelled in Slack. Open the install link again to retry."
            if error == "access_denied"
            else f"Slack refused the installation ({error[:60]})."
        )
    answer = exchange(code=code, redirect_uri=callback_url())
    tenant_id, actor = granted
    try:
        return connect(tenant_id, answer, actor=actor)
    except ValueError as problem:
        raise InstallRefused(str(problem)) from problem


def _consumed(state: str) -> tuple[UUID, str] | None:
    """Take a state out of the table; whoever comes second finds nothing."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM slackbot_slackgrant WHERE token_hash = %s AND kind = %s AND expires_at > now()"
            " RETURNING tenant_id, actor",
            [grants.hashed(state), GrantKind.STATE],
        )
        row = cursor.fetchone()
    return (row[0], row[1]) if row else None


def exchange(**arguments: str) -> dict[str, Any]:
    """Return what oauth.v2.access answers: a new installation's tokens, or those that replace old ones.

    :raises InstallRefused: where Slack says no or does not answer.
    """
    settings = config()
    base = f"{slack_url()}/api/"
    try:
        guard_address(base)
        client = WebClient(base_url=base, timeout=SECONDS, retry_handlers=[])
        secret = settings.slack_client_secret
        answer = client.oauth_v2_access(
            client_id=settings.slack_client_id,
            client_secret=secret.get_secret_value() if secret else "",
            **arguments,
        )
    except SlackApiError as refused:
        raise InstallRefused(f"Slack refused the installation ({refused.response.get('error')}).") from refused
    except (SlackClientError, OSError, ValueError) as failure:
        raise InstallRefused(f"Slack does not answer ({type(failure).__name__}); try again in a minute.") from failure
    return answer.data if isinstance(answer.data, dict) else {}


def connect(tenant_id: UUID, answer: dict[str, Any], *, actor: str) -> tuple[str, tuple[str, ...]]:
    """Seal an installation's tokens and let its team lead to the tenant; the same team installed again keeps its place.

    :raises ValueError: where the team is another tenant's, or the token does not work.
    """
    token = str(answer.get("access_token") or "")
    base = f"{slack_url()}/api/"
    who = who_am_i(token, base)
    is_enterprise = bool(answer.get("is_enterprise_install"))
    enterprise = str((answer.get("enterprise") or {}).get("id") or who.get("enterprise_id") or "")
    team = "" if is_enterprise else str((answer.get("team") or {}).get("id") or who.get("team_id") or "")
    named = (answer.get("enterprise") if is_enterprise else answer.get("team")) or {}
    who = {
        **who,
        "enterprise_id": enterprise,
        "team_id": team,
        "is_enterprise_install": is_enterprise,
        "team": named.get("name") or who.get("team"),
        "user_id": answer.get("bot_user_id") or who.get("user_id"),
        "scopes": [scope for scope in str(answer.get("scope") or "").split(",") if scope] or who["scopes"],
    }
    sealed = {
        "bot_token": token,
        "signing_secret": "",
        "base_url": base,
        "endpoint_key": secrets.token_urlsafe(24),
        **lifetime(answer),
    }
    owner = SlackWorkspace.objects.filter(enterprise_id=enterprise, team_id=team).first()
    if owner is not None and owner.tenant_id != tenant_id:
        raise ValueError("This Slack workspace is connected already, elsewhere; it must be disconnected there first.")
    name = _place(tenant_id, enterprise, team)
    store(tenant_id, name, sealed, who, channel="", usual="", actor=actor, shared=True)
    return str(who.get("team") or team or enterprise), (
        f"Connected to {who.get('team') or team or enterprise} as {who.get('user') or who.get('user_id')}.",
    )


def lifetime(answer: dict[str, Any]) -> dict[str, str]:
    """Return what of a token is kept where the app rotates its tokens: what renews it, and when it ends (Unix seconds)."""
    if not answer.get("refresh_token"):
        return {}
    ends = timezone.now().timestamp() + int(answer.get("expires_in") or 43_200)
    return {"refresh_token": str(answer["refresh_token"]), "expires_at": str(int(ends))}


def _place(tenant_id: UUID, enterprise: str, team: str) -> str:
    """Return the name of the connection: the team's own where it was connected before, else the first that is free."""
    with tenant_scope(tenant_id):
        before = (
            SlackInstallation.objects.filter(enterprise_id=enterprise, team_id=team)
            .select_related("connection")
            .first()
        )
        if before is not None:
            return before.connection.name
        taken = Connection.objects.filter(kind=KIND, name="default").exists()
    return (team or enterprise).lower() if taken else "default"
