"""What follows an acknowledgement: done in a few threads of this process, so that no answer to Slack waits for work."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING

from copilot.observe import logger
from copilot.web.db import in_db

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

log = logger(__name__)
# Few, as they share the interpreter and the database's connections with the requests that are to be acknowledged.
SIDE_BY_SIDE = 4


@cache
def _pool() -> ThreadPoolExecutor:
    # A process that is asked to end works off what is queued first: the interpreter waits for these threads.
    return ThreadPoolExecutor(max_workers=SIDE_BY_SIDE, thread_name_prefix="slack")


def afterwards(work: Callable[[], object]) -> Future[None]:
    """Do this soon, in a thread with a database connection of its own; whatever it raises is logged.

    What must not be lost is in the rows before: a process that dies forgets what it had not begun.
    """
    return _pool().submit(in_db(_done), work)


def _done(work: Callable[[], object]) -> None:
    try:
        work()
    except Exception:
        log.exception("what followed an acknowledgement failed")


def settle(seconds: float = 30.0) -> None:
    """Wait until everything that was asked for before is done.

    :raises TimeoutError: where that takes longer.
    """
    import threading

    # Each thread is held until all are here: none is at anything else then.
    together = threading.Barrier(SIDE_BY_SIDE, timeout=seconds)
    for future in [_pool().submit(together.wait) for _ in range(SIDE_BY_SIDE)]:
        future.result(timeout=seconds)
