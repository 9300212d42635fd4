"""Slack's way in: one address for events, buttons and commands; verified, then parsed, then handed to Bolt in a thread."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from slack_bolt import App, BoltRequest
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.signature import SignatureVerifier
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from copilot import observe
from copilot.config import config
from copilot.web.db import in_db
from copilot.web.webhooks import TooLarge, read_body
from slackbot import handlers, installs, pages

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slack_bolt import BoltContext

    from slackbot.installs import Installation

log = observe.logger(__name__)
KIND = "slack"


@dataclass(frozen=True, slots=True)
class Answer:
    """Hold what Slack is answered."""

    status: int
    body: str = ""
    content_type: str = "text/plain; charset=utf-8"


NOT_FOUND = Answer(404, "not found")
NOT_GENUINE = Answer(401, "the signature is missing, wrong or too old")


def routes() -> APIRouter:
    """Return the Request URLs: one for each connection's own app, one for the shared app."""
    router = APIRouter()

    @router.post("/slack/events")
    async def shared(request: Request) -> Response:
        return await _respond(request, "")

    @router.post("/slack/events/{endpoint_key}")
    async def own(endpoint_key: str, request: Request) -> Response:
        return await _respond(request, endpoint_key)

    router.include_router(pages.routes())
    return router


async def _respond(request: Request, endpoint_key: str) -> Response:
    try:
        body = await read_body(request, config().max_webhook_bytes)
    except TooLarge:
        answer = Answer(413, "the body is too large")
    else:
        headers = {name.lower(): value for name, value in request.headers.items()}
        answer = await run_in_threadpool(in_db(answer_to), endpoint_key, headers, body)
    observe.webhooks.labels(KIND, str(answer.status)).inc()
    return Response(answer.body, status_code=answer.status, headers={"Content-Type": answer.content_type})


def answer_to(endpoint_key: str, headers: Mapping[str, str], body: bytes) -> Answer:
    """Answer one request of Slack; runs in a thread, as Bolt and the database are synchronous."""
    installation: Installation | None = None
    if endpoint_key:
        installation = installs.of_endpoint(endpoint_key)
        if installation is None:
            return NOT_FOUND
        secret = installation.secrets.signing_secret
    else:
        shared = config().slack_signing_secret
        secret = shared.get_secret_value() if shared else ""
    if not secret:
        return NOT_FOUND
    if not is_genuine(secret, headers, body):
        log.info("slack request refused")
        return NOT_GENUINE
    try:
        payload = read_payload(headers, body)
    except ValueError:
        return Answer(400, "the body is neither JSON nor a form")
    if payload.get("type") == "url_verification":
        return Answer(200, json.dumps({"challenge": str(payload.get("challenge") or "")}), "application/json")
    if installation is None:
        installation = installs.of_team(*team_of(payload))
    if installation is None or not installation.is_active:
        # Genuine, but of a workspace that nobody connected, or no longer: Slack shall not try again.
        log.info("slack request without an installation", retry=headers.get("x-slack-retry-num", ""))
        return Answer(200)
    return dispatched(installation, headers, body)


def is_genuine(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Return whether Slack signed this within the last five minutes."""
    timestamp = headers.get("x-slack-request-timestamp", "")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 13):
        return False
    try:
        return SignatureVerifier(secret).is_valid_request(body, dict(headers))
    except (UnicodeDecodeError, TypeError):
        # What Slack sends is UTF-8, and its signature ASCII.
        return False


def read_payload(headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """Return the request's fields: JSON, a form, or JSON in a form's `payload`.

    :raises ValueError: where it is none of these.
    """
    text = body.decode()
    if headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json":
        found: Any = json.loads(text)
    else:
        form = {name: values[-1] for name, values in parse_qs(text, keep_blank_values=True).items()}
        found = json.loads(form["payload"]) if "payload" in form else form
    if not isinstance(found, dict):
        raise ValueError("the body is no object")  # noqa: TRY004 - to callers it is one more way of being no request
    acts = found.get("actions", [])
    if not (isinstance(acts, list) and all(isinstance(act, dict) for act in acts)):
        raise ValueError("actions is no list of objects")
    is_pressed = found.get("type") == "block_actions"
    if is_pressed and not all(isinstance(act.get("action_id"), str) for act in acts):
        raise ValueError("an action has no action_id")
    return found


def team_of(payload: Mapping[str, Any]) -> tuple[str, str]:
    """Return the enterprise and team in which the app is installed that this request is for."""
    granted = payload.get("authorizations")
    source: Mapping[str, Any] = payload
    if isinstance(granted, list) and granted and isinstance(granted[0], dict):
        source = granted[0]
    team, enterprise = payload.get("team"), payload.get("enterprise")
    nested_team = team.get("id") if isinstance(team, dict) else None
    nested_enterprise = enterprise.get("id") if isinstance(enterprise, dict) else None
    view = payload.get("view")
    installed_in = view.get("app_installed_team_id") if isinstance(view, dict) else None
    found_team = installed_in or source.get("team_id") or nested_team or payload.get("team_id") or ""
    found_enterprise = source.get("enterprise_id") or nested_enterprise or payload.get("enterprise_id") or ""
    return str(found_enterprise), str(found_team)


def dispatched(installation: Installation, headers: Mapping[str, str], body: bytes) -> Answer:
    """Return what the listeners answer to a genuine request."""
    request = BoltRequest(
        body=body.decode(),
        headers={name: [value] for name, value in headers.items()},
        context={"installation": installation},
    )
    answered = bolt().dispatch(request)
    if answered.status == 404:
        # No listener wants it. An error would be shown to the person, or sent again.
        log.info("slack request not handled", retry=headers.get("x-slack-retry-num", ""))
        return Answer(200)
    kind = (answered.headers.get("content-type") or ["text/plain; charset=utf-8"])[0]
    return Answer(answered.status, answered.body or "", kind)


@lru_cache(maxsize=1)
def bolt() -> App:
    """Return the process's Bolt app; it serves all workspaces, each request by its own installation."""
    app = App(
        name="sre-copilot",
        authorize=_authorize,
        # The signature is checked before Bolt sees anything, with the secret of the one connection it belongs to.
        request_verification_enabled=False,
        url_verification_enabled=False,
        # Listeners run in the request's own thread and are short: they check, write down what must not be lost, and
        # acknowledge. All else is done afterwards, in other threads, and no request waits for those.
        process_before_response=True,
    )
    handlers.register(app)
    return app


def _authorize(context: BoltContext) -> AuthorizeResult:
    """Return what the verified installation may do; whatever team the request claims plays no part."""
    installation: Installation = context["installation"]
    context["client"] = installation.client()
    return AuthorizeResult(
        enterprise_id=installation.enterprise_id or None,
        team_id=installation.team_id or None,
        bot_user_id=installation.bot_user_id,
        bot_id=installation.bot_id or None,
        bot_token=installation.secrets.bot_token,
    )
