"""`copilot database`: make roles and database on a server of one's own, migrate, and wait for it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from copilot.cli.session import Problem, set_up_django
from copilot.settings_files import is_given
from copilot.settings_references import variable

if TYPE_CHECKING:
    import argparse

ADMIN, OWNER, APP, STAFF = (
    "COPILOT_ADMIN_DATABASE_URL",
    "COPILOT_OWNER_DATABASE_URL",
    "DATABASE_URL",
    "COPILOT_STAFF_DATABASE_URL",
)


def add(subparsers: Any, common: argparse.ArgumentParser) -> None:
    """Add the command."""
    database = subparsers.add_parser("database", help="prepare and migrate a PostgreSQL of your own").add_subparsers(
        required=True, metavar="WHAT"
    )
    preparing = database.add_parser(
        "prepare",
        parents=[common],
        help="make the three roles and the database, and give the roles the passwords of their addresses",
        description=f"Needs {ADMIN}, {OWNER}, {APP} and {STAFF}. May be run again at any time.",
    )
    preparing.set_defaults(run=prepare, needs_installation=False)
    migrating = database.add_parser(
        "migrate",
        parents=[common],
        help="bring the tables up to date, as the owner",
        description=f"Needs {OWNER}. Several at once take turns; one that waits long for a table gives up.",
    )
    migrating.set_defaults(run=migrate, needs_installation=False)
    waiting = database.add_parser(
        "wait",
        parents=[common],
        help="wait until the database answers and has this version's tables",
        description=f"Needs {APP}. For whatever starts the processes: exit code 1 where the time runs out.",
    )
    waiting.add_argument("--seconds", type=float, default=300.0, help="how long (default 300)")
    waiting.set_defaults(run=wait, needs_installation=False)


def _needed(*variables: str) -> list[str]:
    """Return addresses: themselves, or out of the files and secrets that the variables name."""
    found = {one: variable(one) or (variable(f"COPILOT_{one}") if one == APP else "") for one in variables}
    missing = [one for one, address in found.items() if not address]
    if missing:
        raise Problem(f"set {', '.join(missing)} to postgresql://ROLE:PASSWORD@HOST/DATABASE", code=2)
    return list(found.values())


def _set_database_url(address: str) -> None:
    """Let the settings find this address, and none beside it."""
    for other in (f"{APP}_FILE", "COPILOT_DATABASE_URL", "COPILOT_DATABASE_URL_FILE"):
        os.environ.pop(other, None)
    os.environ[APP] = address


def say(text: str) -> None:
    """Tell progress."""
    print(f"  {text}", file=sys.stderr, flush=True)


def prepare(options: argparse.Namespace) -> int:
    """Make roles and database."""
    from copilot.provision import Login, NotProvisioned, make_roles

    del options
    admin, owner, app, staff = _needed(ADMIN, OWNER, APP, STAFF)
    try:
        done = make_roles(admin, owner=Login.of(owner, OWNER), app=Login.of(app, APP), staff=Login.of(staff, STAFF))
    except NotProvisioned as problem:
        raise Problem(str(problem)) from problem
    print("made: " + ", ".join(done) if done else "roles and database are there; passwords are those of the addresses")
    return 0


def migrate(options: argparse.Namespace) -> int:
    """Migrate as the owner, one at a time."""
    from copilot.provision import NotProvisioned, migration_turn
    from copilot.provision import migrate as bring_up_to_date

    del options
    (owner,) = _needed(OWNER)
    _set_database_url(owner)
    os.environ.setdefault("COPILOT_SECRET_KEYS", "")
    os.environ.setdefault("COPILOT_LOG_LEVEL", "WARNING")
    set_up_django()
    from django.db import Error

    try:
        with migration_turn(owner):
            applied = bring_up_to_date(say)
    except NotProvisioned as problem:
        raise Problem(str(problem)) from problem
    except Error as error:
        raise Problem(f"a migration failed and was undone: {str(error).strip()}; run it again") from error
    print(f"{applied} migrations applied" if applied else "the tables are up to date")
    return 0


def wait(options: argparse.Namespace) -> int:
    """Wait for the tables."""
    from copilot.provision import NotProvisioned, wait_until_migrated

    if not is_given(APP, f"COPILOT_{APP}"):
        _needed(APP)
    os.environ.setdefault("COPILOT_LOG_LEVEL", "WARNING")
    set_up_django()
    try:
        wait_until_migrated(seconds=options.seconds)
    except NotProvisioned as problem:
        raise Problem(str(problem)) from problem
    print("the database is ready")
    return 0
