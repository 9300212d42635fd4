"""The protocol over streamable HTTP: one address behind a tenant's token; nothing is kept between requests."""

from __future__ import annotations

import math
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio.to_thread
from django.db import close_old_connections
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.responses import JSONResponse

from copilot import tokens
from copilot.mcp import server
from copilot.models import Scope
from copilot.observe import logger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from copilot.tokens import Caller

log = logger(__name__)

PATH = "/mcp"
MOST_BYTES = 262_144
_CALLER = "copilot.caller"


class Endpoint:
    """Be the ASGI application behind `PATH`. Any process of many can answer any request: each carries all that it needs."""

    def __init__(self) -> None:
        self._manager: StreamableHTTPSessionManager | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve until the block ends."""
        manager = StreamableHTTPSessionManager(
            app=server.make(_caller),
            stateless=True,
            json_response=True,
            max_request_body_size=MOST_BYTES,
            # A browser that was lured here has no token, and any name may lead to us through a proxy.
            security_settings=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        )
        async with manager.run():
            self._manager = manager
            try:
                yield
            finally:
                self._manager = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request, or refuse it: 401, 403, 429, and 503 while starting or stopping."""
        refusal: JSONResponse | None = None
        try:
            scope[_CALLER] = await anyio.to_thread.run_sync(_admitted, _bearer(scope))
        except tokens.NotAuthentic:
            refusal = _problem(
                401,
                "send a tenant's token that is in use: `Authorization: Bearer sre_…` (`copilot token create` makes one)",
                {"WWW-Authenticate": 'Bearer realm="sre-copilot"'},
            )
        except tokens.TooFast as fast:
            wait = max(1, math.ceil(fast.retry_after))
            refusal = _problem(429, f"{fast}; wait {wait} s", {"Retry-After": str(wait)})
        except PermissionError as forbidden:
            refusal = _problem(403, str(forbidden))
        except server.DATABASE_AWAY as error:
            log.warning("the database did not answer", path=PATH, error=type(error).__name__)
            refusal = _problem(503, server.AWAY, {"Retry-After": "2"})
        manager = self._manager
        if refusal is None and manager is None:
            refusal = _problem(503, "starting or stopping; try again in a moment", {"Retry-After": "1"})
        if refusal is not None or manager is None:
            await (refusal or _problem(503, "not ready"))(scope, receive, send)
            return
        await manager.handle_request(scope, receive, send)


def _caller(context: server.Context) -> Caller:
    """Return whose request this is, as it was admitted."""
    if context.request is None:
        raise tokens.NotAuthentic
    found: Caller = context.request.scope[_CALLER]
    return found


def _bearer(scope: Any) -> str:
    """Return the token that a request carries, or nothing."""
    headers = dict(scope.get("headers") or ())
    kind, _, text = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    return text.strip() if kind.lower() == "bearer" else ""


def _admitted(text: str) -> Caller:
    """Return whose token this is; a request is counted.

    :raises NotAuthentic: where it is nobody's.
    :raises TooFast: where requests come faster than they may.
    :raises PermissionError: where it may not use tools.
    """
    close_old_connections()
    try:
        return admitted(text)
    finally:
        close_old_connections()


def admitted(text: str) -> Caller:
    """Return whose token this is, if it may use tools.

    :raises NotAuthentic: where it is nobody's.
    :raises TooFast: where requests come faster than they may.
    :raises PermissionError: where it may not use tools.
    """
    caller = tokens.authenticate(text)
    if not caller.may(Scope.TOOLS_USE):
        raise PermissionError(
            f"this token may not use tools: it needs the scope {Scope.TOOLS_USE} (role {Scope.TOOLS_USE.needs} or higher)"
        )
    return caller


def _problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse(
        {"status": status, "detail": detail},
        status_code=status,
        headers=dict(headers or {}),
        media_type="application/problem+json",
    )
