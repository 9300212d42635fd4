"""A tenant and all its rows go, the audit log with them: for a customer who left, or who has a right to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection, transaction

from copilot.custody.tables import table_of, tables
from copilot.guard.tenancy import tenant_scope

if TYPE_CHECKING:
    from copilot.models import Tenant


def erase(tenant: Tenant) -> dict[str, int]:
    """Delete every row of a tenant and the tenant, in one transaction; return the number of rows of each table.

    Runs as the tables' owner: the audit log is append-only for everybody else. Foreign keys are looked at when the transaction
    ends, so that the order of the tables does not matter.
    """
    gone: dict[str, int] = {}
    with transaction.atomic(), tenant_scope(tenant.id), connection.cursor() as cursor:
        for model in tables():
            name = table_of(model)
            cursor.execute(f'DELETE FROM "{name}" WHERE tenant_id = %s', [tenant.id])  # noqa: S608 - a model's own table
            if cursor.rowcount:
                gone[name] = cursor.rowcount
        cursor.execute(f'DELETE FROM "{table_of(type(tenant))}" WHERE id = %s', [tenant.id])  # noqa: S608 - likewise
    return gone
