"""Make the product's roles and database on a server of one's own, and bring its tables up to date."""

from __future__ import annotations

import pkgutil
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, LiteralString
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import psycopg

# Any number that is ours alone: PostgreSQL's advisory locks are told apart by nothing else.
MIGRATION_LOCK = 7_263_551_001
# A migration that waits for a table holds up everybody behind it: better to give up, and be run again.
LOCK_TIMEOUT = "10s"


# The apps whose tables are the product's own.
OURS = ("copilot", "slackbot")


class NotProvisioned(RuntimeError):
    """Say what could not be made, and what to do."""


@dataclass(frozen=True, slots=True)
class Login:
    """Hold a role's name and password, and its database, as a `postgresql://` URL gives them."""

    role: str
    password: str
    database: str

    @classmethod
    def of(cls, url: str, variable: str) -> Login:
        """Read a URL.

        :raises NotProvisioned: where it lacks a role; names the variable it came from.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"postgresql", "postgres"} or not parts.username:
            raise NotProvisioned(f"{variable} must be postgresql://ROLE:PASSWORD@HOST/DATABASE")
        return cls(unquote(parts.username), unquote(parts.password or ""), unquote(parts.path.lstrip("/")) or "copilot")


def make_roles(admin_url: str, *, owner: Login, app: Login, staff: Login) -> list[str]:
    """Make roles and database where they are missing, and give the roles the passwords of their URLs; return what was done.

    May be run again at any time. `admin_url` is of a role that may create roles and databases: a superuser, or what managed
    services give. Passwords are hashed here, so that none is in the server's log.

    :raises NotProvisioned: where the URLs contradict each other, or the server refuses.
    """
    import psycopg
    from psycopg import sql

    if len({owner.database, app.database, staff.database}) > 1:
        raise NotProvisioned(f"the URLs name several databases: {owner.database}, {app.database}, {staff.database}")
    if len({owner.role, app.role, staff.role}) < 3:
        raise NotProvisioned("owner, app and staff must be three roles: row security binds by role")
    done = []
    try:
        with psycopg.connect(admin_url, autocommit=True, connect_timeout=10) as admin:
            for login in (owner, app, staff):
                name = sql.Identifier(login.role)
                if not _is_there(admin, "SELECT 1 FROM pg_roles WHERE rolname = %s", login.role):
                    admin.execute(
                        sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS").format(name)
                    )
                    done.append(f"role {login.role}")
                if login.password:
                    secret = admin.pgconn.encrypt_password(
                        login.password.encode(), login.role.encode(), b"scram-sha-256"
                    ).decode()
                    admin.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, sql.Literal(secret)))
            if not _is_there(admin, "SELECT 1 FROM pg_database WHERE datname = %s", owner.database):
                if admin.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone() != (True,):
                    # Who is no superuser must be a member of the role that is to own.
                    admin.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(owner.role)))
                admin.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(
                        sql.Identifier(owner.database), sql.Identifier(owner.role)
                    )
                )
                done.append(f"database {owner.database}")
        with psycopg.connect(admin_url, dbname=owner.database, autocommit=True, connect_timeout=10) as admin:
            done.extend(_make_vectors(admin))
    except psycopg.Error as error:
        raise NotProvisioned(f"PostgreSQL refused: {str(error).strip()}") from error
    return done


def _make_vectors(admin: psycopg.Connection) -> list[str]:
    """Create pgvector where the server has it and the role may; without it, runbooks are searched by their words alone."""
    from psycopg import errors

    question: LiteralString = "SELECT 1 FROM pg_available_extensions WHERE name = %s AND installed_version IS NULL"
    if not _is_there(admin, question, "vector"):
        return []
    try:
        admin.execute("CREATE EXTENSION IF NOT EXISTS vector")
    except errors.InsufficientPrivilege:
        return []
    return ["extension vector"]


def _is_there(connection: psycopg.Connection, question: LiteralString, name: str) -> bool:
    return connection.execute(question, [name]).fetchone() is not None


@contextmanager
def migration_turn(owner_url: str, *, seconds: float = 600.0) -> Iterator[None]:
    """Wait for one's turn: two jobs of one release, or of two, must not migrate at once.

    :raises NotProvisioned: where the server does not answer, or another job holds the turn for too long.
    """
    import psycopg

    try:
        with psycopg.connect(owner_url, autocommit=True, connect_timeout=10) as connection:
            connection.execute("SELECT set_config('lock_timeout', %s, false)", [f"{seconds:g}s"])
            connection.execute("SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK])
            yield
            # The lock ends with the connection, also where this process is killed.
    except psycopg.errors.LockNotAvailable as error:
        raise NotProvisioned(f"another job has been migrating for {seconds:g} s; look at its log") from error
    except psycopg.OperationalError as error:
        raise NotProvisioned(f"PostgreSQL does not answer as the owner: {str(error).strip()}") from error


def migrate(say: Callable[[str], None]) -> int:
    """Bring the tables up to date as the role of the default connection; return how many migrations were applied."""
    from django.core.management import call_command
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", [LOCK_TIMEOUT])
    missing = unapplied()
    for name in missing:
        say(f"migration {name}")
    if missing:
        call_command("migrate", interactive=False, verbosity=0)
    return len(missing)


def unapplied() -> list[str]:
    """Return the migrations of this version that the database has not seen; newer ones of another version do not matter."""
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


def what_is_missing(migrations: Sequence[str]) -> str:
    """Return in words which migrations are not applied yet; nothing where all are."""
    if not migrations:
        return ""
    first, *more = migrations
    return (
        f"{len(migrations)} migrations are missing, the first is {first}"
        if more
        else f"the migration {first} is missing"
    )


def missing() -> list[str]:
    """Return what `unapplied` does for our own tables, by the files' names alone: no migration is loaded for it."""
    from django.apps import apps
    from django.db import connection

    there = {
        (label, module.name)
        for label in OURS
        for module in pkgutil.iter_modules([str(Path(apps.get_app_config(label).path) / "migrations")])
    }
    with connection.cursor() as cursor:
        cursor.execute("SELECT app, name FROM django_migrations WHERE app = ANY(%s)", [list(OURS)])
        applied = set(cursor.fetchall())
    return [".".join(one) for one in sorted(there - applied)]


def wait_until_migrated(*, seconds: float, pause: float = 1.0) -> None:
    """Wait until the database answers and knows this version's tables.

    :raises NotProvisioned: with what was still missing at the end.
    """
    from django.db import Error, connection

    end = time.monotonic() + seconds
    while True:
        try:
            state = what_is_missing(unapplied())
        except Error as error:
            state = str(error).strip().splitlines()[0]
        finally:
            connection.close()
        if not state:
            return
        if time.monotonic() > end:
            raise NotProvisioned(f"waited {seconds:g} s for the database: {state}")
        time.sleep(pause)
