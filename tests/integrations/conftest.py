"""Real servers for the integrations' tests."""

from __future__ import annotations

from tests.servers.fixtures import control_plane, kubelet, start_prometheus

__all__ = ["control_plane", "kubelet", "start_prometheus"]
