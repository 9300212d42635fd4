"""When to start again what has died: soon, and later with each death in a row."""

from __future__ import annotations

import time
from dataclasses import dataclass

# After this long, doubled with each death in a row, up to the most; who has lived for a while begins anew.
FIRST_SECONDS = 0.5
MOST_SECONDS = 30.0
WELL_SECONDS = 60.0


@dataclass(slots=True)
class Restarts:
    """Hold how often something has died in a row, and when it may be started again; times are monotonic seconds."""

    deaths: int = 0
    not_before: float = 0.0
    started_at: float = 0.0

    def started(self) -> None:
        """Note that it was started just now."""
        self.not_before = 0.0
        self.started_at = time.monotonic()

    def due(self, *, is_alive: bool, now: float | None = None) -> bool:
        """Return whether it is to be started now; called again and again."""
        now = time.monotonic() if now is None else now
        if is_alive:
            if self.deaths and now - self.started_at > WELL_SECONDS:
                self.deaths = 0
            return False
        if self.not_before == 0.0:
            self.deaths += 1
            self.not_before = now + min(FIRST_SECONDS * 2 ** (self.deaths - 1), MOST_SECONDS)
            return False
        return now >= self.not_before
