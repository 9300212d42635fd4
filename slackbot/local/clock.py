"""Slack's timestamps: seconds with six digits that name a message, never the same twice."""

import itertools
import time


class Clock:
    """Hand out timestamps that only grow."""

    def __init__(self) -> None:
        self._last = 0
        self._numbers = itertools.count(1)

    def now(self) -> float:
        """Return the time in seconds since 1970."""
        return time.time()

    def timestamp(self) -> str:
        """Return a new `1596530385.194939`, later than all before it."""
        self._last = max(self._last + 1, time.time_ns() // 1000)
        return f"{self._last // 1_000_000}.{self._last % 1_000_000:06d}"

    def seen(self, timestamp: str) -> None:
        """Take note of a timestamp given out before a restart."""
        seconds, _, micro = timestamp.partition(".")
        self._last = max(self._last, int(seconds) * 1_000_000 + int(micro or 0))
