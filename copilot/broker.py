"""The road to the broker: Kombu's, which a broker that goes away must not bring down."""

from __future__ import annotations

from typing import Any

from kombu.transport import TRANSPORT_ALIASES
from kombu.transport import redis as kombu_redis
from redis.exceptions import ConnectionError as BrokerIsAway


class Channel(kombu_redis.Channel):
    """Give the errors of a closed connection the name that Celery knows how to get over."""

    def _connparams(self, *arguments: Any, **options: Any) -> dict[str, Any]:
        # A worker that lost its broker closes the connection in two steps. Kombu's first lets go of the transport, its second
        # gives back unacknowledged messages through it, which ended the worker with an AttributeError (kombu 5.7).
        if self.connection.client is None:
            raise BrokerIsAway("the connection to the broker is closed; its messages are found again by the sweeper")
        params: dict[str, Any] = super()._connparams(*arguments, **options)
        return params


class Transport(kombu_redis.Transport):
    """Carry messages over Redis or Valkey, through channels that survive its absence."""

    Channel = Channel


def carry() -> None:
    """Let `redis://` and `rediss://` addresses go through this transport."""
    TRANSPORT_ALIASES.update(dict.fromkeys(("redis", "rediss"), f"{__name__}:Transport"))
