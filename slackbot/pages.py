"""The pages that people meet in a browser on their way to or from Slack: install, connect a source, follow an incident's link."""

from __future__ import annotations

from urllib.parse import parse_qs
from uuid import UUID

from django.template.loader import render_to_string
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response

from copilot.config import config
from copilot.guard.tenancy import tenant_scope
from copilot.models import Tenant
from copilot.web.db import in_db
from copilot.web.webhooks import TooLarge, read_body
from slackbot import connect_form, installs
from slackbot.handlers.lookups import permalink_in
from slackbot.installs import grants, oauth
from slackbot.models import SlackPost

STATE_COOKIE = "copilot-slack-state"
PRIVATE = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
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

    @router.get("/slack/connect/{token}")
    async def connecting(token: str) -> Response:
        return await run_in_threadpool(in_db(_connecting), token)

    @router.post("/slack/connect/{token}")
    async def connected(token: str, request: Request) -> Response:
        try:
            body = await read_body(request, config().max_webhook_bytes)
        except TooLarge:
            return _page("Not connected", "This is too much for a form.", status=413)
        cookie = request.cookies.get(connect_form.COOKIE, "")
        return await run_in_threadpool(in_db(_connected), token, cookie, body)

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
    return _shown(render_to_string("slackbot/page.html", {"title": title, "words": words}), status)


def _shown(page: str, status: int) -> Response:
    return HTMLResponse(page, status_code=status, headers=PRIVATE)


def _connecting(token: str) -> Response:
    """Show the form that a link from Slack leads to, and bind it to the browser."""
    try:
        form = connect_form.show(token)
    except grants.LinkRefused as refused:
        return _page("Nothing to connect here", str(refused), status=410)
    answer = _shown(form.page, form.status)
    # Only the form's own page sends it back.
    answer.set_cookie(
        connect_form.COOKIE, form.cookie, max_age=int(grants.FORM_LIFE.total_seconds()), path="/slack/connect",
        httponly=True, samesite="strict", secure=config().public_url.startswith("https://"),
    )  # fmt: skip
    return answer


def _connected(token: str, cookie: str, body: bytes) -> Response:
    """Take in what was entered."""
    try:
        entered = {name: values[-1] for name, values in parse_qs(body.decode(), max_num_fields=200).items()}
        form = connect_form.submit(token, cookie, entered)
    except grants.LinkRefused as refused:
        return _page("Not connected", str(refused), status=410)
    except ValueError:
        return _page("Not connected", "What came is no form. Open the link from Slack again.", status=400)
    return _shown(form.page, form.status)


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
