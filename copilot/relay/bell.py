"""A bell between processes: PostgreSQL tells who waits that a row of theirs is there, within milliseconds of its commit.

It is a hint and never the truth: rows are, and who waits looks at them now and then all the same. So nothing is lost where a
bell is not heard (a connection that broke, a PgBouncer in transaction mode, which passes no notifications on); it takes longer.
"""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import psycopg
from django.db import connection

from copilot import observe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from uuid import UUID

log = observe.logger(__name__)

CHANNEL = "copilot_relay"
# Without anyone who waits, the connection is given back after so long; with, it is tried so often whether it still lives.
IDLE_SECONDS = 20.0
TRIED_SECONDS = 20.0
_AGAIN_SECONDS = 1.0
_WAKE_SECONDS = 1.0


def ring(*keys: UUID) -> None:
    """Tell whoever waits for these rows, in any process; what is rung in a transaction is heard when it commits."""
    with connection.cursor() as cursor:
        for key in keys:
            cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, key.hex])


class Bell:
    """Be one process's ear: one connection that listens, however many wait, and none while nobody does."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, list[Callable[[], None]]] = defaultdict(list)
        self._ear: threading.Thread | None = None
        self._process = 0
        self._listens = threading.Event()

    @property
    def is_heard(self) -> bool:
        """Return whether a connection listens at the moment; where none does, look more often."""
        return self._listens.is_set() and self._process == os.getpid()

    @contextmanager
    def waiting(self, key: UUID, wake: Callable[[], None]) -> Iterator[None]:
        """Call `wake`, from another thread, each time the key is rung, and when something may have been missed."""
        self._begin(key.hex, wake)
        try:
            yield
        finally:
            with self._lock:
                wakes = self._waiting.get(key.hex, [])
                with suppress(ValueError):
                    wakes.remove(wake)
                if not wakes:
                    self._waiting.pop(key.hex, None)

    def _begin(self, key: str, wake: Callable[[], None]) -> None:
        with self._lock:
            if self._process != os.getpid():
                # A worker that was forked has its parent's memory, and neither its threads nor a right to its connections.
                self._waiting.clear()
                self._listens.clear()
                self._ear, self._process = None, os.getpid()
            self._waiting[key].append(wake)
            if self._ear is None:
                self._ear = threading.Thread(target=self._hear, args=(_address(),), name="bell", daemon=True)
                self._ear.start()

    def _hear(self, address: dict[str, Any]) -> None:
        """Listen until nobody has waited for a while."""
        while True:
            try:
                with _connected(address) as ear:
                    ear.execute(f"LISTEN {CHANNEL}")
                    self._listens.set()
                    # What was rung before we listened was not heard.
                    self._wake(None)
                    if self._heard(ear):
                        return
            except psycopg.Error as error:
                log.info("the bell between processes is not heard", reason=str(error).strip()[:200])
            finally:
                self._listens.clear()
            self._wake(None)
            if self._is_done():
                return
            time.sleep(_AGAIN_SECONDS)

    def _heard(self, ear: psycopg.Connection[Any]) -> bool:
        """Pass on what is rung; return True once nobody has waited for a while."""
        used = tried = time.monotonic()
        while True:
            for note in ear.notifies(timeout=_WAKE_SECONDS, stop_after=1):
                self._wake((note.payload,))
            now = time.monotonic()
            if self._waiting:
                used = now
            elif now - used > IDLE_SECONDS and self._is_done():
                return True
            if now - tried > TRIED_SECONDS:
                # A connection that a firewall dropped without a word says so when it is used.
                ear.execute("SELECT 1")
                tried = now

    def _is_done(self) -> bool:
        """Return whether nobody waits, and let the next who does begin anew."""
        with self._lock:
            if self._waiting:
                return False
            self._ear = None
            self._listens.clear()
            return True

    def _wake(self, keys: Iterable[str] | None) -> None:
        with self._lock:
            chosen = list(self._waiting) if keys is None else keys
            wakes = [wake for key in chosen for wake in self._waiting.get(key, ())]
        for wake in wakes:
            # A loop that was closed meanwhile waits for nothing.
            with suppress(RuntimeError):
                wake()


def _connected(address: dict[str, Any]) -> psycopg.Connection[Any]:
    return psycopg.connect(**address, autocommit=True)


def _address() -> dict[str, Any]:
    """Return how to reach the database that this process uses."""
    given = connection.get_connection_params()
    return {
        name: value
        for name, value in given.items()
        if name
        in {"dbname", "user", "password", "host", "port", "sslmode", "sslrootcert", "sslcert", "sslkey", "options"}
    } | {"connect_timeout": 5, "application_name": "copilot bell"}


bell = Bell()
