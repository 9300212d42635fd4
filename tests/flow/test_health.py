"""Ready means: a delivery could be stored now."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
import pytest
from django.db import OperationalError, connection

from copilot import provision
from copilot.cli import main
from copilot.embedded import OWNER, as_role
from copilot.web import health
from copilot.web.health import _why_not_ready
from tests.conftest import point_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.testclient import TestClient

    from copilot.models import Tenant
    from tests.flow.conftest import PagerDuty


@pytest.mark.django_db
def test_a_migrated_database_that_takes_rows_is_ready() -> None:
    assert _why_not_ready() == ""


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("trouble", "answer"),
    [
        ("SET LOCAL transaction_read_only = on", "read-only"),
        ("SET LOCAL search_path = pg_catalog", "not migrated"),
    ],
)
def test_what_could_not_store_is_named(trouble: str, answer: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(trouble)
    assert _why_not_ready() == answer


@pytest.mark.django_db
def test_a_role_without_the_right_is_not_ready(postgres: str) -> None:
    with psycopg.connect(postgres, autocommit=True) as root:
        root.execute("GRANT pg_monitor TO copilot_app")
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL ROLE pg_monitor")
            assert _why_not_ready() == "this role may not write"
        finally:
            root.execute("REVOKE pg_monitor FROM copilot_app")


def test_a_database_that_does_not_answer_is_not_ready_in_time(api: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    frozen = threading.Event()
    monkeypatch.setattr(health, "DATABASE_SECONDS", 0.2)
    monkeypatch.setattr(health, "_why_not_ready", lambda: frozen.wait(20) and "")

    answer = api.get("/health/ready")
    frozen.set()

    assert (answer.status_code, answer.json()["database"]) == (503, "no answer within 0.2 s")


@contextmanager
def not_yet_applied(postgres: str, worker_id: str, app: str) -> Iterator[str]:
    """Let the newest migration of an app be one that the database has not seen; gives its name."""
    with psycopg.connect(postgres, dbname=f"test_{worker_id}", autocommit=True) as root:
        found = root.execute(
            "DELETE FROM django_migrations WHERE id = (SELECT max(id) FROM django_migrations WHERE app = %s)"
            " RETURNING id, app, name, applied",
            [app],
        ).fetchone()
        assert found
        try:
            yield f"{found[1]}.{found[2]}"
        finally:
            root.execute("INSERT INTO django_migrations (id, app, name, applied) VALUES (%s, %s, %s, %s)", found)


@pytest.mark.usefixtures("hints")
@pytest.mark.parametrize("app", ["copilot", "slackbot"])
def test_new_code_on_the_tables_of_before_is_not_ready_says_why_and_still_takes_webhooks(
    app: str,
    committed_db: str,
    tenant: Tenant,
    pagerduty: PagerDuty,
    api: TestClient,
    postgres: str,
    worker_id: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(health, "_tables", health._Tables())
    monkeypatch.setattr("copilot.cli.database.set_up_django", lambda: None)
    monkeypatch.setenv("DATABASE_URL", committed_db)
    with not_yet_applied(postgres, worker_id, app) as name:
        answer = api.get("/health/ready")
        taken = pagerduty.send(api, pagerduty.event())
        waited = main(["database", "wait", "--seconds", "0"])

        assert (answer.status_code, answer.json()["database"]) == (
            503,
            f"not migrated: the migration {name} is missing; copilot database migrate",
        )
        assert taken.status_code == 202
        assert waited == 1
        said = capsys.readouterr().err
        assert f"copilot: waited 0 s for the database: the migration {name} is missing" in said

    assert api.get("/health/ready").json() == {"status": "ready"}
    assert main(["database", "wait", "--seconds", "0"]) == 0
    with not_yet_applied(postgres, worker_id, app):
        # It was seen: an older version's pods are not taken out where a newer one's row is removed, and nobody asks twice.
        assert api.get("/health/ready").status_code == 200


def test_the_files_tell_what_the_loader_tells(committed_db: str, postgres: str, worker_id: str) -> None:
    assert provision.missing() == provision.unapplied() == []
    with (
        not_yet_applied(postgres, worker_id, "copilot") as one,
        not_yet_applied(postgres, worker_id, "slackbot") as other,
    ):
        assert provision.missing() == sorted([one, other]) == sorted(provision.unapplied())


def test_a_migration_that_waits_for_a_table_gives_up_and_holds_nobody_up(
    committed_db: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is behind it in the table's queue would wait as long: webhooks, for one."""
    owner = as_role(committed_db, OWNER)
    monkeypatch.setattr(provision, "LOCK_TIMEOUT", "200ms")
    monkeypatch.setattr(provision, "unapplied", lambda: ["copilot.9999_made_up"])

    def migrations(*_: object, **__: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE copilot_delivery ADD COLUMN made_up integer")

    monkeypatch.setattr("django.core.management.call_command", migrations)
    point_at(owner)
    try:
        with psycopg.connect(committed_db) as reader:
            reader.execute("SELECT count(*) FROM copilot_delivery")
            with pytest.raises(OperationalError, match="lock timeout"):
                provision.migrate(lambda _: None)
            with psycopg.connect(committed_db) as behind:
                assert behind.execute("SELECT count(*) FROM copilot_delivery").fetchone() == (0,)
    finally:
        point_at(committed_db)
