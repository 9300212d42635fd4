"""Socket Mode: Slack's requests through a connection that we open, for a deployment without a public address.

`python -m slackbot.socket` (or `copilot socket`) keeps one connection for each installation that has an app token, and hands
what comes to the same listeners as the Request URLs. Several such processes share the requests; each is answered once.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
from typing import TYPE_CHECKING, Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "copilot.settings")

if TYPE_CHECKING:
    from uuid import UUID

    from slack_sdk.socket_mode import SocketModeClient
    from slack_sdk.socket_mode.client import BaseSocketModeClient
    from slack_sdk.socket_mode.request import SocketModeRequest

    from slackbot.installs import Installation

LOOK_SECONDS = 10.0
KINDS = ("events_api", "interactive", "slash_commands")


class Sockets:
    """Keep one connection an installation, opened and closed as installations come and go."""

    def __init__(self) -> None:
        self._open: dict[tuple[UUID, str], SocketModeClient] = {}

    def follow(self, wanted: list[Installation]) -> None:
        """Open what is missing, close what is no longer wanted."""
        from copilot.observe import logger

        log = logger(__name__)
        by_key = {(one.connection_id, one.secrets.app_token): one for one in wanted}
        for key in set(self._open) - set(by_key):
            self._open.pop(key).close()
        for key in set(by_key) - set(self._open):
            try:
                self._open[key] = _opened(by_key[key])
            except Exception as failure:  # noqa: BLE001 - Slack away, a wrong token: told, and tried again in a moment
                log.warning("slack socket not opened", error=f"{type(failure).__name__}: {failure}"[:200])
                _note(by_key[key], failure)

    def close(self) -> None:
        """Close all connections."""
        self.follow([])


def _opened(installation: Installation) -> SocketModeClient:
    from slack_sdk.socket_mode import SocketModeClient
    from slack_sdk.web import WebClient

    from slackbot.installs.installation import guard_address

    guard_address(installation.base_url)
    client = SocketModeClient(
        app_token=installation.secrets.app_token,
        web_client=WebClient(base_url=installation.base_url, retry_handlers=[]),
        logger=logging.getLogger("slack_sdk.socket_mode"),
    )
    client.socket_mode_request_listeners.append(lambda through, request: _taken(installation, through, request))
    client.connect()
    return client


def _taken(installation: Installation, through: BaseSocketModeClient, request: SocketModeRequest) -> None:
    """Answer one request within Slack's three seconds, as the Request URL would."""
    from slack_sdk.socket_mode.response import SocketModeResponse

    from copilot.web.db import in_db
    from slackbot import app, installs

    if request.type not in KINDS:
        return
    # As it is now: it may have been closed, or got another token, since the connection was opened.
    current = in_db(installs.of_connection)(installation.tenant_id, installation.connection_id)
    payload: dict[str, Any] | None = None
    if current is not None and current.is_active:
        headers, body = as_http(request)
        answered = in_db(app.dispatched)(current, headers, body)
        payload = _object(answered.body)
        if answered.status >= 500:
            # Not acknowledged: Slack sends it again.
            return
    through.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id, payload=payload))


def as_http(request: SocketModeRequest) -> tuple[dict[str, str], bytes]:
    """Return a request as it would have come to the Request URL."""
    from urllib.parse import urlencode

    retry = {"x-slack-retry-num": str(request.retry_attempt)} if request.retry_attempt else {}
    if request.type == "events_api":
        return {"content-type": "application/json", **retry}, json.dumps(request.payload).encode()
    fields = request.payload if request.type == "slash_commands" else {"payload": json.dumps(request.payload)}
    return {"content-type": "application/x-www-form-urlencoded", **retry}, urlencode(fields).encode()


def _object(body: str) -> dict[str, Any] | None:
    """Return an answer that is more than an acknowledgement."""
    if not body:
        return None
    try:
        found = json.loads(body)
    except ValueError:
        return {"text": body}
    return found if isinstance(found, dict) else None


def _note(installation: Installation, failure: Exception) -> None:
    from slackbot import installs

    installs.note_health(
        installation.tenant_id,
        installation.connection_id,
        works=False,
        detail=f"Socket Mode: no connection ({type(failure).__name__}): check app_token and its scope connections:write",
    )


def installations() -> list[Installation]:
    """Return every active installation that has an app token."""
    from copilot.models import Tenant
    from slackbot import installs

    found = [one for tenant in Tenant.objects.all() for one in installs.all_of(tenant.id)]
    return [one for one in found if one.secrets.app_token]


def main(stopping: threading.Event | None = None) -> int:
    """Keep the connections until asked to stop."""
    import django

    django.setup()
    from django.db import close_old_connections

    from copilot import exposition, observe
    from copilot.config import config

    observe.set_up("web")
    if config().metrics_port:
        exposition.serve(config().metrics_port)
    if stopping is None:
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
    sockets = Sockets()
    try:
        while True:
            close_old_connections()
            sockets.follow(installations())
            if stopping.wait(LOOK_SECONDS):
                return 0
    finally:
        sockets.close()


if __name__ == "__main__":
    raise SystemExit(main())
