"""Ask one source several questions: keep what it answers, and write down what it does not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from integrations.base import SourceError, TimedOut
from scoring.observations import Gap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from integrations.base import Door

Answer = TypeVar("Answer")


@dataclass(slots=True)
class Questions:
    """Count what one source answered; every failed question becomes a `Gap`."""

    source: str
    door: Door
    answered: int = 0
    gaps: list[Gap] = field(default_factory=list)
    first_error: SourceError | None = None

    def ask(self, question: str, call: Callable[[], Answer]) -> Answer | None:
        """Return the call's answer, or None where it failed or where no time is left for it."""
        try:
            if self.door.remaining() <= 0:
                raise TimedOut("no time was left to ask")
            answer = call()
        except SourceError as error:
            self.first_error = self.first_error or error
            self.gaps.append(Gap(source=self.source, question=question, reason=error.reason))
            return None
        self.answered += 1
        return answer

    def close(self) -> Iterator[Gap]:
        """Yield the gaps.

        :raises SourceError: the first one, where there were questions and none was answered.
        """
        if self.first_error and not self.answered:
            raise self.first_error
        yield from self.gaps
