"""The page on which a person lets an app be installed, and the way back to the app with a code."""

import html
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from slackbot.local.errors import LocalError
from slackbot.local.service import Service


def routes(service: Service) -> APIRouter:
    """Return the page that asks a person, and the address that sends the browser back."""
    router = APIRouter()

    @router.get("/oauth/v2/authorize")
    async def ask(request: Request) -> Response:
        query = {**request.query_params, "team": request.query_params.get("team", "")}
        workspace = service.state.workspace(query["team"])
        scopes = "".join(f"<li>{html.escape(scope)}</li>" for scope in str(query.get("scope", "")).split(","))
        return HTMLResponse(
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Install</title><h1>Install in {html.escape(workspace.name)}?'
            f'</h1><ul>{scopes}</ul><p><a id="allow" href="/oauth/v2/allow?{html.escape(urlencode(query))}">Allow</a></p>'
        )

    @router.get("/oauth/v2/allow")
    async def allow(request: Request) -> Response:
        workspace = service.state.workspace(request.query_params.get("team"))
        try:
            target = service.codes.allow(workspace, dict(request.query_params))
        except LocalError as error:
            return HTMLResponse(html.escape(error.message), status_code=error.status)
        return RedirectResponse(target, status_code=302)

    return router
