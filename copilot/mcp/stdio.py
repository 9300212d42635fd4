"""The protocol over standard input and output, for a client that starts us as its child."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
from mcp.server.stdio import stdio_server

from copilot.mcp import server
from copilot.mcp.http import admitted

if TYPE_CHECKING:
    from collections.abc import Callable


def serve(token: Callable[[], str]) -> None:
    """Serve one client until it closes our input; the token is looked up for each request, so that revoking it holds at once."""

    async def run() -> None:
        made = server.make(lambda _context: admitted(token()))
        async with stdio_server() as (receiving, sending):
            await made.run(receiving, sending, made.create_initialization_options())

    anyio.run(run)
