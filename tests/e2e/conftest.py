"""The running product, one stack for all modules that want the same settings, and real servers where they can be had."""

from __future__ import annotations

import zlib
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.e2e import sources
from tests.e2e import stack as stacks
from tests.e2e.stack import Stack
from tests.servers.aimock import aimock_server
from tests.servers.fixtures import control_plane, kubelet, start_prometheus
from tests.servers.otlp import Collector, collecting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["aimock_server", "control_plane", "kubelet", "start_prometheus"]


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    """What all stacks send their traces to."""
    with collecting() as one:
        yield one


@pytest.fixture(scope="session")
def start_stack(
    make_database: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
    worker_id: str,
    collector: Collector,
) -> Iterator[Callable[..., Stack]]:
    """Start the product on a database, a broker and ports of its own: `start_stack(SETTING="value")`.

    Who asks for the same settings gets the same stack: modules keep apart by their tenants, as customers do.
    """
    started: dict[str, Stack] = {}
    with ExitStack() as ending:

        def start(**settings: str) -> Stack:
            key = repr(sorted(settings.items()))
            if key not in started:
                database = make_database(f"e2e_{worker_id}_{zlib.crc32(key.encode()):08x}")
                told = {"COPILOT_OTLP_URL": collector.url, **settings}
                running = stacks.running(tmp_path_factory.mktemp("stack"), database, told)
                started[key] = ending.enter_context(running)
            return started[key]

        yield start


@pytest.fixture(scope="module")
def stack(start_stack: Callable[..., Stack]) -> Stack:
    """The product's processes, without a model."""
    return start_stack()


@pytest.fixture(scope="module")
def replay() -> Iterator[sources.Replay]:
    """The demo's recording, served as if its page fired now: stands in for Prometheus and Kubernetes on any machine."""
    with sources.replaying() as server:
        yield server


@pytest.fixture(autouse=True)
def _all_up(request: pytest.FixtureRequest) -> Iterator[None]:
    """Show every process's log beside a test that fails, and leave the stack whole for the next."""
    before = request.session.testsfailed
    yield
    if "stack" not in request.fixturenames:
        return
    stack: Stack = request.getfixturevalue("stack")
    if request.session.testsfailed > before:
        print(stack.logs())
    stack.mend()
