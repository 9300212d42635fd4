"""Ask one source several questions: keep what it answers, and write down what it does not."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from integrations.base import OutOfScope, Rejected, SourceError, TimedOut, TooLarge
from scoring.observations import Gap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from integrations.base import Door, Scope, ServiceScope

Answer = TypeVar("Answer")
# A source whose answers were too large so often is left alone: more of them would only take time and room.
MOST_TOO_LARGE = 4


@dataclass(slots=True)
class Questions:
    """Count what one source answered; every failed question becomes a `Gap`. May be used by several threads at once."""

    source: str
    door: Door
    answered: int = 0
    gaps: list[Gap] = field(default_factory=list)
    first_error: SourceError | None = None
    too_large: int = 0
    _lock: Lock = field(default_factory=Lock, repr=False)

    def ask(self, question: str, call: Callable[[], Answer]) -> Answer | None:
        """Return the call's answer, or None where it failed or where no time is left for it."""
        try:
            if self.door.remaining() <= 0:
                raise TimedOut("no time was left to ask")
            if self.too_large >= MOST_TOO_LARGE:
                raise Rejected("was not asked: its answers before were too large", retryable=False)
            answer = call()
        except SourceError as error:
            with self._lock:
                self.too_large += isinstance(error, TooLarge)
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

    :raises OutOfScope: where it is outside the incident; the text names those that are known.
    """
    service = next((one for one in scope.services if one.name == name), None)
    if service is None:
        known = ", ".join(one.name for one in scope.services[:30]) or "none"
        raise OutOfScope(f"service {name!r} is outside this incident; known are: {known}")
    return service
