"""What is the same in every vendor's refusal over HTTP: no answer at all, and when a rate limit opens again."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from integrations.base import TimedOut, Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# A reset is told as a moment in Unix seconds, or as seconds from now; nobody waits for eleven days.
_MOMENT = 1_000_000


@contextmanager
def no_answer_from(vendor: str) -> Iterator[None]:
    """Say in words why a request through httpx got no answer.

    :raises TimedOut: where the time was up.
    :raises Unreachable: where the vendor could not be reached, or hung up.
    """
    import httpx

    try:
        yield
    except httpx.TimeoutException as error:
        raise TimedOut(f"{vendor} did not answer in time") from error
    except httpx.HTTPError as error:
        raise Unreachable(f"{vendor} could not be reached ({type(error).__name__})") from error


def opens(headers: Mapping[str, str]) -> str:
    """Return when a rate limit opens again, as the rest of a sentence; empty where the vendor does not say."""
    names = ("retry-after", "x-ratelimit-reset", "ratelimit-reset")
    said = next((value for name in names if (value := headers.get(name, "")).isascii() and value.isdigit()), "")
    if not said or len(said) > 11:
        return ""
    if int(said) < _MOMENT:
        return f"; it opens in {said} s"
    return f"; it opens at {datetime.fromtimestamp(int(said), UTC):%H:%M:%S} UTC"
