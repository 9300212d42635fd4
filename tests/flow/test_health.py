"""Ready means: a delivery could be stored now."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import psycopg
import pytest
from django.db import connection

from copilot.web import health
from copilot.web.health import _why_not_ready

if TYPE_CHECKING:
    from starlette.testclient import TestClient


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
