"""`copilot bench`: measure what is promised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse


def add(subparsers: Any, common: argparse.ArgumentParser) -> None:
    """Add the commands."""
