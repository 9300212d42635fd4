"""What the routes share: the state, the sender of signed requests, trigger ids, response addresses and faults."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from slackbot.local.codes import Codes
from slackbot.local.delivery import Sender
from slackbot.local.faults import Faults
from slackbot.local.responses import ResponseAddresses
from slackbot.local.state import State
from slackbot.local.triggers import Triggers


@dataclass
class Service:
    """One running local Slack."""

    state: State
    sender: Sender
    triggers: Triggers
    responses: ResponseAddresses
    faults: Faults = field(default_factory=Faults)
    codes: Codes = field(default_factory=Codes)
    retry_delays: tuple[float, ...] = (0.2, 1.0, 5.0)
    base_url: str = "http://127.0.0.1:8001"
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: set[asyncio.Task[Any]] = field(default_factory=set)

    def in_background(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run work beside the request, and keep hold of it until it is done."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def stop(self) -> None:
        """End background work and close what is open."""
        self.stopping.set()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.sender.close()
        self.state.documents.close()
