"""The `copilot` command: start the product, set up tenants, and look at what it knows."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import NoReturn

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
from copilot.cli.session import Problem, find_installation, only_tenant

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


# Stands for the tenant that a call leaves out, until the installation is known.
LEFT_OUT = "\0"


class WrongCall(Exception):
    """Say that a call is wrong, and of which command."""

    def __init__(self, parser: argparse.ArgumentParser, text: str) -> None:
        super().__init__(text)
        self.parser = parser


class CallParser(argparse.ArgumentParser):
    """Parse a call; what is wrong with it is raised, so that it can be tried with a tenant."""

    def error(self, message: str) -> NoReturn:
        """Raise what is wrong.

        :raises WrongCall: always.
        """
        raise WrongCall(self, message)


def parse(arguments: list[str]) -> argparse.Namespace:
    """Return a call's options; where all that lacks is the tenant, it is left open until the installation is known.

    Ends the process with the usage where the call is wrong.
    """
    root = parser()
    try:
        return root.parse_args(arguments)
    except WrongCall as wrong:
        command = wrong.parser.prog.split()[1:]
        starts = [place for place in range(len(arguments)) if arguments[place : place + len(command)] == command]
        if command and starts and str(wrong).startswith("the following arguments are required"):
            after = starts[0] + len(command)
            try:
                options = root.parse_args([*arguments[:after], LEFT_OUT, *arguments[after:]])
            except WrongCall:
                pass
            else:
                if getattr(options, "slug", "") == LEFT_OUT and options.run is not tenants.create_tenant:
                    # Whoever named the tenant left out something else.
                    options.unless_tenant = (arguments[after : after + 1], str(wrong))
                    return options
        wrong.parser.print_usage(sys.stderr)
        wrong.parser.exit(2, f"{wrong.parser.prog}: error: {wrong}\n")


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
    root = CallParser(
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
    options = parse(sys.argv[1:] if arguments is None else arguments)
    data = getattr(options, "data", None) or Path(os.environ.get("COPILOT_DATA") or ".copilot")
    options.data = data
    os.environ["COPILOT_DATA"] = str(data)
    _reach_ourselves_directly()
    try:
        if options.needs_installation:
            find_installation(data)
        if getattr(options, "slug", None) == LEFT_OUT:
            options.slug = _tenant_left_out(*options.unless_tenant)
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


def _tenant_left_out(first: list[str], lacks: str) -> str:
    """Return the only tenant.

    :raises Problem: where there are several, or none; or where the call's `first` word names it, and something else lacks.
    """
    slug = only_tenant()
    if first == [slug]:
        raise Problem(lacks, code=2)
    return slug


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
        wrong: dict[str, list[str]] = {}
        for one in error.errors(include_input=False):
            name = str(one["loc"][0]) if one["loc"] else ""
            wrong.setdefault(name if name.isupper() else f"COPILOT_{name}".upper(), []).append(one["msg"])
        said = "; ".join(f"{name}: {', '.join(dict.fromkeys(reasons))}" for name, reasons in wrong.items())
        return f"the settings are wrong: {said} (docs/operate.md lists them)"
    return ""


def _reach_ourselves_directly() -> None:
    """Keep a proxy that the environment names out of the way to our own processes on this machine."""
    for name in ("NO_PROXY", "no_proxy"):
        known = [part for part in os.environ.get(name, "").split(",") if part]
        os.environ[name] = ",".join(
            [*known, *(host for host in ("127.0.0.1", "localhost", "::1") if host not in known)]
        )


__all__ = ["main"]
