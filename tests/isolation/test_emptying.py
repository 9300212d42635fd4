"""Between two tests the database is emptied: nothing is left, also of what the product itself may never take away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from copilot.guard.tenancy import tenant_scope
from copilot.models import AuditEntry, Tenant
from tests.emptying import empty

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def superuser(committed_db: str, postgres: str, worker_id: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(postgres, dbname=f"test_{worker_id}", autocommit=True) as connection:
        yield connection


GROUP = "INSERT INTO auth_group (name) VALUES ('responders') RETURNING id"


def test_all_rows_go_and_numbers_start_anew(tenant: Tenant, superuser: psycopg.Connection[Any]) -> None:
    with tenant_scope(tenant.id):
        AuditEntry.objects.create(actor="ada", action="incident.closed")
    assert superuser.execute(GROUP).fetchone() == (1,)
    of_permissions = superuser.execute("SELECT count(*), max(id) FROM auth_permission").fetchone()
    assert of_permissions is not None

    assert {"auth_group", "copilot_auditentry", "copilot_tenant"} <= set(empty(superuser))

    for table in ("auth_group", "copilot_auditentry", "copilot_tenant"):
        assert superuser.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    assert superuser.execute(GROUP).fetchone() == (1,)
    # What the migrations wrote stays, and their numbers go on.
    assert superuser.execute("SELECT count(*), max(id) FROM auth_permission").fetchone() == of_permissions
    assert superuser.execute("SELECT last_value, is_called FROM auth_permission_id_seq").fetchone() == (
        of_permissions[1],
        True,
    )


def test_no_page_is_left_to_empty_again(tenant: Tenant, superuser: psycopg.Connection[Any]) -> None:
    empty(superuser)
    assert empty(superuser) == []


def test_whoever_still_writes_is_told_of(tenant: Tenant, superuser: psycopg.Connection[Any], committed_db: str) -> None:
    with psycopg.connect(committed_db) as left_behind:
        left_behind.execute("UPDATE copilot_tenant SET name = 'Acme & Sons'")
        with pytest.raises(psycopg.errors.LockNotAvailable, match="lock timeout"):
            empty(superuser, patience="50ms")
