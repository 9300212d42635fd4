"""Fixtures of the trials: the model's door with a Claude stand-in behind it."""

from __future__ import annotations

from tests.unit.llm.conftest import aimock, aimock_server, ask, configure, run

__all__ = ["aimock", "aimock_server", "ask", "configure", "run"]
