"""`copilot record` and `copilot replay`: keep an incident's vendor answers, and serve them again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse


def add(subparsers: Any, common: argparse.ArgumentParser) -> None:
    """Add the commands."""
