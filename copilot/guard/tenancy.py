"""The wall between tenants: a scope in code, and row security in PostgreSQL that holds when code forgets."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ClassVar, Self

from django.db import connection, models, transaction
from django.db.migrations.operations.base import Operation

from copilot.config import config

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from uuid import UUID

    from django.db.backends.base.schema import BaseDatabaseSchemaEditor
    from django.db.migrations.state import ProjectState

_current: ContextVar[UUID | None] = ContextVar("tenant", default=None)

# The scalar sub-select is evaluated once per statement and keeps index use; nullif because a setting that was once set
# locally reads '' afterwards, which is no uuid.
POLICY = "tenant_id = nullif((select current_setting('app.tenant', true)), '')::uuid"
# Staff see every tenant, but inside a scope they see as little as anyone: code that trusts the scope may run as staff, too.
STAFF_POLICY = "nullif((select current_setting('app.tenant', true)), '') is null"
# A process that is frozen within a scope, as a machine does that is being moved, would keep its rows locked for as long, and who
# took over its work would wait for it. What waits for others within a scope, as a list of an outside server's tools, waits for
# seconds: no living one is idle for a minute.
IDLE_SECONDS = 60.0


class ScopeError(RuntimeError):
    """Say that code asked for a tenant's rows in another tenant's scope, or in none."""


def current_tenant() -> UUID | None:
    """Return the tenant whose scope is open here, if any."""
    return _current.get()


@contextmanager
def tenant_scope(tenant_id: UUID) -> Iterator[None]:
    """Open one transaction in which only this tenant's rows exist.

    The setting is local to the transaction, so a pooled connection never carries it to the next borrower. A transaction that
    stands idle for `IDLE_SECONDS` is ended by PostgreSQL, with its connection and its locks. Callbacks of
    `transaction.on_commit` run outside the scope: hand them the tenant's id.

    :raises ScopeError: where another tenant's scope is open; an inner set_config would outlive the inner block.
    """
    outer = _current.get()
    if outer is not None:
        if outer != tenant_id:
            raise ScopeError(f"the scope of tenant {outer} is open; close it before opening that of {tenant_id}")
        with transaction.atomic():
            yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                "select set_config('app.tenant', %s, true), set_config('idle_in_transaction_session_timeout', %s, true)",
                [str(tenant_id), f"{IDLE_SECONDS * 1000:.0f}ms"],
            )
        token = _current.set(tenant_id)
        try:
            yield
        finally:
            _current.reset(token)
        # Only where the block did not raise: a rolled-back transaction or savepoint has undone the setting by itself.
        with connection.cursor() as cursor:
            cursor.execute("select set_config('app.tenant', '', true)")


class TenantModel(models.Model):
    """Be the base of every table whose rows belong to one tenant; row security hides the others' rows."""

    # The field that tells a row's age; rows without one go with what they belong to, or stay.
    aged_by: ClassVar[str] = ""
    # True where rows hold what came in, as it came: they are kept for a shorter time.
    is_raw: ClassVar[bool] = False

    tenant = models.ForeignKey("copilot.Tenant", on_delete=models.CASCADE, related_name="+", editable=False)

    class Meta:
        """Leave the table to the subclasses."""

        abstract = True

    @classmethod
    def forgettable(cls, before: datetime) -> models.QuerySet[Self]:
        """Return the rows that are older than this and that nobody works on."""
        return cls._default_manager.filter(**{f"{cls.aged_by}__lt": before})

    def save(self, *arguments: Any, **keywords: Any) -> None:
        """Save, filling in the tenant of the open scope where none is set."""
        if getattr(self, "tenant_id", None) is None:
            current = _current.get()
            if current is None:
                raise ScopeError(f"a {type(self).__name__} is saved outside of any tenant's scope")
            self.tenant_id = current
        super().save(*arguments, **keywords)


class RowSecurity(Operation):
    """Raise the wall around a tenant's table: ENABLE and FORCE row security, one policy for all, one for staff.

    The app role and the staff role get select, insert, update and delete, or only select and insert where the table is
    `append_only`. The staff role (the admin process, which filters by membership) sees all rows outside of scopes.
    Roles that do not exist are passed over, so that a trial without roles can migrate; a test proves the app role's walls.
    """

    reversible = True
    reduces_to_sql = True

    def __init__(self, model_name: str, *, append_only: bool = False) -> None:
        self.model_name = model_name
        self.append_only = append_only

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Leave Django's view of the models as it is: the wall exists in the database alone."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        """Enable and force row security and create the policies."""
        del from_state
        table = to_state.apps.get_model(app_label, self.model_name)._meta.db_table  # noqa: SLF001 - Django's documented way to a table's name
        schema_editor.execute(f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY')
        schema_editor.execute(f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY')
        schema_editor.execute(f'CREATE POLICY tenant_wall ON "{table}" USING ({POLICY}) WITH CHECK ({POLICY})')
        rights = "SELECT, INSERT" if self.append_only else "SELECT, INSERT, UPDATE, DELETE"
        app, staff = config().app_role, config().staff_role
        for role in (app, staff):
            schema_editor.execute(_if_role(role, f'REVOKE ALL ON "{table}" FROM {role}'))
            schema_editor.execute(_if_role(role, f'GRANT {rights} ON "{table}" TO {role}'))
        schema_editor.execute(
            _if_role(
                staff,
                f'CREATE POLICY staff_sees_all ON "{table}" TO {staff} USING ({STAFF_POLICY}) WITH CHECK ({STAFF_POLICY})',
            )
        )

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        """Take the policies and row security away."""
        del to_state
        table = from_state.apps.get_model(app_label, self.model_name)._meta.db_table  # noqa: SLF001 - as above
        schema_editor.execute(f'DROP POLICY IF EXISTS staff_sees_all ON "{table}"')
        schema_editor.execute(f'DROP POLICY IF EXISTS tenant_wall ON "{table}"')
        schema_editor.execute(f'ALTER TABLE "{table}" NO FORCE ROW LEVEL SECURITY')
        schema_editor.execute(f'ALTER TABLE "{table}" DISABLE ROW LEVEL SECURITY')

    def describe(self) -> str:
        """Return what `migrate` prints."""
        return f"Raise the tenant wall around {self.model_name}"

    @property
    def migration_name_fragment(self) -> str:
        """Return a name for an automatic migration file."""
        return f"row_security_{self.model_name.lower()}"


class AcrossTenants(Operation):
    """Let one question be asked of all tenants at once: a function that answers with what `returns` says, and shows no row.

    The function runs as its owner, who may read the named tables while it runs and at no other time: the policy asks for a
    setting that the function makes and takes back. The app role and the staff role may call it; what they can read stays as
    it is. https://www.postgresql.org/docs/current/sql-createfunction.html#SQL-CREATEFUNCTION-SECURITY says why the search
    path is fixed. Columns of `query` are named with their table, since names of arguments and results may be alike.
    """

    reversible = True
    reduces_to_sql = True

    def __init__(
        self, function: str, query: str, *, tables: Sequence[str], arguments: str = "", returns: str = "SETOF uuid"
    ) -> None:
        self.function = function
        self.query = query
        self.tables = tables
        self.arguments = arguments
        self.returns = returns

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Leave Django's view of the models as it is."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        """Create the policies and the function."""
        del app_label, from_state, to_state
        for table in self.tables:
            schema_editor.execute(
                f'CREATE POLICY {self.function} ON "{table}" FOR SELECT TO CURRENT_USER'
                f" USING ((select current_setting('app.across', true)) = '{self.function}')"
            )
        with schema_editor.connection.cursor() as cursor:
            cursor.execute("SELECT quote_ident(current_schema())")
            (schema,) = cursor.fetchone()
        schema_editor.execute(
            f"CREATE FUNCTION {self.function}({self.arguments}) RETURNS {self.returns} LANGUAGE plpgsql SECURITY DEFINER"
            f" SET search_path = {schema}, pg_temp AS $body$\n#variable_conflict use_column\nBEGIN\n"
            f"  PERFORM set_config('app.across', '{self.function}', true);\n"
            f"  RETURN QUERY {self.query};\n"
            "  PERFORM set_config('app.across', '', true);\n"
            "END $body$"
        )
        schema_editor.execute(f"REVOKE ALL ON FUNCTION {self.function} FROM PUBLIC")
        for role in (config().app_role, config().staff_role):
            schema_editor.execute(_if_role(role, f"GRANT EXECUTE ON FUNCTION {self.function} TO {role}"))

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        """Take the function and the policies away."""
        del app_label, from_state, to_state
        schema_editor.execute(f"DROP FUNCTION IF EXISTS {self.function}")
        for table in self.tables:
            schema_editor.execute(f'DROP POLICY IF EXISTS {self.function} ON "{table}"')

    def describe(self) -> str:
        """Return what `migrate` prints."""
        return f"Let {self.function} be asked of all tenants"

    @property
    def migration_name_fragment(self) -> str:
        """Return a name for an automatic migration file."""
        return self.function


def _if_role(role: str, statement: str) -> str:
    """Return SQL that runs `statement` only where the role exists."""
    quoted = statement.replace("'", "''")
    return (
        f"DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN EXECUTE '{quoted}'; END IF; END $$"
    )
