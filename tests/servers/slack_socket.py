"""Slack's end of Socket Mode: apps.connections.open, and the WebSocket on which requests come and answers go."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any, Self

from aiohttp import WSMsgType, web

from tests.waiting import PATIENCE


class SlackSocket:
    """Serve in a thread; `send` delivers one envelope and returns what the app answers."""

    def __init__(self, app_token: str = "xapp-1") -> None:  # noqa: S107 - made up
        self.app_token = app_token
        self.opened = 0
        self._loop = asyncio.new_event_loop()
        self._sockets: list[web.WebSocketResponse] = []
        self._answers: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._started = threading.Event()
        self._connected = asyncio.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._runner: web.AppRunner | None = None
        self.url = ""

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(PATIENCE)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(PATIENCE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    def send(
        self, kind: str, payload: dict[str, Any], *, envelope: str = "e1", seconds: float = PATIENCE
    ) -> dict[str, Any]:
        """Deliver one request; return the app's acknowledgement."""
        return asyncio.run_coroutine_threadsafe(self._send(kind, payload, envelope), self._loop).result(seconds)

    def wait_for_app(self, seconds: float = PATIENCE) -> None:
        """Wait until an app is connected."""

        asyncio.run_coroutine_threadsafe(asyncio.wait_for(self._connected.wait(), seconds), self._loop).result(seconds)

    async def _send(self, kind: str, payload: dict[str, Any], envelope: str) -> dict[str, Any]:
        answer: asyncio.Future[dict[str, Any]] = self._loop.create_future()
        self._answers[envelope] = answer
        message = {"envelope_id": envelope, "type": kind, "payload": payload, "accepts_response_payload": True}
        await self._sockets[-1].send_str(json.dumps(message))
        return await answer

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._started.set()
        self._loop.run_forever()

    async def _serve(self) -> None:
        app = web.Application()
        app.router.add_post("/api/apps.connections.open", self._open)
        app.router.add_get("/link", self._link)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        self.url = f"http://127.0.0.1:{port}"

    async def _stop(self) -> None:
        for socket in self._sockets:
            await socket.close()
        if self._runner:
            await self._runner.cleanup()

    async def _open(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {self.app_token}":
            return web.json_response({"ok": False, "error": "invalid_auth"})
        self.opened += 1
        return web.json_response({"ok": True, "url": f"{self.url.replace('http', 'ws')}/link"})

    async def _link(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str(json.dumps({"type": "hello", "num_connections": 1}))
        self._sockets.append(socket)
        self._connected.set()
        async for message in socket:
            if message.type is WSMsgType.TEXT and message.data.startswith("{"):
                answer = json.loads(message.data)
                waiting = self._answers.pop(answer["envelope_id"], None)
                if waiting and not waiting.done():
                    waiting.set_result(answer)
        self._sockets.remove(socket)
        return socket
