"""Connect a tenant's Slack workspace: check the token, seal the secrets, and say where Slack shall send its requests."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone

from copilot.config import config
from copilot.faces import Connected
from copilot.guard import vault
from copilot.guard.tenancy import tenant_scope
from copilot.models import AuditEntry, Connection, ConnectionHealth, Endpoint, Tenant
from slackbot import incident_links
from slackbot.installs.health import HISTORY, who_am_i
from slackbot.installs.installation import KIND, SECONDS, SLACK, guard_address, request_url
from slackbot.models import InstallationStatus, SlackInstallation, SlackPost, SlackWorkspace

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

LOCAL_CHANNEL = "#incidents"
SECRETS = ("bot_token", "signing_secret", "app_token", "base_url")
KNOWN = ("bot_token", "signing_secret", "app_token", "default_channel", "base_url", "local", "name", "install")


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
    address = request_url(key)
    if values.get("local"):
        given = _install_locally(tenant_id, values["local"], address, str(before.get("signing_secret") or ""))
    else:
        given = {name: values[name].strip() for name in SECRETS if values.get(name)}
        # A new token is of Slack itself unless it says otherwise, whatever workspace was connected before.
        kept = {"signing_secret", "app_token"} if "bot_token" in given else set(SECRETS)
        given = {**{k: str(v) for k, v in before.items() if k in kept}, **given}
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
    app_token = given.get("app_token", "")
    if app_token and not app_token.startswith("xapp-"):
        raise ValueError(
            "app_token: give an App-Level Token with connections:write, which starts with xapp- (Basic Information)"
        )
    shared = config().slack_signing_secret is not None and not secret and not app_token
    if not secret and not shared and not app_token:
        raise ValueError("signing_secret: give the app's Signing Secret (Basic Information, App Credentials)")
    guard_address(base_url)
    who = who_am_i(token, base_url)
    sealed = {"bot_token": token, "signing_secret": secret, "base_url": base_url, "endpoint_key": key}
    if app_token:
        sealed["app_token"] = app_token
    # Every local team has this channel; without one, incidents of services that nobody set up would show nowhere.
    usual = LOCAL_CHANNEL if values.get("local") else ""
    connection_id = store(
        tenant_id, name, sealed, who, channel=values.get("default_channel", ""), usual=usual, actor=actor, shared=shared
    )
    lines = [
        f"connected to the Slack workspace {who.get('team') or who.get('team_id')} as {who.get('user') or who.get('user_id')}"
    ]
    if shared:
        lines.append(f"Request URL of the shared app: {request_url()}")
    elif app_token:
        lines.append("Slack's requests come through Socket Mode: keep `copilot socket` running")
    elif values.get("local"):
        _verify_locally(values["local"], tenant_id)
        lines.append(f"the local workspace sends its requests to {address}")
    else:
        lines.append(f"Request URL for Event Subscriptions, Interactivity and the /sre command: {address}")
    if not values.get("default_channel") and not values.get("local"):
        lines.append(
            "no default_channel is set: incidents of services without a channel cannot be posted until there is one"
        )
    return Connected(connection_id=connection_id, lines=tuple(lines))


def _install_locally(tenant_id: UUID, server: str, address: str, secret: str) -> dict[str, str]:
    """Install the app in the local workspace, one team a tenant."""
    import httpx

    server = server.strip().rstrip("/")
    guard_address(server + "/")
    secret = secret or secrets.token_hex(16)
    team = Tenant.objects.get(id=tenant_id).slug
    body = {"team": team, "app_url": address, "signing_secret": secret, "commands": ["/sre"],
            "unfurl_domains": incident_links.domains()}  # fmt: skip
    try:
        with httpx.Client(trust_env=False, timeout=SECONDS) as client:
            answer = client.post(f"{server}/local/app", json=body)
            installed: dict[str, Any] = answer.json()
    except (httpx.HTTPError, ValueError) as failure:
        raise ValueError(
            f"local: no local Slack workspace answers at {server} ({failure}): is it running?"
        ) from failure
    if not installed.get("ok"):
        raise ValueError(f"local: the workspace refused: {installed.get('error')}")
    return {"bot_token": str(installed["bot_token"]), "signing_secret": secret, "base_url": f"{server}/api/"}


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


def store(
    tenant_id: UUID,
    name: str,
    sealed: dict[str, str],
    who: dict[str, Any],
    *,
    channel: str,
    usual: str,
    actor: str,
    shared: bool,
) -> UUID:
    """Write an installation down, its secrets sealed, and return the connection's id.

    :raises ValueError: where a shared app's team is another tenant's.
    """
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
        row.default_channel = channel.strip() or row.default_channel or usual
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
