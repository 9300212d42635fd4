"""`copilot secrets`: change the master key without entering anything again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from copilot.cli.session import Problem, actor

if TYPE_CHECKING:
    import argparse


def add(subparsers: Any, common: argparse.ArgumentParser) -> None:
    """Add the command."""
    secrets = subparsers.add_parser("secrets", help="change the master key").add_subparsers(
        required=True, metavar="WHAT"
    )
    rotate = secrets.add_parser(
        "rotate",
        parents=[common],
        help="seal all credentials anew under the first of COPILOT_SECRET_KEYS",
        description="Let every process know the new key (OLD,NEW), then use it (NEW,OLD); rotate; then take the old one away.",
    )
    rotate.set_defaults(run=run, needs_installation=True)


def run(options: argparse.Namespace) -> int:
    """Rotate, and say what did not open."""
    del options
    from copilot.rotation import rotate_all

    done = rotate_all(actor=actor())
    print(f"{done.sealed} connections are sealed under the first key")
    if done.broken:
        raise Problem("these open under no key that is set; connect them again: " + ", ".join(done.broken))
    return 0
