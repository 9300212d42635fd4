"""The ASGI applications: `api` for the outside, `ops` for the admin."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "copilot.settings")

from django.core.asgi import get_asgi_application

from copilot import exposition, observe
from copilot.config import config

if TYPE_CHECKING:
    from fastapi import FastAPI

if not config().secret_keys:
    raise RuntimeError("COPILOT_SECRET_KEYS is not set; `copilot up` makes one, a deployment gives its own")

observe.set_up("web")
if config().metrics_port:
    exposition.serve(config().metrics_port)
# Before any model is imported.
_django = get_asgi_application()


def make_api() -> FastAPI:
    """Return the application of the api process, with the faces' routes."""
    from fastapi import FastAPI
    from starlette.routing import Route

    from copilot.faces import faces
    from copilot.mcp import http as mcp
    from copilot.web import agents, health, webhooks
    from copilot.web.api import application as rest
    from copilot.web.patience import Patience
    from integrations import registry

    # An integration that cannot be imported stops the boot here, not at the first webhook.
    registry.integrations()
    tools = mcp.Endpoint()
    application = FastAPI(
        title="SRE Copilot",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lambda _application: tools.running(),
    )
    application.include_router(health.router)
    application.include_router(webhooks.router)
    application.include_router(agents.router)
    rest.mount(application)
    application.router.routes.append(Route(mcp.PATH, endpoint=tools))
    for face in faces():
        routes = face.routes()
        if routes is not None:
            application.include_router(routes)
    # Tools ask vendors' sources.
    application.add_middleware(Patience, unhurried=(mcp.PATH,))
    return application


def __getattr__(name: str) -> FastAPI:
    """Make `api` when it is asked for: the ops process must not pay for it."""
    if name != "api":
        raise AttributeError(name)
    globals()["api"] = application = make_api()
    return application


async def ops(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Serve the admin; Django knows no lifespan, which uvicorn takes for a choice."""
    if scope["type"] == "lifespan":
        message = await receive()
        while message["type"] != "lifespan.shutdown":
            await send({"type": f"{message['type']}.complete"})
            message = await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    await _django(scope, receive, send)
