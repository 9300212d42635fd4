"""Answer 503 where an answer is not begun in time: a database that hangs holds the thread that asks it, not who waits."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

from copilot import observe

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = observe.logger(__name__)

# Above what an agent's poll may wait (25 s); webhooks and readiness have shorter limits of their own.
SECONDS = 30.0


class Patience:
    """Be a middleware that gives an answer when the application has begun none.

    What was begun goes on by itself, and what it says then reaches nobody: a thread cannot be stopped. Below the paths that are
    unhurried, an answer may take longer.
    """

    def __init__(self, application: ASGIApp, *, unhurried: tuple[str, ...] = ()) -> None:
        self._application = application
        self._unhurried = unhurried
        self._left_alone: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"].startswith(self._unhurried):
            await self._application(scope, receive, send)
            return
        has_begun = is_over = False

        async def guarded(message: Message) -> None:
            nonlocal has_begun
            if not is_over:
                has_begun = True
                await send(message)

        task = asyncio.create_task(_serve(self._application, scope, receive, guarded))
        try:
            await asyncio.wait({task}, timeout=SECONDS)
            if not task.done() and not has_begun:
                is_over = True
                self._leave_alone(task, scope["path"])
                await _sorry(scope, receive, send)
                return
            await task
        except asyncio.CancelledError:
            task.cancel()
            raise

    def _leave_alone(self, task: asyncio.Task[None], path: str) -> None:
        log.warning("a request was not answered in time: does the database answer?", path=path, seconds=SECONDS)
        self._left_alone.add(task)
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._left_alone.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("a request that was given up failed in the end", reason=type(error).__name__)


async def _serve(application: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    await application(scope, receive, send)


async def _sorry(scope: Scope, receive: Receive, send: Send) -> None:
    body = {
        "type": "about:blank",
        "title": "Service Unavailable",
        "status": 503,
        "detail": "no answer in time; try again",
    }
    headers = {"Retry-After": "5"}
    await JSONResponse(body, 503, headers, media_type="application/problem+json")(scope, receive, send)
