"""A PostgreSQL of one's own is prepared by an administrator who is no superuser, migrated once, and waited for."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

from copilot.embedded import as_role
from copilot.provision import Login, NotProvisioned, make_roles, migration_turn, what_is_missing
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

# One server for all workers, and roles are the server's.
pytestmark = pytest.mark.xdist_group("provision")

DATABASE = "provisioned"
ROLES = ("provisioned_owner", "provisioned_app", "provisioned_staff")
ADMIN = "provisioned_admin"


@pytest.fixture
def admin(postgres: str) -> Iterator[str]:
    """The address of a role as managed services give it: it may create roles and databases, and is no superuser."""
    with psycopg.connect(postgres, autocommit=True) as root:
        drop(root)
        root.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEROLE CREATEDB").format(sql.Identifier(ADMIN)))
    yield as_role(postgres, ADMIN, "postgres")
    with psycopg.connect(postgres, autocommit=True) as root:
        drop(root)


def drop(root: psycopg.Connection) -> None:
    root.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(DATABASE)))
    for role in (*ROLES, ADMIN):
        root.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))


def logins(password: str) -> dict[str, Login]:
    return {name: Login(f"provisioned_{name}", f"{password}-{name}", DATABASE) for name in ("owner", "app", "staff")}


def copilot(*words: str, **urls: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.endswith("DATABASE_URL")}
    environment |= {"COPILOT_APP_ROLE": ROLES[1], "COPILOT_STAFF_ROLE": ROLES[2], **urls}
    command = [sys.executable, "-m", "copilot", "database", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=2 * PATIENCE, check=False, env=environment)


def urls(admin: str) -> dict[str, str]:
    owner, app, staff = (as_role(admin, role, DATABASE) for role in ROLES)
    return {
        "COPILOT_ADMIN_DATABASE_URL": admin,
        "COPILOT_OWNER_DATABASE_URL": owner,
        "DATABASE_URL": app,
        "COPILOT_STAFF_DATABASE_URL": staff,
    }


def secrets_of(postgres: str) -> dict[str, str]:
    with psycopg.connect(postgres) as root:
        return dict(
            root.execute("SELECT rolname, rolpassword FROM pg_authid WHERE rolname = ANY(%s)", [list(ROLES)]).fetchall()
        )


def test_roles_are_made_once_and_get_the_passwords_of_their_addresses(admin: str, postgres: str) -> None:
    # No word of pgvector: this admin is no superuser, so it is passed over.
    assert make_roles(admin, **logins("first")) == [
        "role provisioned_owner",
        "role provisioned_app",
        "role provisioned_staff",
        "database provisioned",
    ]
    before = secrets_of(postgres)
    assert make_roles(admin, **logins("second")) == []
    after = secrets_of(postgres)

    assert all(secret.startswith("SCRAM-SHA-256$4096:") for secret in before.values())
    assert {role: before[role] != after[role] for role in ROLES} == dict.fromkeys(ROLES, True)
    with psycopg.connect(postgres) as root:
        rights = root.execute(
            "SELECT rolname, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls FROM pg_roles WHERE rolname = ANY(%s) ORDER BY 1",
            [list(ROLES)],
        ).fetchall()
    assert rights == [(role, False, False, False, False) for role in sorted(ROLES)]


def test_one_role_for_two_purposes_is_refused() -> None:
    one = Login("copilot", "", "copilot")
    with pytest.raises(NotProvisioned, match="must be three roles"):
        make_roles("postgresql://nobody@127.0.0.1:1/postgres", owner=one, app=one, staff=one)


def test_the_command_prepares_migrates_and_is_safe_to_run_twice(admin: str, postgres: str) -> None:
    addresses = urls(admin)
    early = copilot("wait", "--seconds", "0", **addresses)
    assert (early.returncode, "waited 0 s for the database" in early.stderr) == (1, True)

    assert copilot("prepare", **addresses).stdout.startswith("made: role provisioned_owner")
    unmigrated = copilot("wait", "--seconds", "0", **addresses)
    assert unmigrated.returncode == 1

    # Two jobs at once, as two releases in a row make them: both succeed, and one of them does the work.
    results: list[subprocess.CompletedProcess[str]] = []
    jobs = [threading.Thread(target=lambda: results.append(copilot("migrate", **addresses))) for _ in range(2)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert [result.returncode for result in results] == [0, 0], [result.stderr for result in results]
    said = sorted(result.stdout.strip() for result in results)
    assert said[1] == "the tables are up to date"
    assert said[0].endswith("migrations applied")

    again = copilot("migrate", **addresses)
    assert (again.returncode, again.stdout) == (0, "the tables are up to date\n")
    assert copilot("wait", "--seconds", "0", **addresses).stdout == "the database is ready\n"
    with psycopg.connect(as_role(postgres, ROLES[1], DATABASE)) as app:
        assert app.execute("SELECT count(*) FROM copilot_delivery").fetchone() == (0,)


def test_what_is_missing_is_named() -> None:
    done = copilot("prepare", DATABASE_URL="postgresql://copilot_app@db/copilot")
    assert done.returncode == 2
    assert done.stderr == (
        "copilot: set COPILOT_ADMIN_DATABASE_URL, COPILOT_OWNER_DATABASE_URL, COPILOT_STAFF_DATABASE_URL"
        " to postgresql://ROLE:PASSWORD@HOST/DATABASE\n"
    )


def test_who_waits_too_long_for_a_turn_is_told(postgres: str) -> None:
    with (
        migration_turn(postgres),
        pytest.raises(NotProvisioned, match=r"another job has been migrating for 0\.2 s"),
        migration_turn(postgres, seconds=0.2),
    ):
        pytest.fail("two had the turn at once")


def test_one_missing_migration_is_told_as_one() -> None:
    assert what_is_missing([]) == ""
    assert what_is_missing(["copilot.0018_x"]) == "the migration copilot.0018_x is missing"
    assert what_is_missing(["a.1", "a.2"]) == "2 migrations are missing, the first is a.1"
