"""Serve the page where a person reads the workspace, and the files that were uploaded."""

import mimetypes
from pathlib import Path
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, PlainTextResponse, RedirectResponse, Response

from slackbot.local.service import Service

FOLDER = Path(__file__).parent / "page"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data: http://127.0.0.1:* http://localhost:*; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
SHOWN_INLINE = ("image/png", "image/jpeg", "image/gif", "image/webp", "text/plain")


def routes(service: Service) -> APIRouter:
    """Return the page's routes."""
    router = APIRouter()
    state = service.state
    assets = {path.name: path for path in FOLDER.iterdir() if path.is_file()}

    @router.get("/")
    async def index() -> Response:
        return FileResponse(assets["index.html"], headers=HEADERS)

    @router.get("/page/{name}")
    async def asset(name: str) -> Response:
        if name not in assets:
            return PlainTextResponse("no such file", status_code=404)
        kind = "text/javascript" if name.endswith(".js") else mimetypes.guess_type(name)[0]
        return FileResponse(assets[name], media_type=kind, headers=HEADERS)

    @router.get("/health")
    async def health() -> Response:
        return PlainTextResponse("ok")

    @router.get("/archives/{channel}/p{digits}")
    async def permalink(channel: str, digits: str, request: Request) -> Response:
        ts = f"{digits[:-6]}.{digits[-6:]}"
        thread = request.query_params.get("thread_ts") or ts
        team = next((one.slug for one in state.workspaces.values() if channel in one.channels), "")
        query = urlencode({"team": team, "channel": channel, "thread": thread, "at": ts})
        return RedirectResponse(f"/?{query}", status_code=302)

    @router.get("/files/{team}/{file_id}/{_name:path}")
    async def file(team: str, file_id: str, _name: str, request: Request) -> Response:
        workspace = state.workspaces.get(team)
        stored = workspace.files.get(file_id) if workspace else None
        content = workspace.documents.content(file_id) if workspace else None
        if stored is None or stored.body is None or content is None:
            return PlainTextResponse("no such file", status_code=404)
        kind = stored.body["mimetype"]
        inline = kind in SHOWN_INLINE and "download" not in request.query_params
        shown = "inline" if inline else "attachment"
        return Response(
            content,
            media_type=kind if kind in SHOWN_INLINE else "application/octet-stream",
            headers={
                "Content-Disposition": f"{shown}; filename*=UTF-8''{quote(stored.name)}",
                "Content-Security-Policy": "default-src 'none'; sandbox",
                "X-Content-Type-Options": "nosniff",
                "Cache-Control": "private, max-age=3600",
            },
        )

    return router
