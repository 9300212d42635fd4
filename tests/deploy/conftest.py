"""Servers that the tests of what is deployed need."""

from tests.servers.fixtures import control_plane

__all__ = ["control_plane"]
