"""A route of the REST API: who asks, may they, how fast, how much, in which form; only then the request is read."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from copilot import tokens
from copilot.models import Scope
from copilot.tokens import Caller
from copilot.web.api.problems import Problem
from copilot.web.db import in_db

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from starlette.responses import Response

MOST_BYTES = 262_144
# The keys of a route's scope, and of how much it takes where that is more than others, in its OpenAPI operation.
SCOPE = "x-scope"
MOST = "x-most-bytes"
JSON = "application/json"
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class ApiRoute(APIRoute):
    """Be a route behind a token. What the route needs stands in its operation, under `x-scope`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what handles a request."""
        inner = super().get_route_handler()
        extra = self.openapi_extra or {}
        scope = Scope(extra[SCOPE])
        most = int(extra.get(MOST, MOST_BYTES))
        kinds = tuple(extra.get("requestBody", {}).get("content", ())) or (JSON,)

        async def handle(request: Request) -> Response:
            caller = await _admit(request, scope)
            if request.method in _WITH_BODY:
                await _read(request, most, kinds)
            request.state.caller = caller
            response = await inner(request)
            for name, value in _pace(caller).items():
                response.headers.setdefault(name, value)
            response.headers.setdefault("Cache-Control", "private, no-store")
            return response

        return handle


def router(tag: str) -> APIRouter:
    """Return a router whose routes are behind tokens."""
    return APIRouter(route_class=ApiRoute, tags=[tag])


def needs(scope: Scope) -> dict[str, Any]:
    """Return a route's `openapi_extra`: the scope that a token must have for it."""
    return {SCOPE: scope.value}


def _caller(request: Request) -> Caller:
    found: Caller = request.state.caller
    return found


Asking = Annotated[Caller, Depends(_caller)]


async def _admit(request: Request, scope: Scope) -> Caller:
    """Return whose token a request carries.

    :raises Problem: 401, 403 or 429.
    """
    kind, _, text = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not text.strip():
        raise _unknown("send a token: `Authorization: Bearer sre_…`")
    try:
        caller = await run_in_threadpool(in_db(tokens.authenticate), text.strip())
    except tokens.NotAuthentic:
        raise _unknown("this token is unknown, expired or revoked") from None
    except tokens.TooFast as refusal:
        wait = max(1, math.ceil(refusal.retry_after))
        headers = {"Retry-After": str(wait), **_pace(refusal.caller)}
        raise Problem(429, "too-many-requests", f"{refusal}; wait {wait} s", headers=headers) from None
    if not caller.may(scope):
        detail = f"this token may not do this: it needs the scope {scope} (role {scope.needs} or higher)"
        raise Problem(403, "forbidden", detail, headers=_pace(caller))
    return caller


def _unknown(detail: str) -> Problem:
    return Problem(401, "unauthenticated", detail, headers={"WWW-Authenticate": 'Bearer realm="sre-copilot"'})


def _pace(caller: Caller) -> Mapping[str, str]:
    """Return what a client may know of its pace (IETF draft-ietf-httpapi-ratelimit-headers)."""
    return {
        "RateLimit-Policy": f'"token";q={caller.per_minute};w=60',
        "RateLimit": f'"token";r={caller.left}',
    }


async def _read(request: Request, most: int, kinds: Sequence[str]) -> None:
    """Read the body before anybody parses it, up to a bound; where there is one it must say that it is of a kind that is taken.

    :raises Problem: 413 or 415.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > most:
        raise _too_large(most)
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > most:
            raise _too_large(most)
    if body and kind not in kinds:
        headers = {"Accept": ", ".join(kinds)}
        wanted = " or ".join(f"`Content-Type: {one}`" for one in kinds)
        raise Problem(415, "unsupported-media-type", f"send {_named(kinds)}: {wanted}", headers=headers)
    request._body = bytes(body)  # noqa: SLF001 - where Starlette's `body()` keeps what it has read


def _named(kinds: Sequence[str]) -> str:
    return " or ".join(one.rpartition("/")[2].upper() for one in kinds)


def _too_large(most: int) -> Problem:
    return Problem(413, "too-large", f"a request has at most {most} bytes here")


__all__ = ["JSON", "MOST", "MOST_BYTES", "SCOPE", "ApiRoute", "Asking", "needs", "router"]
