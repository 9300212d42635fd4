"""What a vendor's API over a recording answers, and what it could not."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from copilot.replay.questions import Parameters

log = logging.getLogger(__name__)

# Status, content type and body.
Answer = tuple[int, str, bytes]


class Misses:
    """Remember questions that the recording has no answer to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[str, int] = {}

    def note(self, vendor: str, path: str, question: str) -> None:
        """Count one question without an answer."""
        text = f"{vendor} {path}{f'?{question}' if question else ''}"
        with self._lock:
            self._seen[text] = self._seen.get(text, 0) + 1
        log.info("not in the recording: %s", text)

    def seen(self) -> dict[str, int]:
        """Return the questions and how often each was asked."""
        with self._lock:
            return dict(self._seen)


class Replay(Protocol):
    """Be one vendor's API over a recording."""

    def answer(self, method: str, path: str, parameters: Parameters, body: bytes, *, now: float) -> Answer:
        """Return status, content type and body; `now` is Unix seconds."""
