"""Leave a memory alone for a while that does not answer, so that not every search waits for it; known to this process alone."""

from __future__ import annotations

import time

# After so many failures in a row it is left alone for so long; then one question tries it.
FAILURES = 2
SECONDS = 60.0

_failures: dict[str, tuple[int, float]] = {}


def is_over(name: str) -> bool:
    """Return whether a memory is left alone for now."""
    count, last = _failures.get(name, (0, 0.0))
    return count >= FAILURES and time.monotonic() - last < SECONDS


def failed(name: str) -> None:
    """Note that a memory did not answer."""
    count, _ = _failures.get(name, (0, 0.0))
    _failures[name] = (count + 1, time.monotonic())


def answered(name: str) -> None:
    """Note that it did."""
    _failures.pop(name, None)


__all__ = ["FAILURES", "SECONDS", "answered", "failed", "is_over"]
