"""Ask one source several questions: keep what it answers, and write down what it does not."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from integrations.base import Rejected, SourceError, TimedOut
from scoring.observations import Gap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from integrations.base import Door, Scope, ServiceScope

Answer = TypeVar("Answer")


@dataclass(slots=True)
class Questions:
    """Count what one source answered; every failed question becomes a `Gap`. May be used by several threads at once."""

    source: str
    door: Door
    answered: int = 0
    gaps: list[Gap] = field(default_factory=list)
    first_error: SourceError | None = None
    _lock: Lock = field(default_factory=Lock, repr=False)

    def ask(self, question: str, call: Callable[[], Answer]) -> Answer | None:
        """Return the call's answer, or None where it failed or where no time is left for it."""
        try:
            if self.door.remaining() <= 0:
                raise TimedOut("no time was left to ask")
            answer = call()
        except SourceError as error:
            with self._lock:
                self.first_error = self.first_error or error
                self.gaps.append(Gap(source=self.source, question=question, reason=error.reason))
            return None
        with self._lock:
            self.answered += 1
        return answer

    def close(self) -> Iterator[Gap]:
        """Yield the gaps.

        :raises SourceError: the first one, where there were questions and none was answered.
        """
        if self.first_error and not self.answered:
            raise self.first_error
        yield from self.gaps


def in_scope(scope: Scope, name: str) -> ServiceScope:
    """Return the service of the scope that a conversation asks about.

    :raises Rejected: where it is outside the incident; the text names those that are known.
    """
    service = next((one for one in scope.services if one.name == name), None)
    if service is None:
        known = ", ".join(one.name for one in scope.services[:30]) or "none"
        raise Rejected(f"service {name!r} is outside this incident; known are: {known}", retryable=False)
    return service
