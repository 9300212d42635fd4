"""A worker's connection to the broker, cut in the middle of its work."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from kombu import Connection, Consumer, Queue
from kombu.common import ignore_errors

from copilot import broker as road
from tests.e2e.stack import Broker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    one = Broker(tmp_path)
    one.start()
    yield one
    one.stop()


def test_a_connection_whose_broker_went_away_with_work_under_way_can_be_closed(broker: Broker) -> None:
    """Kombu's own transport raises AttributeError here, which Celery takes for the end of the worker."""
    road.carry()
    connection = Connection(broker.url, transport_options={"max_retries": 0})
    queue = Queue("work")
    connection.Producer().publish({"a": "hint"}, routing_key="work", declare=[queue])
    taken: list[Any] = []
    Consumer(connection, [queue], callbacks=[lambda _, message: taken.append(message)]).consume()
    connection.drain_events(timeout=5)
    remote_control = connection.channel()
    Consumer(remote_control, [Queue("control")]).consume()
    for channel in (connection.default_channel, remote_control):
        # As the event loop leaves them: connected, and waiting for the next message.
        channel.client.ping()
        channel.client.connection = channel.client.connection or channel.client.connection_pool.get_connection()
        channel._brpop_start()

    broker.stop()
    # What a worker does when its connection breaks: let go, then close; and acknowledge what it did meanwhile.
    with suppress(*connection.connection_errors):
        connection.collect(socket_timeout=0.1)
    ignore_errors(connection, connection.close)

    assert len(taken) == 1
    with pytest.raises(connection.connection_errors, match="found again by the sweeper"):
        taken[0].ack()
