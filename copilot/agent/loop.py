"""The agent's life: come for work, do it side by side, answer, and come again; whatever breaks is waited out."""

from __future__ import annotations

import random
import threading
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from copilot import __version__, observe
from copilot.agent import sources
from copilot.agent.link import Gone, Link
from copilot.agent.protocol import Answered, Poll, SourceState
from copilot.agent.work import check, redactor_of, work
from integrations.base import SourceError, Unauthorised

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from copilot.agent.protocol import Handed
    from copilot.config import AgentConfig
    from copilot.guard.redact import Redactor

log = observe.logger(__name__)

# While something is worked at, polls are short: they renew its lease.
BUSY_WAIT_SECONDS = 2.0
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
# A refused token is tried again, as a new one may be in its file, but seldom.
REFUSED_PAUSE, LONGEST_REFUSED_PAUSE = 2.0, 60.0
CHECK_EVERY_SECONDS = 300.0


class Stopped(BaseException):
    """End a poll that waits, when the process is told to stop; no error, so that nothing takes it for one."""


@dataclass(slots=True)
class Standing:
    """Hold how the agent does, for its health port and for `--once`."""

    state: str = "starting"
    detail: str = ""
    turned_at: float = 0.0
    answered_at: float = 0.0


class Agent:
    """Be one agent process."""

    def __init__(self, settings: AgentConfig, *, link: Link | None = None) -> None:
        self._settings = settings
        self._link = link or Link(settings)
        self._instance = uuid.uuid4()
        self._working: dict[UUID, threading.Thread] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._waits = False
        self._failures = 0
        self._sources: tuple[SourceState, ...] = ()
        self.standing = Standing(turned_at=time.monotonic())

    # -- life -------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Work until told to stop; then finish what was begun, within the time for it."""
        checker = threading.Thread(target=self._keep_checking, name="checks", daemon=True)
        checker.start()
        while not self._stop.is_set():
            self.turn()
            if pause := self._pause():
                self._stop.wait(pause)
        self._set("stopping")
        self.finish(self._settings.stop_seconds)

    def turn(self) -> int:
        """Poll once and begin what there is to do; return how much that was. Failures end in `standing`."""
        self.standing.turned_at = time.monotonic()
        try:
            redactor = redactor_of(self._link.token())
            self._waits = True
            try:
                found = self._link.poll(self._said())
            finally:
                self._waits = False
        except Stopped:
            return 0
        except Unauthorised as refused:
            self._fail("refused", refused.reason)
            return 0
        except (SourceError, ValueError) as error:
            self._fail("unreachable", str(error))
            return 0
        self._failures = 0
        self.standing.answered_at = time.monotonic()
        self._set("connected")
        for handed in found.requests:
            self._begin(handed, redactor)
        return len(found.requests)

    def stop(self) -> None:
        """Tell the agent to stop; from a signal's handler it also ends the poll that waits."""
        self._stop.set()
        if self._waits and threading.current_thread() is threading.main_thread():
            self._waits = False
            raise Stopped

    def finish(self, seconds: float) -> bool:
        """Wait for what is being worked at; return whether all of it is done."""
        until = time.monotonic() + seconds
        for thread in list(self._working.values()):
            thread.join(max(0.0, until - time.monotonic()))
        return not self._working

    @property
    def working(self) -> int:
        """Return how many requests are being worked at."""
        return len(self._working)

    @property
    def sources(self) -> Sequence[SourceState]:
        """Return the sources, and what their last test saw."""
        return self._sources

    # -- what it says -----------------------------------------------------------------------------------------------

    def _said(self) -> Poll:
        with self._lock:
            working = tuple(self._working)
        return Poll(
            version=__version__,
            instance=self._instance,
            capacity=max(0, self._settings.capacity - len(working)),
            working=working,
            wait_seconds=min(self._settings.wait_seconds, BUSY_WAIT_SECONDS if working else 25.0),
            sources=self._sources,
        )

    def _set(self, state: str, detail: str = "") -> None:
        if (state, detail) != (self.standing.state, self.standing.detail):
            log.info("agent", state=state, detail=detail)
        self.standing.state, self.standing.detail = state, detail

    def _fail(self, state: str, detail: str) -> None:
        if (state, detail) != (self.standing.state, self.standing.detail):
            log.error("agent", state=state, detail=detail)
        self._failures += 1
        self.standing.state, self.standing.detail = state, detail

    def _pause(self) -> float:
        """Return how long to wait before the next poll: longer with each failure, and never in step with other agents."""
        if not self._failures:
            return 0.0
        refused = self.standing.state == "refused"
        first, longest = (REFUSED_PAUSE, LONGEST_REFUSED_PAUSE) if refused else (FIRST_PAUSE, LONGEST_PAUSE)
        return float(min(longest, first * 2 ** min(self._failures - 1, 10)) * random.uniform(0.5, 1.0))

    # -- what it does -----------------------------------------------------------------------------------------------

    def _begin(self, handed: Handed, redactor: Redactor) -> None:
        thread = threading.Thread(
            target=self._do, args=(handed, redactor), name=f"request-{handed.id.hex[:8]}", daemon=True
        )
        with self._lock:
            self._working[handed.id] = thread
        thread.start()

    def _do(self, handed: Handed, redactor: Redactor) -> None:
        until = time.monotonic() + handed.seconds
        try:
            answered = Answered(
                attempt=handed.attempt, instance=self._instance, answer=work(handed, self._settings, redactor)
            )
            self._send(handed, answered, until)
        except Exception:
            log.exception("a request could not be answered", request=str(handed.id))
        finally:
            with self._lock:
                self._working.pop(handed.id, None)

    def _send(self, handed: Handed, answered: Answered, until: float) -> None:
        """Send an answer, again and again until the service has it or nobody waits for it any more."""
        pause = FIRST_PAUSE
        while (left := until - time.monotonic()) > 0:
            try:
                self._link.answer(handed.id, answered, seconds=left)
            except Gone as gone:
                log.info("an answer came too late", request=str(handed.id), reason=gone.reason)
            except SourceError as error:
                if error.retryable:
                    time.sleep(min(pause * random.uniform(0.5, 1.0), max(0.0, until - time.monotonic())))
                    pause *= 2
                    continue
                log.warning("an answer was refused", request=str(handed.id), reason=error.reason)
            return
        log.warning("an answer could not be sent in time", request=str(handed.id))

    # -- what it reaches --------------------------------------------------------------------------------------------

    def _keep_checking(self) -> None:
        while not self._stop.is_set():
            self.check_sources()
            self._stop.wait(CHECK_EVERY_SECONDS)

    def check_sources(self) -> None:
        """Test every source once, and keep what was seen for the next poll."""
        try:
            known = sources.load(self._settings.sources)
            redactor = redactor_of(self._link.token())
        except (sources.WrongSources, SourceError) as wrong:
            log.warning("the agent's sources cannot be tested", reason=str(wrong))
            return
        states = {key: SourceState(kind=key[0], name=key[1]) for key in known}
        self._sources = tuple(states.values())
        for key, source in known.items():
            seen = check(source, self._settings, redactor)
            states[key] = SourceState(kind=key[0], name=key[1], works=seen.works, detail=seen.detail[:300])
            self._sources = tuple(states.values())
