"""A running stack for each module, and real sources where this machine has them."""

from __future__ import annotations

import zlib
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.e2e import stack as stacks
from tests.e2e.stack import Stack
from tests.servers.aimock import aimock_server
from tests.servers.fixtures import control_plane, kubelet, start_prometheus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


__all__ = ["aimock_server", "control_plane", "kubelet", "start_prometheus"]


@pytest.fixture(scope="module")
def start_stack(
    make_database: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Stack]]:
    """Start the product's processes on a database, a broker and ports of their own: `start_stack(SETTING="value")`."""
    with ExitStack() as ending:
        made: list[Stack] = []

        def start(**settings: str) -> Stack:
            name = f"e2e_{zlib.crc32(request.module.__name__.encode()):08x}_{len(made)}"
            running = stacks.running(tmp_path_factory.mktemp("stack"), make_database(name), settings)
            made.append(ending.enter_context(running))
            return made[-1]

        yield start


@pytest.fixture(scope="module")
def stack(start_stack: Callable[..., Stack]) -> Stack:
    """The product's processes, without a model."""
    return start_stack()


@pytest.fixture(autouse=True)
def _logs_on_failure(request: pytest.FixtureRequest) -> Iterator[None]:
    """Show the processes' logs beside a test that fails."""
    before = request.session.testsfailed
    yield
    if request.session.testsfailed > before and "stack" in request.fixturenames:
        print(request.getfixturevalue("stack").logs())
