"""Fixtures for every test: a real PostgreSQL, its three roles, and tenants to try the walls with."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
import structlog
from psycopg import sql

from copilot.embedded import APP, OWNER, as_role, postgres_server, prepare
from tests.emptying import empty
from tests.servers.fixtures import control_plane

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_django.plugin import DjangoDbBlocker

    from copilot.models import Tenant

# Here, it is one for all folders; a fixture that several of them import is several fixtures. tests/e2e has a cluster of its
# own, as it fills the same namespace with another shop.
__all__ = ["control_plane"]
pytest_plugins = ["tests.groups", "tests.stories"]
TEMPLATE = "copilot_template"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with the vendors' payloads and recorded incidents, kept beside the checkout."""
    folder = Path(os.environ["COPILOT_SHARED"]).resolve()
    if not (folder / "vendor").is_dir():
        pytest.skip(f"no vendor payloads: {folder} is absent (set COPILOT_SHARED)")
    return folder


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[str]:
    """The address of a PostgreSQL server as superuser: TEST_DATABASE_URL, or the embedded one, one for all workers."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield given
        return
    base = tmp_path_factory.getbasetemp()
    root = base if worker_id == "master" else base.parent
    # Unix socket paths are short; pytest's folders are not.
    folder = Path(tempfile.gettempdir()) / f"copilot-pg-{os.getuid()}-{abs(hash_of(str(root)))}"
    server = postgres_server(folder, cleanup_mode="delete")
    with psycopg.connect(server.get_uri(), autocommit=True) as superuser:
        # Nothing of it is to survive a power cut.
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            superuser.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(setting)))
        superuser.execute("SELECT pg_reload_conf()")
    yield server.get_uri()
    server.cleanup()


def hash_of(text: str) -> int:
    """Return a number that is equal in every process, unlike `hash`."""
    import zlib

    return zlib.crc32(text.encode())


@pytest.fixture(scope="session")
def template_database(postgres: str, django_db_blocker: DjangoDbBlocker) -> str:
    """The name of a migrated, empty database that others are copied from."""
    from django.core.management import call_command
    from django.db import connections

    with (Path(tempfile.gettempdir()) / f"copilot-template-{hash_of(postgres)}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with psycopg.connect(postgres, autocommit=True) as admin:
            ready = admin.execute(
                "SELECT 1 FROM pg_database d JOIN pg_shdescription s ON s.objoid = d.oid"
                " WHERE datname = %s AND s.description = 'migrated'",
                [TEMPLATE],
            ).fetchone()
            if not ready:
                admin.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(TEMPLATE)))
                prepare(postgres, TEMPLATE)
                with django_db_blocker.unblock():
                    point_at(as_role(postgres, OWNER, TEMPLATE))
                    call_command("migrate", verbosity=0)
                    connections["default"].close()
                admin.execute(sql.SQL("COMMENT ON DATABASE {} IS 'migrated'").format(sql.Identifier(TEMPLATE)))
    return TEMPLATE


def point_at(url: str) -> None:
    """Make Django's default connection one to this URL."""
    from django.db import connections

    from copilot.settings import _database

    connection = connections["default"]
    connection.close()
    wanted = _database(url)
    connection.settings_dict.update(wanted)


@pytest.fixture(scope="session")
def make_database(postgres: str, template_database: str) -> Iterator[Callable[[str], str]]:
    """Make fresh migrated databases; give a name, get the superuser's URL of it (use `as_role` for the others)."""
    made: list[str] = []

    def make(name: str) -> str:
        with psycopg.connect(postgres, autocommit=True) as admin:
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
            admin.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(
                    sql.Identifier(name), sql.Identifier(template_database), sql.Identifier(OWNER)
                )
            )
        made.append(name)
        return as_role(postgres, "postgres", name)

    yield make
    with psycopg.connect(postgres, autocommit=True) as admin:
        for name in made:
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def django_db_setup(
    make_database: Callable[[str], str], worker_id: str, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """Run every database test as the app role, on this worker's own database."""
    url = make_database(f"test_{worker_id}")
    point_at(as_role(url, APP))
    yield
    from django.db import connections

    with django_db_blocker.unblock():
        connections["default"].close()


@pytest.fixture
def committed_db(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, postgres: str, worker_id: str
) -> Iterator[str]:
    """A database whose transactions really commit; emptied afterwards. Gives the app role's URL."""
    from django.db import connections

    with django_db_blocker.unblock():
        yield as_role(postgres, APP, f"test_{worker_id}")
        connections["default"].close()
    with psycopg.connect(postgres, dbname=f"test_{worker_id}", autocommit=True) as superuser:
        empty(superuser)


def _tenant(slug: str) -> Tenant:
    from copilot.models import Tenant

    return Tenant.objects.create(slug=slug, name=slug.title())


@pytest.fixture
def tenant(request: pytest.FixtureRequest) -> Tenant:
    """A tenant; works with `db` and with `committed_db`, whichever the test uses."""
    if "committed_db" not in request.fixturenames:
        request.getfixturevalue("db")
    else:
        request.getfixturevalue("committed_db")
    return _tenant("acme")


@pytest.fixture
def other_tenant(tenant: Tenant) -> Tenant:
    """Another tenant, whose rows nobody in `tenant` may see."""
    return _tenant("umbrella")


@pytest.fixture(scope="session", autouse=True)
def plain_tracebacks() -> None:
    """Log exceptions as the product's processes do: structlog's own default paints all local variables, for seconds."""
    structlog.configure(
        processors=[
            *structlog.get_config()["processors"][:-1],
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
        ]
    )


@pytest.fixture(scope="session", autouse=True)
def data_folder() -> Iterator[None]:
    """Take the process's data folder away at the end."""
    yield
    shutil.rmtree(os.environ["COPILOT_DATA"], ignore_errors=True)


@pytest.fixture
def tool_calls() -> Callable[[], dict[tuple[str, ...], float]]:
    """What the metrics counted of tools since the test began: by `called` or `refused`, category, caller, and outcome or reason."""
    from copilot import observe

    def all_of() -> dict[tuple[str, ...], float]:
        named = (("called", observe.tool_seconds, "outcome"), ("refused", observe.tool_refusals, "reason"))
        return {
            (word, one.labels["category"], one.labels["caller"], one.labels[last]): one.value
            for word, metric, last in named
            for family in metric.collect()
            for one in family.samples
            if one.name.endswith(("_seconds_count", "_total"))
        }

    before = all_of()
    return lambda: {name: more for name, value in all_of().items() if (more := value - before.get(name, 0))}
