"""Put the local workspace together as one web application: Web API, local routes, files and page."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from slackbot.local import local_api, oauth, pages, web_api
from slackbot.local.delivery import DEADLINE, Sender
from slackbot.local.responses import ResponseAddresses
from slackbot.local.service import Service
from slackbot.local.state import State
from slackbot.local.triggers import Triggers

LOOPBACK = ("127.0.0.1", "::1", "localhost", "testclient")


def build_service(
    folder: Path | None = None,
    *,
    base_url: str = "http://127.0.0.1:8001",
    deadline: float = DEADLINE,
    retry_delays: tuple[float, ...] = (0.2, 1.0, 5.0),
    trigger_seconds: float = 3.0,
) -> Service:
    """Return the state and machinery of one local Slack; without a folder it forgets everything at the end."""
    state = State(folder)
    return Service(
        state=state,
        sender=Sender(state.clock, deadline=deadline),
        triggers=Triggers(state, seconds=trigger_seconds),
        responses=ResponseAddresses(),
        retry_delays=retry_delays,
        base_url=base_url,
    )


def build(service: Service, *, host: str = "127.0.0.1") -> FastAPI:
    """Return the web application; only this machine may use the local routes and the page."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await service.stop()

    app = FastAPI(title="Local Slack workspace", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)

    @app.middleware("http")
    async def loopback_only(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        # A page elsewhere must not reach the workspace through the reader's browser (DNS rebinding, cross-site posts).
        named = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
        client = request.client.host if request.client else "127.0.0.1"
        outside = request.url.path.startswith(("/api/", "/upload/", "/response/"))
        if named not in (*LOOPBACK, host) or (host in LOOPBACK and client not in LOOPBACK):
            return JSONResponse({"ok": False, "error": "this workspace answers on this machine only"}, status_code=403)
        origin = request.headers.get("origin")
        if origin and not outside and urlsplit(origin).netloc != request.headers.get("host"):
            return JSONResponse({"ok": False, "error": "another site may not use this workspace"}, status_code=403)
        if request.url.path == "/local/app" and client not in LOOPBACK:
            return JSONResponse({"ok": False, "error": "apps are installed from this machine only"}, status_code=403)
        return await call_next(request)

    app.include_router(web_api.routes(service))
    app.include_router(local_api.routes(service))
    app.include_router(oauth.routes(service))
    app.include_router(pages.routes(service))
    return app
