"""Install an app in a workspace: where its requests go, with which secret and commands."""

import re
from typing import Any
from urllib.parse import urlsplit

from slackbot.local.errors import LocalError
from slackbot.local.events import verify_url, verify_url_soon
from slackbot.local.identity import DEFAULT_TEAM
from slackbot.local.model import Json
from slackbot.local.service import Service
from slackbot.local.state import TEAM_NAME

DEFAULT_COMMANDS = ["/sre"]


async def install(service: Service, body: Json) -> Json:
    """Make or change a team's app and return what the app needs to know.

    A new address is asked for Slack's challenge: at once when the caller chose the secret, else a little later,
    since the app must first learn the secret from this answer.

    :raises LocalError: a field is of the wrong kind.
    """
    team = body.get("team") or DEFAULT_TEAM
    if not isinstance(team, str) or not TEAM_NAME.fullmatch(team):
        raise LocalError(f"team: {team!r} is not a team name; use lower-case letters, digits, - and _", field="team")
    address, secret, commands = _address(body), _secret(body), _commands(body)
    workspace = service.state.workspaces.get(team) or service.state.create(team)
    app = workspace.app
    if isinstance(body.get("name"), str) and body["name"].strip():
        app.name = body["name"].strip()[:80]
        workspace.users[app.bot_user_id].real_name = app.name
        workspace.save_user(workspace.users[app.bot_user_id])
    if address is not None:
        app.app_url = address
        app.url_verified = False
    if secret is not None:
        app.signing_secret = secret
    if commands is not None or not app.commands:
        app.commands = commands if commands is not None else list(DEFAULT_COMMANDS)
    if (domains := _domains(body)) is not None:
        app.unfurl_domains = domains
    if isinstance(body.get("token_rotation"), bool):
        service.codes.rotating.discard(team)
        if body["token_rotation"]:
            service.codes.rotating.add(team)
    workspace.save_team()
    workspace.changed("people")
    if address is not None and secret is not None:
        await verify_url(service, workspace)
    elif address is not None:
        service.in_background(verify_url_soon(service, workspace))
    return {
        "team": workspace.slug,
        "team_id": workspace.id,
        "team_name": workspace.name,
        "app_id": app.app_id,
        "bot_id": app.bot_id,
        "bot_user_id": app.bot_user_id,
        "bot_token": app.bot_token,
        "signing_secret": app.signing_secret,
        "url_verified": app.url_verified,
        "api_url": f"{service.base_url}/api/",
    }


def _address(body: Json) -> str | None:
    address = body.get("app_url")
    if address is None:
        return None
    parts = urlsplit(address) if isinstance(address, str) else None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise LocalError("app_url: must be an http:// or https:// address", field="app_url")
    return str(address)


def _secret(body: Json) -> str | None:
    secret = body.get("signing_secret")
    if secret is None:
        return None
    if not isinstance(secret, str) or not secret.strip():
        raise LocalError("signing_secret: must be a text that is not empty", field="signing_secret")
    return secret.strip()


def _domains(body: Json) -> list[str] | None:
    domains: Any = body.get("unfurl_domains")
    if domains is None:
        return None
    if not isinstance(domains, list) or not all(isinstance(one, str) and one.strip() for one in domains):
        raise LocalError('unfurl_domains: must be a list such as ["copilot.example.com"]', field="unfurl_domains")
    return [one.strip().lower() for one in domains]


def _commands(body: Json) -> list[str] | None:
    commands: Any = body.get("commands")
    if commands is None:
        return None
    if not isinstance(commands, list) or not all(
        isinstance(command, str) and re.fullmatch(r"/[a-z0-9_-]{1,31}", command) for command in commands
    ):
        raise LocalError('commands: must be a list such as ["/sre"]', field="commands")
    return commands
