"""The `copilot` command: start the product, set up tenants, and look at what it knows."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from copilot.cli import (
    agent,
    bench,
    connect,
    database,
    demo,
    doctor,
    evaluate,
    incidents,
    mcp,
    recordings,
    runbooks,
    secrets,
    services,
    socket,
    tenants,
    tokens,
    tools,
    topology,
    up,
)
from copilot.cli.session import Problem, find_installation

COMMANDS = (
    up,
    demo,
    tenants,
    tokens,
    connect,
    agent,
    services,
    topology,
    doctor,
    database,
    incidents,
    mcp,
    tools,
    recordings,
    runbooks,
    secrets,
    socket,
    bench,
    evaluate,
)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--data",
        type=Path,
        default=argparse.SUPPRESS,
        metavar="DIR",
        help="folder of the installation (default: $COPILOT_DATA, else .copilot)",
    )
    root = argparse.ArgumentParser(
        prog="copilot",
        description="SRE Copilot: a page becomes ranked, evidence-backed hypotheses in the incident's Slack thread.",
        parents=[common],
    )
    subparsers = root.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add(subparsers, common)
    return root


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code; 2 says that the call itself was wrong, 1 that it did not work."""
    options = parser().parse_args(arguments)
    data = getattr(options, "data", None) or Path(os.environ.get("COPILOT_DATA") or ".copilot")
    options.data = data
    os.environ["COPILOT_DATA"] = str(data)
    _reach_ourselves_directly()
    try:
        if options.needs_installation:
            find_installation(data)
        code = int(options.run(options) or 0)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read along has seen enough (`| head`). Python flushes once more at its end: let that go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Problem as problem:
        print(f"copilot: {problem}", file=sys.stderr)
        return problem.code
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        said = _of_the_database(error) or _of_the_settings(error)
        if not said:
            raise
        print(f"copilot: {said}", file=sys.stderr)
        return 1
    return code


def _of_the_database(error: Exception) -> str:
    """Return what is wrong with the database and what to do, nothing where the trouble is another."""
    django = sys.modules.get("django.db")
    if django is None:
        return ""
    if isinstance(error, django.ProgrammingError) and type(error.__cause__).__name__.startswith("Undefined"):
        return (
            "the database is of another version than this program: stop `copilot up` and start it again, or run"
            " `copilot database migrate` where the database is your own"
        )
    if isinstance(error, django.OperationalError | django.InterfaceError):
        return f"the database does not answer: {(str(error).strip() or type(error).__name__).splitlines()[0]}"
    return ""


def _of_the_settings(error: Exception) -> str:
    """Return which setting is wrong and why, nothing where the trouble is another; no setting's value is said."""
    from pydantic import ValidationError

    from copilot.secret_stores.reference import NotRead

    if isinstance(error, NotRead):
        return str(error)
    if isinstance(error, ValidationError) and error.title in {"Config", "StoreSettings"}:
        wrong = "; ".join(
            f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_input=False)
        )
        return f"the settings are wrong: {wrong} (docs/operate.md lists them)"
    return ""


def _reach_ourselves_directly() -> None:
    """Keep a proxy that the environment names out of the way to our own processes on this machine."""
    for name in ("NO_PROXY", "no_proxy"):
        known = [part for part in os.environ.get(name, "").split(",") if part]
        os.environ[name] = ",".join(
            [*known, *(host for host in ("127.0.0.1", "localhost", "::1") if host not in known)]
        )


__all__ = ["main"]
