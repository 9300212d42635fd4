"""`copilot up`: the whole product on this machine, until Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

from copilot.cli.session import Problem, print_json

if TYPE_CHECKING:
    import argparse

    from copilot.supervisor import Stack


def add_ports(parser: argparse.ArgumentParser) -> None:
    """Let a command choose its ports."""
    parser.add_argument("--port", type=int, default=8000, help="of the api: webhooks, Slack, health (default 8000)")
    parser.add_argument("--slack-port", type=int, default=8001, help="of the local Slack workspace (default 8001)")
    parser.add_argument("--ops-port", type=int, default=8002, help="of the admin (default 8002)")


def add(subparsers: Any, common: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "up",
        parents=[common],
        help="start PostgreSQL, Valkey, api, worker, beat, admin and a local Slack workspace",
        description="Start the whole product on this machine and stay up until Ctrl-C. Prints `ready` when it is.",
    )
    add_ports(parser)
    parser.add_argument("--json", action="store_true", help="print the addresses as JSON before `ready`")
    parser.set_defaults(run=run, needs_installation=False)


def say(text: str) -> None:
    """Tell progress, on standard error."""
    print(f"  {text}", file=sys.stderr, flush=True)


def _load_starter(stack: Stack) -> None:
    """Bring every tenant's starter runbooks up to date with this version, without waiting for it."""
    with (stack.data / "logs" / "starter.log").open("wb") as log:
        subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "copilot", "--data", str(stack.data), "runbook", "starter"],
            env={**os.environ, **stack.environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )


def run(options: argparse.Namespace) -> int:
    """Start, say `ready`, and tend the processes until asked to stop."""
    from copilot.embedded import AlreadyRunning
    from copilot.supervisor import NotStarted, Ports, running

    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    ports = Ports(options.port, options.slack_port, options.ops_port)
    try:
        with running(options.data, ports, say) as stack:
            if options.json:
                print_json(
                    {"api": stack.api_url, "slack": stack.slack_url, "ops": stack.ops_url, "data": str(options.data)}
                )
            else:
                print(f"api    {stack.api_url}\nslack  {stack.slack_url}\nadmin  {stack.ops_url}")
            print("ready", flush=True)
            _load_starter(stack)
            while not stopping.wait(0.5):
                for name in stack.tend():
                    say(f"{name} had ended, and is started again")
            say("stopping")
    except (NotStarted, AlreadyRunning) as error:
        raise Problem(str(error)) from error
    return 0
