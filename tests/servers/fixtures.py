"""Fixtures that start real servers once per session: import them by name into the conftest.py of a folder that needs them.

Under xdist every worker starts its own, on free ports; mark tests that use the control plane with
`@pytest.mark.xdist_group("envtest")`, so that `--dist loadgroup` starts only one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.servers import control_plane as planes
from tests.servers import kubelet as kubelets
from tests.servers import prometheus as prometheuses

if TYPE_CHECKING:
    from tests.servers.control_plane import ControlPlane
    from tests.servers.kubelet import Kubelet
    from tests.servers.prometheus import Past

StartPrometheus = Callable[..., str]


@pytest.fixture(scope="session")
def start_prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartPrometheus]:
    """Start a Prometheus with a past and return its address; skips where Debian's package is absent."""
    if reason := prometheuses.skip_reason():
        pytest.skip(reason)
    with ExitStack() as stack:

        def start(past: Past, *, web_config: str = "", arguments: tuple[str, ...] = ()) -> str:
            folder = tmp_path_factory.mktemp("prometheus")
            return stack.enter_context(prometheuses.serving(folder, past, web_config=web_config, arguments=arguments))

        yield start


@pytest.fixture(scope="session")
def kubelet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubelet]:
    """Serve containers' logs as a kubelet does; register a Node with its port."""
    with kubelets.serving(tmp_path_factory.mktemp("kubelet")) as running:
        yield running


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """Run a real Kubernetes control plane; skips where its binaries are absent."""
    if reason := planes.skip_reason():
        pytest.skip(reason)
    with planes.serving(tmp_path_factory.mktemp("control-plane")) as running:
        yield running
