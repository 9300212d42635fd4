"""`copilot demo`: one recorded incident through the real path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse


def add(subparsers: Any, common: argparse.ArgumentParser) -> None:
    """Add the commands."""
