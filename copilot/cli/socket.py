"""`copilot socket`: receive Slack's requests without a public address."""

from __future__ import annotations

import runpy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

# Named, not imported: faces know the core, the core does not know them.
MODULE = "slackbot.socket"


def add(subparsers: Any, common: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "socket",
        parents=[common],
        help="receive Slack's requests without a public address (Socket Mode)",
        description="Keep a connection to Slack for every workspace that was connected with an app_token, until Ctrl-C.",
    )
    parser.set_defaults(run=run, needs_installation=True)


def run(options: argparse.Namespace) -> int:
    """Run until asked to stop."""
    del options
    try:
        runpy.run_module(MODULE, run_name="__main__", alter_sys=False)
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0
