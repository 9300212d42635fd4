"""Requests that may come twice: with an Idempotency-Key the work is done once, and its answer is given again."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, TypeVar

from django.utils import timezone
from fastapi import Header
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from copilot.guard.tenancy import tenant_scope
from copilot.models import KeptAnswer
from copilot.web.api.problems import Problem
from copilot.web.db import in_db

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from fastapi import Request
    from pydantic import BaseModel

    from copilot.tokens import Caller

T = TypeVar("T")
# Longer than any work takes, the model's answer included; a claim of a process that died is taken over after it.
LEASE = timedelta(seconds=90)
KEPT = timedelta(hours=24)
REFUSALS = {"409": "A request with this Idempotency-Key is under way."}

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="Any text of your own, new for each thing to be done. The same request with the same key is done once; its"
        " answer is kept for 24 hours.",
    ),
]


@dataclass(frozen=True, slots=True)
class Done:
    """Hold what came of a request: the status, the body and the address of what was made."""

    status: int
    body: BaseModel
    location: str = ""


@dataclass(frozen=True, slots=True)
class _Claim:
    row: int
    claim: UUID


async def once(
    request: Request, caller: Caller, key: str | None, prepare: Callable[[], T], work: Callable[[T], Done]
) -> Response:
    """Do the work of a request, or answer as it was answered before.

    `prepare` runs outside of any transaction and may ask the outside; `work` gets what it returned and runs in the transaction
    that keeps the answer, in the tenant's scope: either both are there afterwards, or neither.

    :raises Problem: 409 where the same request is under way, 422 where the key was used for another request.
    """
    body = await request.body()
    said = f"{request.method} {request.url.path}?{request.url.query}\n".encode() + body
    return await run_in_threadpool(in_db(_once), caller, key, hashlib.sha256(said).digest(), prepare, work)


def _once(
    caller: Caller, key: str | None, said: bytes, prepare: Callable[[], T], work: Callable[[T], Done]
) -> Response:
    claim = _claim(caller, key, said) if key else None
    if isinstance(claim, Response):
        return claim
    try:
        value = prepare()
        with tenant_scope(caller.tenant_id):
            done = work(value)
            headers = {"Location": done.location} if done.location else {}
            text = done.body.model_dump_json()
            if claim:
                _keep(claim, done.status, headers, text)
    except BaseException:
        if claim:
            _give_up(caller, claim)
        raise
    return _response(done.status, headers, text)


def _claim(caller: Caller, key: str, said: bytes) -> _Claim | Response:
    """Return the right to do the work, or the answer that is there.

    :raises Problem: where the key is taken.
    """
    now = timezone.now()
    mine = uuid.uuid4()
    with tenant_scope(caller.tenant_id):
        KeptAnswer.objects.filter(token_id=caller.token_id, created_at__lt=now - KEPT).delete()
        row, is_new = KeptAnswer.objects.get_or_create(
            token_id=caller.token_id, key=key, defaults={"request": said, "claim": mine, "lease_until": now + LEASE}
        )
        if is_new:
            return _Claim(row.id, mine)
        if bytes(row.request) != said:
            raise Problem(
                422, "key-reused", "this Idempotency-Key was used for another request: take a new one for each"
            )
        if row.status is not None:
            return _response(row.status, {**row.headers, "Idempotency-Replayed": "true"}, row.body)
        taken = KeptAnswer.objects.filter(id=row.id, claim=row.claim, status__isnull=True, lease_until__lte=now).update(
            claim=mine, lease_until=now + LEASE
        )
    if not taken:
        raise _under_way()
    return _Claim(row.id, mine)


def _keep(claim: _Claim, status: int, headers: dict[str, str], text: str) -> None:
    """Keep the answer in the work's transaction; where somebody else has taken the work over, it is rolled back."""
    kept = KeptAnswer.objects.filter(id=claim.row, claim=claim.claim, status__isnull=True).update(
        status=status, headers=headers, body=text
    )
    if not kept:
        raise _under_way()


def _give_up(caller: Caller, claim: _Claim) -> None:
    """Let the key be used again: a refused request has done nothing."""
    with tenant_scope(caller.tenant_id):
        KeptAnswer.objects.filter(id=claim.row, claim=claim.claim, status__isnull=True).delete()


def _under_way() -> Problem:
    return Problem(
        409, "under-way", "a request with this Idempotency-Key is under way; ask again", headers={"Retry-After": "1"}
    )


def _response(status: int, headers: dict[str, str], text: str) -> Response:
    return Response(text, status_code=status, media_type="application/json", headers=headers)


__all__ = ["REFUSALS", "Done", "Key", "once"]
