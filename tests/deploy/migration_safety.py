"""Which operations of a migration harm the version that still runs, or hold a lock that stops it.

A release migrates first and replaces its processes afterwards (docs/operate.md): for some minutes the code of before works on
the tables of now. So a migration may only add (expand); what nobody reads any more goes in a later release (contract), and
is named in `CONTRACTED` with the release that stopped using it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import connection
from django.db.migrations import operations as ops
from django.db.models import NOT_PROVIDED, Field

from copilot.guard.tenancy import AcrossTenants, RowSecurity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.migrations import Migration
    from django.db.migrations.state import ProjectState

# Where the tables' own history begins: nothing ran before these.
FIRST = {("copilot", "0001_initial"), ("copilot", "0002_row_security"), ("slackbot", "0001_initial")}
# What an earlier release stopped using, and this one takes away: (app, migration, model, field or "") and the release.
CONTRACTED: dict[tuple[str, str, str, str], str] = {}
# SQL and Python of our own on tables that are in use, read by a person: why it harms nobody.
READ: dict[tuple[str, str], str] = {
    ("copilot", "0006_runbooks"): "an extension and the indices of tables that the same migration makes",
    ("copilot", "0007_agents"): "rights on a table that the same migration makes",
    (
        "copilot",
        "0014_topology",
    ): "a unique index on the arrows between services: some hundred rows, which nobody waits for",
    ("copilot", "0020_vectors_in_line"): "how new rows are stored: no row is rewritten, and old code reads them alike",
    ("slackbot", "0002_grants"): "rights alone",
}
# Foreign keys that were added to tables in use with their index: before the first release, where nobody had rows.
INDEXED = {("modelcall", "question"), ("connection", "agent")}
GOES = (ops.RemoveField, ops.DeleteModel, ops.RenameField, ops.RenameModel, ops.AlterModelTable)
HARMLESS = (
    ops.CreateModel, ops.AlterModelOptions, ops.AlterModelManagers, ops.RemoveConstraint, ops.RemoveIndex, ops.RenameIndex,
    ops.AlterModelTableComment, RowSecurity, AcrossTenants, AddIndexConcurrently, RemoveIndexConcurrently,
)  # fmt: skip


def unsafe(migration: Migration, before: ProjectState) -> list[str]:
    """Return what of a migration harms the code of before, in sentences; `before` is the models' state ahead of it."""
    if (migration.app_label, migration.name) in FIRST:
        return []
    state = before.clone()
    new: set[str] = set()
    found: list[str] = []
    for operation in migration.operations:
        after = state.clone()
        operation.state_forwards(migration.app_label, after)
        if isinstance(operation, ops.CreateModel):
            new.add(operation.name.lower())
        model = str(getattr(operation, "model_name", getattr(operation, "name", ""))).lower()
        if model not in new:
            found += _unsafe(migration, operation, model, state, after)
        state = after
    if not migration.atomic and any(
        not isinstance(one, AddIndexConcurrently | RemoveIndexConcurrently) for one in migration.operations
    ):
        found.append("is not atomic, and does more than build indices: half of it may stay")
    return [f"{migration.app_label}.{migration.name}: {one}" for one in found]


def _unsafe(
    migration: Migration, operation: Any, model: str, before: ProjectState, after: ProjectState
) -> Iterator[str]:
    place = (migration.app_label, migration.name)
    field = str(getattr(operation, "old_name", getattr(operation, "name", "")))
    if isinstance(operation, HARMLESS):
        return
    if isinstance(operation, GOES):
        if (*place, model, field if isinstance(operation, ops.RemoveField) else "") not in CONTRACTED:
            yield f"{operation.describe()}: the code of before still uses it; stop using it now, and take it away a release later"
    elif isinstance(operation, ops.AddField):
        yield from _added(operation, model)
    elif isinstance(operation, ops.AlterField):
        was, is_now = (one.apps.get_model(migration.app_label, model)._meta.get_field(field) for one in (before, after))
        yield from _altered(operation, was, is_now)
    elif isinstance(operation, ops.AddIndex):
        yield f"{operation.describe()}: it locks a table in use; use AddIndexConcurrently in a migration that is not atomic"
    elif isinstance(operation, ops.AddConstraint):
        yield f"{operation.describe()}: it checks every row under a lock; add it NOT VALID and validate it in a later migration"
    elif place not in READ:
        yield f"{operation.describe()}: read it, and write down in READ why it harms nobody"


def _added(operation: ops.AddField, model: str) -> Iterator[str]:
    field = operation.field
    if field.many_to_many:
        return
    if not field.null and field.db_default is NOT_PROVIDED:
        yield f"adds {model}.{operation.name}, which the code of before does not fill in: give it null=True or a db_default"
    if getattr(field, "db_index", False) and (model, operation.name) not in INDEXED:
        yield f"adds {model}.{operation.name} with an index, built under a lock: db_index=False, and AddIndexConcurrently"
    if field.unique:
        yield f"adds {model}.{operation.name} as unique, which builds an index under a lock"


def _altered(operation: ops.AlterField, was: Field[Any, Any], is_now: Field[Any, Any]) -> Iterator[str]:
    if was.null and not is_now.null:
        yield f"{operation.describe()}: the code of before still writes NULL"
    if is_now.unique and not was.unique:
        yield f"{operation.describe()}: builds a unique index under a lock"
    old, new = was.db_parameters(connection)["type"], is_now.db_parameters(connection)["type"]
    if old != new and not _widens(old, new):
        yield f"{operation.describe()}: from {old} to {new} rewrites the table under a lock"


def _widens(old: str | None, new: str | None) -> bool:
    """Return whether PostgreSQL changes a column's type without touching its rows."""
    if not old or not new or not old.startswith("varchar("):
        return False
    return new == "text" or (new.startswith("varchar(") and int(new[8:-1]) >= int(old[8:-1]))
