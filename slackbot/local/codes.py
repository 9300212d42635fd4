"""The codes and tokens of installing by OAuth v2: each code and each refresh token works once; tokens may end."""

import secrets
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from slackbot.local.errors import LocalError, SlackError
from slackbot.local.identity import random_text
from slackbot.local.model import Json
from slackbot.local.workspace import Workspace

LIFE = 43_200


@dataclass
class Code:
    """What a person allowed, until the app fetches its tokens."""

    workspace: Workspace
    client_id: str
    scope: str
    redirect_uri: str


class Codes:
    """The codes that were given out, the refresh tokens that work, and whether tokens end."""

    def __init__(self) -> None:
        self.codes: dict[str, Code] = {}
        self.refresh: dict[str, Workspace] = {}
        self.rotating: set[str] = set()

    def allow(self, workspace: Workspace, query: Json) -> str:
        """Return the address that the browser is sent back to, with a code.

        :raises LocalError: a parameter is missing.
        """
        for name in ("client_id", "scope", "redirect_uri"):
            if not query.get(name):
                raise LocalError(f"{name}: missing", field=name)
        target = str(query["redirect_uri"])
        if urlsplit(target).scheme not in {"http", "https"}:
            raise LocalError("redirect_uri: must be a web address", field="redirect_uri")
        code = secrets.token_hex(12)
        self.codes[code] = Code(workspace, str(query["client_id"]), str(query["scope"]), target)
        return f"{target}?{urlencode({'code': code, 'state': query.get('state', '')})}"

    def access(self, arguments: Json) -> Json:
        """Exchange a code, or a refresh token, for tokens; each works once.

        :raises SlackError: invalid_code, bad_redirect_uri, invalid_refresh_token, bad_client_secret.
        """
        if not arguments.get("client_id") or not arguments.get("client_secret"):
            raise SlackError("bad_client_secret")
        if arguments.get("grant_type") == "refresh_token":
            workspace = self.refresh.pop(str(arguments.get("refresh_token")), None)
            if workspace is None:
                raise SlackError("invalid_refresh_token")
            return {**_installed(workspace, ""), **self._tokens(workspace)}
        code = self.codes.pop(str(arguments.get("code")), None)
        if code is None:
            raise SlackError("invalid_code")
        if arguments.get("redirect_uri") != code.redirect_uri:
            raise SlackError("bad_redirect_uri")
        return {**_installed(code.workspace, code.scope), **self._tokens(code.workspace)}

    def _tokens(self, workspace: Workspace) -> Json:
        if workspace.slug not in self.rotating:
            return {"access_token": workspace.app.bot_token}
        refresh = f"xoxe-1-{random_text(24)}"
        self.refresh[refresh] = workspace
        token = f"xoxe.xoxb-{workspace.slug}-{random_text(24)}"
        return {"access_token": token, "refresh_token": refresh, "expires_in": LIFE}


def _installed(workspace: Workspace, scope: str) -> Json:
    return {
        "token_type": "bot",
        "scope": scope,
        "bot_user_id": workspace.app.bot_user_id,
        "app_id": workspace.app.app_id,
        "team": {"id": workspace.id, "name": workspace.name},
        "enterprise": None,
        "authed_user": {"id": next(iter(workspace.users))},
        "is_enterprise_install": False,
    }
