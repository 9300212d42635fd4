"""The walls between tenants, as the app role sees them."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest
from django.apps import apps
from django.db import Error, IntegrityError, ProgrammingError, connection, models, transaction

from copilot.guard.tenancy import ScopeError, TenantModel, current_tenant, tenant_scope
from copilot.models import AuditEntry, Service, Tenant

if TYPE_CHECKING:
    from collections.abc import Iterable


def tenant_models() -> Iterable[type[models.Model]]:
    """Every concrete model whose rows belong to a tenant."""
    return sorted((m for m in apps.get_models() if issubclass(m, TenantModel)), key=lambda m: m.__name__)


def models_with_a_tenant_column() -> Iterable[type[models.Model]]:
    return [m for m in apps.get_models() if any(f.name == "tenant" for f in m._meta.get_fields() if f.concrete)]


# The questions that are asked of all tenants at once, by the tables that they read.
ACROSS = {
    "copilot_delivery": {"copilot_tenants_with_work", "copilot_backlog"},
    "copilot_run": {"copilot_tenants_with_work", "copilot_backlog"},
    "copilot_incident": {"copilot_tenants_with_work"},
    "copilot_question": {"copilot_tenants_with_work"},
    "slackbot_slackpost": {"slackbot_tenants_with_work"},
    "slackbot_slackreply": {"slackbot_tenants_with_work"},
}
THIN = {"AgentToken", "Endpoint", "SlackGrant", "SlackWorkspace"}


def test_every_table_with_a_tenant_is_walled_or_knowingly_thin() -> None:
    unwalled = {m.__name__ for m in models_with_a_tenant_column()} - {m.__name__ for m in tenant_models()}

    assert unwalled <= THIN


@pytest.mark.django_db
def test_the_tests_run_as_a_role_that_obeys_row_security() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")

        assert cursor.fetchone() == ("copilot_app", False, False)


@pytest.mark.django_db
@pytest.mark.parametrize("model", tenant_models(), ids=lambda m: m.__name__)
def test_every_tenant_table_has_forced_row_security_and_its_policy(model: type[models.Model]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE relname = %s", [model._meta.db_table]
        )
        flags = cursor.fetchone()
        cursor.execute(
            "SELECT policyname, roles::text, qual, with_check FROM pg_policies WHERE tablename = %s ORDER BY 1",
            [model._meta.db_table],
        )
        policies = {name: (roles, using, check) for name, roles, using, check in cursor.fetchall()}

    assert flags == (True, True)
    assert set(policies) == {"tenant_wall", "staff_sees_all"} | ACROSS.get(model._meta.db_table, set())
    for name in ACROSS.get(model._meta.db_table, set()):
        assert policies[name][0] == "{copilot_owner}"
        assert f"= '{name}'::text" in policies[name][1]
    assert policies["staff_sees_all"][0] == "{copilot_staff}"
    for clause in policies["tenant_wall"][1:]:
        assert "tenant_id" in clause
        assert "NULLIF" in clause
        assert "app.tenant" in clause


@pytest.mark.django_db
@pytest.mark.parametrize("model", tenant_models(), ids=lambda m: m.__name__)
def test_unique_keys_of_tenant_tables_include_the_tenant(model: type[models.Model]) -> None:
    """A unique key without the tenant would tell that a foreign row exists."""
    for constraint in model._meta.constraints:
        if isinstance(constraint, models.UniqueConstraint):
            assert "tenant" in constraint.fields, constraint.name
    for field in model._meta.concrete_fields:
        if field.unique and not field.primary_key and not isinstance(field, models.OneToOneField):
            pytest.fail(f"{model.__name__}.{field.name} is unique across tenants")


def build(model: type[models.Model], tenant: Tenant, depth: int = 0) -> Any:
    """Save a row of any tenant model, with the rows that it points to, by filling in what it requires."""
    values: dict[str, Any] = {}
    for field in model._meta.concrete_fields:
        if (
            field.primary_key
            or field.has_default()
            or field.null
            or field.name == "tenant"
            or field.db_default is not models.NOT_PROVIDED
        ):
            continue
        if isinstance(field, models.ForeignKey):
            related = field.remote_field.model
            if related is Tenant:
                values[field.name] = tenant
            elif issubclass(related, TenantModel):
                values[field.name] = build(related, tenant, depth + 1)
            continue
        if getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False) or field.blank:
            continue
        values[field.name] = sample(field)
    row = model(**values)
    row.save()
    return row


def sample(field: models.Field[Any, Any]) -> Any:
    """Return a value that fits a field."""
    from django.utils import timezone

    if isinstance(field, models.DateTimeField):
        return timezone.now()
    if isinstance(field, models.DateField):
        return timezone.now().date()
    if isinstance(field, models.UUIDField):
        return uuid.uuid4()
    if isinstance(field, models.JSONField):
        return {}
    if isinstance(field, models.FloatField | models.IntegerField | models.DecimalField):
        return 1
    if isinstance(field, models.BinaryField):
        return uuid.uuid4().bytes
    if isinstance(field, models.BooleanField):
        return False
    choices = getattr(field, "choices", None)
    if choices:
        return choices[0][0]
    return uuid.uuid4().hex[: getattr(field, "max_length", None) or 32]


@pytest.mark.parametrize("model", tenant_models(), ids=lambda m: m.__name__)
def test_a_tenant_cannot_see_change_take_or_plant_another_tenants_rows(
    model: type[models.Model], tenant: Tenant, other_tenant: Tenant
) -> None:
    table = connection.ops.quote_name(model._meta.db_table)
    with tenant_scope(tenant.id):
        row = build(model, tenant)

    with tenant_scope(other_tenant.id), connection.cursor() as cursor:
        assert not model._default_manager.filter(pk=row.pk).exists()
        cursor.execute(f"SELECT count(*) FROM {table}")
        assert cursor.fetchone() == (0,)
        for statement in (f"UPDATE {table} SET tenant_id = tenant_id", f"DELETE FROM {table}"):
            try:
                with transaction.atomic():
                    cursor.execute(statement)
                    assert cursor.rowcount == 0
            except ProgrammingError as refusal:
                # Append-only tables refuse both outright.
                assert "permission denied" in str(refusal)  # noqa: PT017 - either outcome is right, anything else is not
        row.pk = uuid.uuid4() if isinstance(model._meta.pk, models.UUIDField) else None
        with pytest.raises(Error, match="row-level security"), transaction.atomic():
            row.save(force_insert=True)

    with tenant_scope(tenant.id):
        assert model._default_manager.count() >= 1


@pytest.mark.parametrize("model", tenant_models(), ids=lambda m: m.__name__)
def test_without_a_scope_there_is_nothing(model: type[models.Model], tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        build(model, tenant)

    assert model._default_manager.count() == 0


def test_a_row_cannot_be_moved_to_another_tenant(tenant: Tenant, other_tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        Service.objects.create(name="checkout")

        with pytest.raises(Error, match="row-level security"), transaction.atomic():
            Service.objects.update(tenant=other_tenant)


def test_scopes_of_two_tenants_do_not_nest(tenant: Tenant, other_tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        with pytest.raises(ScopeError, match="close it before"), tenant_scope(other_tenant.id):
            pytest.fail("the inner scope opened")

        assert current_tenant() == tenant.id


def test_a_scope_may_nest_in_itself(tenant: Tenant) -> None:
    with tenant_scope(tenant.id), tenant_scope(tenant.id):
        Service.objects.create(name="checkout")
    with tenant_scope(tenant.id):
        assert Service.objects.count() == 1


def test_a_block_that_raises_leaves_no_scope_behind(tenant: Tenant) -> None:
    with pytest.raises(ZeroDivisionError), tenant_scope(tenant.id):
        Service.objects.create(name="checkout")
        raise ZeroDivisionError

    assert current_tenant() is None
    assert Service.objects.count() == 0
    with tenant_scope(tenant.id):
        assert Service.objects.count() == 0


def test_the_next_borrower_of_a_connection_inherits_no_tenant(
    committed_db: str, tenant: Tenant, other_tenant: Tenant
) -> None:
    """One connection, two tenants in turn, as a pool of one hands it out."""
    for mine, name in ((tenant, "checkout"), (other_tenant, "payments")) * 3:
        with tenant_scope(mine.id):
            Service.objects.get_or_create(name=name)
            assert [s.name for s in Service.objects.all()] == [name]
        assert Service.objects.count() == 0


def test_saving_outside_of_a_scope_says_what_is_missing(tenant: Tenant) -> None:
    with pytest.raises(ScopeError, match="outside of any tenant's scope"):
        Service(name="checkout").save()


def test_the_app_cannot_rewrite_history(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        AuditEntry.objects.create(actor="alice", action="connect")

        for attempt in ("UPDATE copilot_auditentry SET actor = 'mallory'", "DELETE FROM copilot_auditentry"):
            with (
                pytest.raises(ProgrammingError, match="permission denied"),
                transaction.atomic(),
                connection.cursor() as cursor,
            ):
                cursor.execute(attempt)

        assert [entry.actor for entry in AuditEntry.objects.all()] == ["alice"]


def test_the_same_name_may_exist_in_two_tenants(tenant: Tenant, other_tenant: Tenant) -> None:
    for mine in (tenant, other_tenant):
        with tenant_scope(mine.id):
            Service.objects.create(name="checkout")
    with tenant_scope(tenant.id), pytest.raises(IntegrityError), transaction.atomic():
        Service.objects.create(name="checkout")
