"""Wait for what comes about outside the test: a controller's answer, another process, a thread."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

# Seconds. It is reached by what is broken alone: a busy machine may be slow, and that is no defect of what is tested.
PATIENCE = 120.0


def until(ask: Callable[[], Any], *, what: str = "a condition", seconds: float = PATIENCE) -> Any:
    """Return the first true answer, asked again and again.

    :raises TimeoutError: where there is none within `seconds`, which names `what` was waited for.
    """
    end = time.monotonic() + seconds
    while not (answer := ask()):
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        time.sleep(0.05)
    return answer
