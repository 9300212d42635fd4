"""Agents out of customers' clusters: they come for work, wait for it, and bring answers; a token says whose they are."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict, deque
from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import UUID  # noqa: TC003 - FastAPI reads it

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from copilot import observe
from copilot.agent.protocol import (
    ANSWERS_PATH,
    MAX_POLL_BYTES,
    POLL_PATH,
    Answered,
    Handed,
    Misspoken,
    Poll,
    Work,
    read,
)
from copilot.config import config
from copilot.relay import queue, tokens
from copilot.relay.bell import bell
from copilot.web.db import in_db
from copilot.web.webhooks import TooLarge, read_body

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from copilot.relay.tokens import Bearer

log = observe.logger(__name__)
router = APIRouter()

# Between two looks for work while an agent waits and the bell is not heard; and while it is, for what a lost agent had taken.
LOOK_SECONDS = 0.4
HEARD_SECONDS = 2.0
# What one agent may ask of one process: far more than one that works at its limit does.
PACE, PACE_SECONDS = 60, 10.0
WAITING_POLLS = 3


class TooMany(Exception):
    """Say that an agent comes too often."""


class Pace:
    """Count what each agent asks of this process. In memory: it guards this process, and is the truth of nothing."""

    def __init__(self) -> None:
        self._times: dict[UUID, deque[float]] = defaultdict(lambda: deque(maxlen=PACE))
        self.waiting: Counter[UUID] = Counter()

    def count(self, agent_id: UUID) -> None:
        """Count one request.

        :raises TooMany: where there were too many in the last seconds.
        """
        now = time.monotonic()
        if len(self._times) > 10_000:
            self._times.clear()
        times = self._times[agent_id]
        if len(times) == PACE and now - times[0] < PACE_SECONDS:
            raise TooMany
        times.append(now)


pace = Pace()


@router.post(POLL_PATH)
async def poll(request: Request) -> Response:
    """Hand over work, waiting for some as long as the agent asked.

    200 with what there is to do, seldom more than one request; 401 for a token that opens nothing, which says why only where
    the token once worked; 413, 422 for what is not of the protocol; 429 for an agent that comes too often.
    """
    return _counted(await _answer(request, _poll))


@router.post(ANSWERS_PATH)
async def answer(request: Request, request_id: UUID) -> Response:
    """Take an answer in.

    204 after it is committed, also for one that was there; 409 where nobody waits for it, or it is another process's; else as
    a poll.
    """

    async def take_in(request: Request, who: Bearer) -> Response:
        return await _take_in(request, who, request_id)

    return _counted(await _answer(request, take_in))


async def _answer(request: Request, handle: Callable[[Request, Bearer], Awaitable[Response]]) -> Response:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return _say(401, "send the agent's token as `Authorization: Bearer …`")
    try:
        who = await run_in_threadpool(in_db(tokens.bearer), token.strip())
        pace.count(who.agent_id)
        answered = await handle(request, who)
    except tokens.Refused as refused:
        log.info("an agent's token was refused", reason=refused.reason)
        return _say(401, refused.reason)
    except TooMany:
        return _say(429, "this agent comes too often", retry_after=5)
    except TooLarge:
        return _say(413, "the message is too large")
    except Misspoken as wrong:
        return _say(422, str(wrong))
    except queue.Gone:
        return _say(409, "nobody waits for this answer any more")
    except Exception:
        log.exception("an agent could not be served")
        return _say(503, "not now; come again", retry_after=2)
    return answered


async def _poll(request: Request, who: Bearer) -> Response:
    said = read(Poll, await read_body(request, MAX_POLL_BYTES))
    if pace.waiting[who.agent_id] >= WAITING_POLLS:
        raise TooMany
    pace.waiting[who.agent_id] += 1
    try:
        await run_in_threadpool(in_db(queue.greet), who, said)
        work = await _wait(request, who, said)
    finally:
        pace.waiting[who.agent_id] -= 1
        if pace.waiting[who.agent_id] <= 0:
            del pace.waiting[who.agent_id]
    return JSONResponse(Work(requests=tuple(work)).model_dump(mode="json"))


async def _wait(request: Request, who: Bearer, said: Poll) -> list[Handed]:
    """Return what there is to do, as soon as there is; nothing when the wait is over or the agent has hung up.

    :raises Refused: where the token was revoked meanwhile.
    """

    def look() -> list[Handed]:
        tokens.again(who)
        return queue.take(who, said.instance, said.capacity)

    until = time.monotonic() + said.wait_seconds
    rung, loop = asyncio.Event(), asyncio.get_running_loop()

    def wake() -> None:
        loop.call_soon_threadsafe(rung.set)

    with bell.waiting(who.agent_id, wake):
        while True:
            rung.clear()
            if await request.is_disconnected():
                return []
            work = await run_in_threadpool(in_db(look))
            left = until - time.monotonic()
            if work or left <= 0:
                return work
            pause = HEARD_SECONDS if bell.is_heard else LOOK_SECONDS
            with suppress(TimeoutError):
                await asyncio.wait_for(rung.wait(), min(pause, left))


async def _take_in(request: Request, who: Bearer, request_id: UUID) -> Response:
    limit = config().agent_answer_bytes
    try:
        # The message around the answer has its own few bytes.
        body = await read_body(request, limit + 1024)
        said = read(Answered, body)
    except (TooLarge, Misspoken) as wrong:
        why = str(wrong) or f"more than {limit // 1024} KiB"
        await run_in_threadpool(in_db(queue.refuse), who, request_id, f"the agent's answer cannot be used: {why}")
        raise
    await run_in_threadpool(in_db(_accept), who, request_id, said, len(body))
    return Response(status_code=204)


def _accept(who: Bearer, request_id: UUID, said: Answered, size: int) -> None:
    queue.accept(who, request_id, said, size=size)


def _counted(answer: Response) -> Response:
    observe.agent_polls.labels(str(answer.status_code)).inc()
    return answer


def _say(status: int, text: str, *, retry_after: int = 0) -> JSONResponse:
    headers = {"Retry-After": str(retry_after)} if retry_after else None
    return JSONResponse({"detail": text}, status_code=status, headers=headers)
