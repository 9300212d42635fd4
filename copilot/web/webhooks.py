"""Webhooks in: verify, then store, then answer; what is accepted is durable."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from django.db import DatabaseError
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from copilot import observe, tracing
from copilot.config import config
from copilot.connections import ENDPOINT_KEY
from copilot.guard import vault
from copilot.guard.http import HttpDoor
from copilot.web.inbox import Arrival, Busy, Inbox
from integrations import registry
from integrations.base import BadPayload, Inbound, NotGenuine, SourceError

if TYPE_CHECKING:
    from typing import Any

    from copilot.web.inbox import Door
    from integrations.base import Integration

log = observe.logger(__name__)
router = APIRouter()
inbox = Inbox()

# Kept with a delivery for parsing and for people; never the ones that carry secrets or say who runs what.
KEPT_HEADERS = frozenset(
    {
        "content-type",
        "user-agent",
        "x-webhook-id",
        "x-webhook-subscription",
        "x-github-event",
        "x-github-delivery",
        "x-github-hook-id",
        "x-gitlab-event",
        "x-gitlab-event-uuid",
        "webhook-id",
        "idempotency-key",
    }
)


# A vendor that must be asked before its webhook is believed waits meanwhile: AWS SNS gives up after 15 seconds.
ASK_SECONDS = 8.0
ASK_BYTES = 64 * 1024


# A database that hangs must not make vendors wait: PagerDuty takes a webhook for lost after five seconds, and a 503 it sends again.
DATABASE_SECONDS = 4.0


class TooLarge(Exception):
    """Say that a body went over the size cap."""


async def read_body(request: Request, limit: int) -> bytes:
    """Return the body, refusing it as soon as it is known to be too large.

    :raises TooLarge: where it is.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        raise TooLarge
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > limit:
            raise TooLarge
    return bytes(body)


@router.post("/hooks/{kind}/{endpoint_key}", status_code=202)
async def receive(kind: str, endpoint_key: str, request: Request) -> Response:
    """Take a webhook in.

    202 after its row is committed (also for one that was there); 401 for a wrong signature; 404 for an unknown key; 413
    over the size cap; 422 where a person's tool sent it and can mend it; 429 or 503 on our own trouble, so that vendors,
    who drop a delivery on any other 4xx, send it again.
    """
    known = kind if kind in registry.integrations() else "unknown"
    with (
        observe.webhook_seconds.labels(known).time(),
        tracing.span("webhook", {"copilot.integration": known}, kind="server") as traced,
    ):
        answer = await _receive(kind, endpoint_key, request)
        traced.note({"http.response.status_code": answer.status_code})
    observe.webhooks.labels(known, str(answer.status_code)).inc()
    return answer


async def _receive(kind: str, endpoint_key: str, request: Request) -> Response:
    limit = config().max_webhook_bytes
    try:
        body = await read_body(request, limit)
        async with asyncio.timeout(DATABASE_SECONDS):
            door = await inbox.door(endpoint_key)
        if door is None or door.kind != kind:
            return _say(404, "not found")
        integration = registry.get(kind)
        inbound = Inbound(headers=dict(request.headers.items()), body=body, received_at=time.time())
        if integration.asks_to_verify:
            await run_in_threadpool(_verify_by_asking, integration, door, inbound)
        else:
            integration.verify(inbound, _credentials(integration, door))
        if integration.validates_at_door:
            held = _credentials(integration, door) if integration.reads_by_credentials else None
            await run_in_threadpool(integration.read, inbound, held)
        arrival = Arrival(
            door=door,
            external_id=integration.external_id(inbound)[:200],
            headers={name: value for name, value in inbound.headers.items() if _is_kept(name, integration)} | _trace(),
            body=body,
        )
        async with asyncio.timeout(DATABASE_SECONDS):
            is_new = await inbox.put(arrival)
    except TooLarge:
        return _say(413, f"the body is larger than {limit} bytes")
    except NotGenuine as refusal:
        log.info("webhook refused", kind=kind, reason=str(refusal))
        return _say(401, "the signature or token is missing or wrong")
    except BadPayload as error:
        return _say(422, str(error))
    except SourceError as trouble:
        log.warning("webhook not verified: the vendor could not be asked", kind=kind, reason=trouble.reason)
        return _say(503, "it could not be verified; send this one again", retry_after=30)
    except Busy:
        return _say(429, "too many webhooks are waiting; send this one again", retry_after=2)
    except Exception as error:
        if isinstance(error, TimeoutError):
            log.warning("webhook not accepted: the database does not answer", kind=kind)
        else:
            log.exception("webhook not accepted", kind=kind)
        return _say(503, "not accepted; send this one again", retry_after=2)
    return JSONResponse({"status": "accepted" if is_new else "already accepted"}, status_code=202)


@router.options("/hooks/{kind}/{endpoint_key}")
async def greet(kind: str, endpoint_key: str, request: Request) -> Response:
    """Answer a vendor that asks whether it may send here: 200 with its headers, 405 where this kind knows no such question."""
    try:
        async with asyncio.timeout(DATABASE_SECONDS):
            door = await inbox.door(endpoint_key)
    except (TimeoutError, DatabaseError):
        log.warning("webhook not answered: the database does not answer", kind=kind)
        return _say(503, "ask again", retry_after=2)
    if door is None or door.kind != kind:
        return _say(404, "not found")
    asked = Inbound(headers=dict(request.headers.items()), body=b"", received_at=time.time())
    headers = registry.get(kind).greet(asked)
    return _say(405, "send with POST") if headers is None else Response(status_code=200, headers=dict(headers))


def _credentials(integration: Integration, door: Door) -> Any:
    values: dict[str, Any] = vault.unseal(door.tenant_id, door.sealed)
    values.pop(ENDPOINT_KEY, None)
    return integration.Credentials.model_validate(values)


def _verify_by_asking(integration: Integration, door: Door, inbound: Inbound) -> None:
    integration.verify_by_asking(way_out(), inbound, _credentials(integration, door))


def way_out() -> HttpDoor:
    """Return the guarded door through which a vendor is asked while it waits for our answer."""
    return HttpDoor(
        deadline_seconds=ASK_SECONDS, max_bytes=ASK_BYTES, allowed_private=config().allowed_private_networks
    )


def _is_kept(name: str, integration: Integration) -> bool:
    return name in KEPT_HEADERS or any(
        name.startswith(kept[:-1]) if kept.endswith("*") else name == kept for kept in integration.keeps
    )


def _trace() -> dict[str, str]:
    """Return what lets the delivery's trace go on in a worker, where there is one."""
    traceparent = tracing.here()
    return {tracing.TRACEPARENT: traceparent} if traceparent else {}


def _say(status: int, text: str, *, retry_after: int = 0) -> JSONResponse:
    headers = {"Retry-After": str(retry_after)} if retry_after else None
    return JSONResponse({"detail": text}, status_code=status, headers=headers)
