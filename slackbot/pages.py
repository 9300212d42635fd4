"""The pages that people meet in a browser on their way to or from Slack: installing the app, and the link of an incident."""

from __future__ import annotations

import html
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response

from copilot.config import config
from copilot.guard.tenancy import tenant_scope
from copilot.models import Tenant
from copilot.web.db import in_db
from slackbot import installs
from slackbot.handlers.lookups import permalink_in
from slackbot.installs import oauth
from slackbot.models import SlackPost

STATE_COOKIE = "copilot-slack-state"
PRIVATE = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
}


def routes() -> APIRouter:
    """Return the pages' addresses."""
    router = APIRouter()

    @router.get("/slack/install/{key}")
    async def install(key: str) -> Response:
        return await run_in_threadpool(in_db(_begun), key)

    @router.get("/slack/oauth/callback")
    async def callback(request: Request) -> Response:
        query = request.query_params
        state, code, error = query.get("state", ""), query.get("code", ""), query.get("error", "")
        cookie = request.cookies.get(STATE_COOKIE, "")
        return await run_in_threadpool(in_db(_finished), state, cookie, code, error)

    @router.get("/slack/incidents/{slug}/{incident_id}")
    async def incident(slug: str, incident_id: str) -> Response:
        return await run_in_threadpool(in_db(_incident), slug, incident_id)

    return router


def _begun(key: str) -> Response:
    """Send the browser to Slack, and bind the state to it."""
    try:
        begun = oauth.begin(key)
    except oauth.InstallRefused as refused:
        return _page("Not installed", str(refused), status=410)
    answer = RedirectResponse(begun.url, status_code=302, headers=PRIVATE)
    answer.set_cookie(
        STATE_COOKIE, begun.state, max_age=600, path="/slack/oauth", httponly=True, samesite="lax",
        secure=config().public_url.startswith("https://"),
    )  # fmt: skip
    return answer


def _finished(state: str, cookie: str, code: str, error: str) -> Response:
    """End an installation, and say to the person how it went."""
    try:
        name, lines = oauth.finish(state=state, cookie=cookie, code=code, error=error)
    except oauth.InstallRefused as refused:
        answer = _page("Not installed", str(refused), status=400)
    else:
        answer = _page(
            f"Installed in {name}", " ".join((*lines, "Invite the bot to a channel, and try /sre help there."))
        )
    answer.delete_cookie(STATE_COOKIE, path="/slack/oauth")
    return answer


def _page(title: str, words: str, *, status: int = 200) -> Response:
    """Return a page of plain words."""
    title, words = html.escape(title), html.escape(words)
    return HTMLResponse(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f'<body style="font:16px/1.5 system-ui;max-width:36rem;margin:4rem auto;padding:0 1rem"><h1>{title}</h1><p>{words}</p>',
        status_code=status,
        headers=PRIVATE,
    )


def _incident(slug: str, incident_id: str) -> Response:
    """Lead to the incident's message in Slack, which asks who is there; the link itself tells nothing of the incident."""
    wanted: UUID | None
    try:
        wanted = UUID(incident_id)
    except ValueError:
        wanted = None
    tenant_id = Tenant.objects.filter(slug=slug).values_list("id", flat=True).first()
    installation = installs.of_tenant(tenant_id) if tenant_id else None
    if tenant_id is not None and installation is not None and wanted is not None:
        with tenant_scope(tenant_id):
            post = SlackPost.objects.filter(incident_id=wanted, key="root").exclude(ts="").first()
        there = permalink_in(installation, post)
        if there:
            return RedirectResponse(there, status_code=302, headers=PRIVATE)
    return _page(
        "No such incident in Slack",
        "This link leads to no incident that is shown in Slack: it may be mistyped, or the incident was deleted since.",
        status=404,
    )
