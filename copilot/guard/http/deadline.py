"""The time a door may take in all, shared by everything that goes through it."""

from __future__ import annotations

import time

from integrations.base import TimedOut


class Deadline:
    """Count down from a number of seconds; a server that drips bytes cannot stretch it, unlike a time-out per read."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def remaining(self) -> float:
        """Return the seconds left, never below zero."""
        return max(0.0, self._end - time.monotonic())

    def limit(self, timeout: float | None, where: str) -> float:
        """Return the smaller of a time-out (None is "none") and what is left of the deadline, in seconds.

        :raises TimedOut: where nothing is left.
        """
        left = self.remaining()
        if left <= 0:
            raise self.over(where)
        return left if timeout is None else min(timeout, left)

    def over(self, where: str) -> TimedOut:
        """Return the error to raise when the time is up."""
        return TimedOut(f"{where} did not answer within {self.seconds:g} s")
