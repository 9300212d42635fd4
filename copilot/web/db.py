"""Django connections done right under FastAPI, whose threads Django does not know."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from django.db import close_old_connections, connection

from copilot.config import config

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")


def in_db(function: Callable[P, T]) -> Callable[P, T]:
    """Return the function with its thread's connection checked before and given back after.

    Django ties connections to threads and tidies them at its own requests' ends, which never come here. Both calls must
    happen in the thread that does the work, so wrap what is handed to `run_in_threadpool`, not the call of it.
    """

    @wraps(function)
    def wrapped(*arguments: P.args, **keywords: P.kwargs) -> T:
        close_old_connections()
        try:
            return function(*arguments, **keywords)
        finally:
            close_old_connections()

    return wrapped


def give_back() -> None:
    """Give this thread's pooled connection back while something else than the database is waited for.

    Without a pool it is kept: opening another would cost more than holding it.
    """
    if config().database_pool and not connection.in_atomic_block:
        connection.close()
