"""Slack workspaces of tenants: connect one, find one, and hand out its client."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from copilot.config import config
from copilot.faces import Connected
from copilot.guard import vault
from copilot.guard.http.addresses import Gate
from copilot.guard.http.deadline import Deadline
from copilot.guard.tenancy import tenant_scope
from copilot.models import AuditEntry, Connection, ConnectionHealth, Endpoint, Tenant
from integrations.base import SourceError
from slackbot.models import InstallationStatus, SlackInstallation, SlackPost, SlackWorkspace

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

SLACK = "https://slack.com/api/"
KIND = "slack"
SECONDS = 10
HISTORY = 50
KNOWN = ("bot_token", "signing_secret", "default_channel", "base_url", "local", "name")


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
        return WebClient(
            token=self.secrets.bot_token,
            base_url=self.base_url,
            timeout=seconds,
            retry_handlers=[],
            user_agent_prefix="sre-copilot",
        )

    def takes_answers_at(self, url: str) -> bool:
        """Return whether a `response_url` leads to Slack, or to the server this workspace is configured with."""
        try:
            there, here = urlsplit(url), urlsplit(self.base_url)
            if self.base_url == SLACK:
                return there.scheme == "https" and there.hostname == "hooks.slack.com" and there.port in {None, 443}
            return (there.scheme, there.hostname, there.port) == (here.scheme, here.hostname, here.port)
        except ValueError:
            return False


@dataclass(frozen=True, slots=True, repr=False)
class Secrets:
    """Hold a workspace's token and signing secret; its repr tells nothing."""

    bot_token: str
    signing_secret: str
    endpoint_key: str


class NotConnected(LookupError):
    """Say that a tenant has no Slack workspace that lets us in."""


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
        ),
    )


# Connecting ----------------------------------------------------------------------------------------------------------


def connect(tenant_id: UUID, values: Mapping[str, str], *, actor: str) -> Connected:
    """Connect a workspace by its bot token and signing secret, or the local workspace by its address.

    :raises ValueError: with words for the person where a value is missing or wrong.
    """
    unknown = sorted(set(values) - set(KNOWN))
    if unknown:
        raise ValueError(f"{unknown[0]}: Slack knows no such value; it takes {', '.join(KNOWN)}")
    name = values.get("name", "").strip() or "default"
    with tenant_scope(tenant_id):
        existing = Connection.objects.filter(kind=KIND, name=name).first()
        before = vault.unseal(tenant_id, bytes(existing.sealed)) if existing else {}
    # The key is kept on a second connect: the Request URL that was pasted into Slack goes on working.
    key = str(before.get("endpoint_key") or secrets.token_urlsafe(24))
    request_url = f"{config().public_url.rstrip('/')}/slack/events/{key}"
    if values.get("local"):
        given = _install_locally(tenant_id, values["local"], request_url, str(before.get("signing_secret") or ""))
    else:
        given = {name: values[name].strip() for name in ("bot_token", "signing_secret", "base_url") if values.get(name)}
        given = {**{k: str(v) for k, v in before.items() if k in {"bot_token", "signing_secret", "base_url"}}, **given}
    token, secret, base_url = (
        given.get("bot_token", ""),
        given.get("signing_secret", ""),
        given.get("base_url") or SLACK,
    )
    base_url = base_url.rstrip("/") + "/"
    if not token.startswith("xoxb-"):
        raise ValueError(
            "bot_token: give the app's Bot User OAuth Token, which starts with xoxb- (OAuth & Permissions)"
        )
    shared = config().slack_signing_secret is not None and not secret
    if not secret and not shared:
        raise ValueError("signing_secret: give the app's Signing Secret (Basic Information, App Credentials)")
    guard_address(base_url)
    who = _who_am_i(token, base_url)
    sealed = {"bot_token": token, "signing_secret": secret, "base_url": base_url, "endpoint_key": key}
    connection_id = _store(
        tenant_id, name, sealed, who, channel=values.get("default_channel", ""), actor=actor, shared=shared
    )
    lines = [
        f"connected to the Slack workspace {who.get('team') or who.get('team_id')} as {who.get('user') or who.get('user_id')}"
    ]
    if shared:
        lines.append(f"Request URL of the shared app: {config().public_url.rstrip('/')}/slack/events")
    elif values.get("local"):
        _verify_locally(values["local"], tenant_id)
        lines.append(f"the local workspace sends its requests to {request_url}")
    else:
        lines.append(f"Request URL for Event Subscriptions, Interactivity and the /sre command: {request_url}")
    if not values.get("default_channel") and not values.get("local"):
        lines.append(
            "no default_channel is set: incidents of services without a channel cannot be posted until there is one"
        )
    return Connected(connection_id=connection_id, lines=tuple(lines))


def _install_locally(tenant_id: UUID, address: str, request_url: str, secret: str) -> dict[str, str]:
    """Install the app in the local workspace, one team a tenant."""
    import httpx

    address = address.strip().rstrip("/")
    guard_address(address + "/")
    secret = secret or secrets.token_hex(16)
    team = Tenant.objects.get(id=tenant_id).slug
    body = {"team": team, "app_url": request_url, "signing_secret": secret, "commands": ["/sre"]}
    try:
        with httpx.Client(trust_env=False, timeout=SECONDS) as client:
            answer = client.post(f"{address}/local/app", json=body)
            installed: dict[str, Any] = answer.json()
    except (httpx.HTTPError, ValueError) as failure:
        raise ValueError(
            f"local: no local Slack workspace answers at {address} ({failure}): is it running?"
        ) from failure
    if not installed.get("ok"):
        raise ValueError(f"local: the workspace refused: {installed.get('error')}")
    return {"bot_token": str(installed["bot_token"]), "signing_secret": secret, "base_url": f"{address}/api/"}


def _verify_locally(address: str, tenant_id: UUID) -> None:
    """Let the local workspace ask our address for its challenge, now that we know the secret it signs with."""
    import httpx

    body = {"team": Tenant.objects.get(id=tenant_id).slug}
    try:
        with httpx.Client(trust_env=False, timeout=SECONDS) as client:
            client.post(f"{address.strip().rstrip('/')}/local/app/verify", json=body)
    except httpx.HTTPError:
        # It is connected; only its page says "not verified" until the api is up.
        return


def _who_am_i(token: str, base_url: str) -> dict[str, Any]:
    """Return what auth.test says.

    :raises ValueError: where Slack turns the token down or does not answer.
    """
    client = WebClient(token=token, base_url=base_url, timeout=SECONDS, retry_handlers=[])
    try:
        answer = client.auth_test()
    except SlackApiError as refused:
        raise ValueError(f"bot_token: Slack answers {refused.response.get('error')!r} to auth.test") from refused
    except (SlackClientError, OSError) as failure:
        raise ValueError(f"base_url: {base_url} does not answer: {failure}") from failure
    scopes = answer.headers.get("x-oauth-scopes") or answer.headers.get("X-OAuth-Scopes") or ""
    data = answer.data if isinstance(answer.data, dict) else {}
    return {**data, "scopes": [scope.strip() for scope in str(scopes).split(",") if scope.strip()]}


def _store(
    tenant_id: UUID, name: str, sealed: dict[str, str], who: dict[str, Any], *, channel: str, actor: str, shared: bool
) -> UUID:
    enterprise, team = str(who.get("enterprise_id") or ""), str(who.get("team_id") or "")
    if who.get("is_enterprise_install"):
        team = ""
    now = timezone.now()
    with tenant_scope(tenant_id):
        connection, _ = Connection.objects.get_or_create(
            kind=KIND, name=name, defaults={"sealed": b"", "tenant_id": tenant_id}
        )
        connection.seal(sealed)
        connection.is_enabled = True
        connection.health, connection.health_detail = ConnectionHealth.WORKS, f"workspace {who.get('team') or team}"
        connection.checked_at, connection.failing_since = now, None
        connection.save()
        row = SlackInstallation.objects.filter(connection=connection).first() or SlackInstallation(
            connection=connection
        )
        row.enterprise_id, row.team_id = enterprise, team
        row.team_name, row.team_url = str(who.get("team") or ""), str(who.get("url") or "")
        row.bot_user_id, row.bot_id = str(who.get("user_id") or ""), str(who.get("bot_id") or "")
        row.scopes = who["scopes"]
        row.default_channel = channel.strip() or row.default_channel
        row.status, row.status_detail = InstallationStatus.ACTIVE, ""
        row.history = [*row.history, {"at": now.isoformat(), "what": "connected", "by": actor}][-HISTORY:]
        row.save()
        # What failed for want of a working connection is tried again at once.
        SlackPost.objects.exclude(error="").update(not_before=Now(), error="", failures=0)
        endpoint = {"key_hash": vault.fingerprints(sealed["endpoint_key"])[0], "kind": KIND}
        Endpoint.objects.update_or_create(tenant_id=tenant_id, connection_id=connection.id, defaults=endpoint)
        _claim_team(tenant_id, connection.id, enterprise, team, shared=shared)
        AuditEntry.objects.create(
            actor=actor, action="slack connected", target=row.team_name or team, detail={"team": team}
        )
    return connection.id


def _claim_team(tenant_id: UUID, connection_id: UUID, enterprise: str, team: str, *, shared: bool) -> None:
    """Let the Slack team lead to this tenant; with an app of its own (its own Request URL) that is not needed."""
    try:
        with transaction.atomic():
            row, made = SlackWorkspace.objects.get_or_create(
                enterprise_id=enterprise,
                team_id=team,
                defaults={"tenant_id": tenant_id, "connection_id": connection_id},
            )
    except IntegrityError:
        row, made = SlackWorkspace.objects.get(enterprise_id=enterprise, team_id=team), False
    if made:
        return
    if row.tenant_id == tenant_id:
        row.connection_id = connection_id
        row.save()
    elif shared:
        raise ValueError("bot_token: this Slack workspace is connected already, elsewhere; disconnect it there first")


# Health --------------------------------------------------------------------------------------------------------------


def check(tenant_id: UUID, connection_id: UUID) -> tuple[bool, str]:
    """Test the connection with auth.test; return whether it works and what was seen."""
    found = of_connection(tenant_id, connection_id)
    if found is None:
        return False, "this connection was never completed: connect Slack again"
    try:
        guard_address(found.base_url)
        who = _who_am_i(found.secrets.bot_token, found.base_url)
    except ValueError as failure:
        note_health(tenant_id, connection_id, works=False, detail=str(failure))
        return False, str(failure)
    lacking = sorted({"chat:write", "commands"} - set(who["scopes"])) if who["scopes"] else []
    detail = f"workspace {who.get('team')} as {who.get('user')}"
    if lacking:
        detail = f"{detail}; missing scope {', '.join(lacking)}: add it under OAuth & Permissions and reinstall"
    note_health(tenant_id, connection_id, works=not lacking, detail=detail)
    if not lacking:
        with tenant_scope(tenant_id):
            SlackInstallation.objects.filter(connection_id=connection_id).exclude(
                status=InstallationStatus.ACTIVE
            ).update(status=InstallationStatus.ACTIVE, status_detail="")
            SlackPost.objects.exclude(error="").update(not_before=Now())
    return not lacking, detail


def note_health(tenant_id: UUID, connection_id: UUID, *, works: bool, detail: str) -> None:
    """Write down how the last use of the connection went."""
    now = timezone.now()
    with tenant_scope(tenant_id):
        rows = Connection.objects.filter(id=connection_id)
        if works:
            rows.update(health=ConnectionHealth.WORKS, health_detail=detail, checked_at=now, failing_since=None)
            return
        rows.filter(failing_since=None).update(failing_since=now)
        rows.update(health=ConnectionHealth.FAILING, health_detail=detail, checked_at=now)


def close(installation: Installation, status: InstallationStatus, detail: str) -> None:
    """Write down that Slack no longer lets us in."""
    with tenant_scope(installation.tenant_id):
        row = SlackInstallation.objects.filter(connection_id=installation.connection_id).first()
        if row is None or row.status == status:
            return
        row.status, row.status_detail = status, detail
        row.history = [*row.history, {"at": timezone.now().isoformat(), "what": status, "by": "Slack"}][-HISTORY:]
        row.save()
        AuditEntry.objects.create(
            actor="Slack", action=f"slack {status}", target=row.team_name, detail={"detail": detail}
        )
    note_health(installation.tenant_id, installation.connection_id, works=False, detail=detail)
