"""The last sweep's time, kept in the broker: beat sent it and a worker did it, so both are alive."""

from __future__ import annotations

import time

import redis

from copilot import observe
from copilot.config import config

log = observe.logger(__name__)
KEY = "copilot/swept"
# What nobody renews is forgotten.
KEPT_SECONDS = 3600
WAIT_SECONDS = 2.0


def note() -> None:
    """Note that a sweep was done now; a broker that is away loses the note alone."""
    try:
        with _client() as client:
            client.set(KEY, f"{time.time():.3f}", ex=KEPT_SECONDS)
    except (redis.RedisError, ValueError) as error:
        log.debug("the sweep was not noted", error=type(error).__name__)


def seconds_ago() -> float | None:
    """Return how long ago the last sweep was, None where nobody knows of one.

    :raises redis.RedisError: where the broker does not answer.
    :raises ValueError: where the broker is no Redis.
    """
    with _client() as client:
        noted = client.get(KEY)
    return None if noted is None else max(0.0, time.time() - float(noted))


def _client() -> redis.Redis:
    return redis.Redis.from_url(
        config().redis_url.get_secret_value(), socket_timeout=WAIT_SECONDS, socket_connect_timeout=WAIT_SECONDS
    )
