"""What several doors may read together: the bytes of one run's sources, however many there are."""

from __future__ import annotations

import threading

from integrations.base import TooLarge


class Meter:
    """Count unpacked bytes up to a limit, from any thread; 0 is no limit."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.used = 0
        self.is_spent = False
        self._lock = threading.Lock()

    def take(self, count: int) -> None:
        """Add bytes that were read.

        :raises TooLarge: where they are more than the limit leaves.
        """
        with self._lock:
            self.used += count
            if not self.max_bytes or self.used <= self.max_bytes:
                return
            self.is_spent = True
        raise TooLarge(
            f"not read on: all sources together gave {self.max_bytes / 1e6:,.3g} MB, the limit", retryable=False
        )
