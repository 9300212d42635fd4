"""What a member of one tenant can reach of another in the admin: nothing. All of it runs as the staff role, which sees all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.contrib import admin
from django.db import ProgrammingError, connection, models, transaction
from django.test import Client
from django.urls import reverse

from copilot.admin.base import TenantAdmin, TenantForm
from copilot.guard.tenancy import TenantModel, tenant_scope
from copilot.models import (
    Agent,
    ApiToken,
    AuditEntry,
    Connection,
    Delivery,
    Membership,
    Role,
    Runbook,
    Service,
    ServiceDependency,
    Tenant,
)
from tests.flow.admin_world import FOREIGN, World, login

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.contrib.auth.models import User

import copilot.admin.urls as _registered  # noqa: F401 - registers the pages that the tests are made from

REGISTERED = sorted(admin.site._registry, key=lambda model: model.__name__)
# Logins have no tenant: superusers alone see them.
WALLED = [model for model in REGISTERED if model.__name__ != "User"]


def address(model: type[models.Model], page: str, *arguments: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=arguments)


def row_of(world: World, model: type[models.Model]) -> Any:
    return next(row for row in world.rows if isinstance(row, model))


def test_every_tenant_table_with_pages_is_served_by_the_walled_base() -> None:
    assert {m.__name__ for m in REGISTERED} == {
        "Agent", "ApiToken", "AuditEntry", "ChangeRecord", "Connection", "Delivery", "Incident", "ModelCall", "Question", "Runbook", "Service",
        "ServiceDependency", "Tenant", "User",
    }  # fmt: skip
    for model in WALLED:
        pages = admin.site._registry[model]

        assert isinstance(pages, TenantAdmin)
        assert pages.tenant_path == ("pk" if model is Tenant else "tenant")


def test_the_pages_run_as_the_staff_role(staff: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")

        assert cursor.fetchone() == ("copilot_staff", False, False)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OWNER])
@pytest.mark.parametrize("model", WALLED, ids=lambda m: m.__name__)
def test_no_page_shows_anything_of_another_tenant(
    model: type[models.Model], role: Role, umbrella: World, acme: World, browser: Callable[[Role], Client]
) -> None:
    client = browser(role)
    mine, foreign = row_of(acme, model), row_of(umbrella, model)
    if model is Tenant:
        Tenant.objects.filter(pk=foreign.pk).update(slug="other", name=FOREIGN)
    ours = [
        reverse("admin:index"),
        address(model, "changelist"),
        address(model, "changelist") + f"?q={'' if model is Tenant else 'c'}",
        address(model, "change", mine.pk),
        address(model, "history", mine.pk),
        address(model, "delete", mine.pk),
        address(model, "add"),
    ]
    if model is Connection:
        ours.append(address(model, "add") + "?tenant=acme&kind=prometheus")

    shown = {url: client.get(url) for url in ours}

    assert shown[ours[0]].status_code == shown[ours[1]].status_code == shown[ours[3]].status_code == 200
    for url, answer in shown.items():
        assert FOREIGN not in answer.content.decode(), url


@pytest.mark.parametrize("model", WALLED, ids=lambda m: m.__name__)
def test_a_guessed_id_of_another_tenant_is_not_there(
    model: type[models.Model], umbrella: World, browser: Callable[[Role], Client]
) -> None:
    client = browser(Role.OWNER)
    foreign = row_of(umbrella, model)
    before = model._default_manager.filter(pk=foreign.pk).values().get()

    for page in ("change", "history", "delete"):
        for answer in (
            client.get(address(model, page, foreign.pk)),
            client.post(address(model, page, foreign.pk), {"post": "yes", "name": "taken", "slug": "taken"}),
        ):
            assert answer.status_code in {302, 403}, page
            assert answer.status_code == 403 or answer["Location"] == reverse("admin:index")

    assert model._default_manager.filter(pk=foreign.pk).values().get() == before


@pytest.mark.parametrize("model", WALLED, ids=lambda m: m.__name__)
def test_filters_and_searches_find_nothing_of_another_tenant(
    model: type[models.Model], umbrella: World, browser: Callable[[Role], Client]
) -> None:
    client = browser(Role.OWNER)
    for query in ("tenant=umbrella", "q=umbrella", "tenant__slug=umbrella", "tenant__name__startswith=U"):
        answer = client.get(f"{address(model, 'changelist')}?{query}", follow=True)

        assert answer.status_code in {200, 400}, query
        for text in ("umbrella-", "umbrella deploys", "(umbrella)", "umbrella:"):
            assert text not in answer.content.decode(), (query, text)


@pytest.mark.parametrize("model", WALLED, ids=lambda m: m.__name__)
def test_autocompletes_offer_nothing(
    model: type[models.Model], umbrella: World, browser: Callable[[Role], Client]
) -> None:
    client = browser(Role.OWNER)
    for field in model._meta.get_fields():
        if isinstance(field, models.ForeignKey):
            query = {
                "app_label": model._meta.app_label,
                "model_name": str(model._meta.model_name),
                "field_name": field.name,
            }

            answer = client.get(reverse("admin:autocomplete"), {**query, "term": FOREIGN})

            assert answer.status_code in {403, 200}
            assert answer.status_code == 403 or answer.json()["results"] == []


def test_choices_of_a_form_are_those_of_its_tenant(
    umbrella: World, acme: World, browser: Callable[[Role], Client]
) -> None:
    page = browser(Role.OWNER).get(address(Service, "change", acme.service.pk)).content.decode()

    assert "acme-payments" in page
    assert "umbrella" not in page


def test_even_a_superuser_cannot_point_from_one_tenant_into_another(umbrella: World, acme: World) -> None:
    client = Client()
    client.force_login(login("root", is_superuser=True))

    answer = client.post(
        address(Service, "change", acme.needed.pk),
        {
            "name": acme.needed.name,
            "dependencies-TOTAL_FORMS": "1",
            "dependencies-INITIAL_FORMS": "0",
            "dependencies-0-caller": str(acme.needed.pk),
            "dependencies-0-callee": str(umbrella.service.pk),
        },
    )

    assert answer.status_code == 200
    assert "Select a valid choice" in answer.content.decode()
    assert not ServiceDependency.objects.filter(caller=acme.needed).exists()


def test_forms_of_tenant_rows_offer_only_rows_of_the_tenant(umbrella: World, acme: World) -> None:
    class DependencyForm(TenantForm):
        class Meta:
            model = ServiceDependency
            fields = ("caller", "callee")

    form = DependencyForm(tenant_id=acme.tenant.pk)

    for name in ("caller", "callee"):
        field: Any = form.fields[name]
        assert issubclass(field.queryset.model, TenantModel)
        assert {service.tenant_id for service in field.queryset} == {acme.tenant.pk}


@pytest.mark.parametrize(
    ("model", "action"),
    [
        (Delivery, "handle_again"),
        (Connection, "test_connections"),
        (Connection, "delete_selected"),
        (ApiToken, "revoke"),
        (Agent, "revoke"),
        (Runbook, "take_out_of_use"),
    ],
)
def test_an_action_on_foreign_ids_does_nothing(
    model: type[models.Model], action: str, umbrella: World, browser: Callable[[Role], Client]
) -> None:
    client = browser(Role.OWNER)
    foreign = row_of(umbrella, model)
    before = model._default_manager.filter(pk=foreign.pk).values().get()
    trail = AuditEntry.objects.count()

    client.post(address(model, "changelist"), {"action": action, "_selected_action": [str(foreign.pk)], "post": "yes"})

    assert model._default_manager.filter(pk=foreign.pk).values().get() == before
    assert AuditEntry.objects.count() == trail


def test_the_test_button_of_another_tenants_connection_is_not_there(
    umbrella: World, browser: Callable[[Role], Client]
) -> None:
    answer = browser(Role.OWNER).post(reverse("admin:copilot_connection_test", args=[umbrella.connection.pk]))

    assert (answer.status_code, answer["Location"]) == (302, reverse("admin:index"))
    umbrella.connection.refresh_from_db()
    assert umbrella.connection.health_detail == "umbrella: refused (401)"


def test_nothing_can_be_added_to_another_tenant(umbrella: World, browser: Callable[[Role], Client]) -> None:
    client = browser(Role.OWNER)
    for url, values in (
        (
            address(Service, "add"),
            {"name": "planted", "dependencies-TOTAL_FORMS": "0", "dependencies-INITIAL_FORMS": "0"},
        ),
        (address(Connection, "add"), {"name": "planted", "credential_url": "http://10.0.0.1"}),
    ):
        answer = client.post(url + "?tenant=umbrella&kind=prometheus", values)

        assert answer.status_code == 200
        assert "umbrella" not in answer.content.decode()
    assert not Service.objects.filter(name="planted").exists()
    assert not Connection.objects.filter(name="planted").exists()


def test_logins_are_for_superusers(umbrella: World, browser: Callable[[Role], Client]) -> None:
    client = browser(Role.OWNER)
    user: User = Membership.objects.get(tenant=umbrella.tenant).user  # type: ignore[assignment]
    for url in (
        reverse("admin:auth_user_changelist"),
        reverse("admin:auth_user_add"),
        reverse("admin:auth_user_change", args=[user.pk]),
        reverse("admin:auth_user_password_change", args=[user.pk]),
        reverse("admin:copilot_tenant_add"),
    ):
        assert client.get(url).status_code == 403, url


def test_somebody_without_a_role_sees_an_empty_admin(acme: World) -> None:
    client = Client()
    client.force_login(login("nobody"))

    page = client.get(reverse("admin:index")).content.decode()

    assert "You have no role in any tenant yet" in page
    assert "Acme" not in page
    for model in WALLED:
        assert client.get(address(model, "changelist")).status_code == 403


def test_a_role_that_is_taken_away_ends_at_the_next_request(acme: World, browser: Callable[[Role], Client]) -> None:
    client = browser(Role.OWNER)
    url = address(Service, "change", acme.service.pk)
    assert client.get(url).status_code == 200

    Membership.objects.filter(tenant=acme.tenant).delete()

    assert client.get(url).status_code == 403


@pytest.mark.parametrize("role", [Role.VIEWER, Role.RESPONDER])
def test_who_may_look_may_not_write(role: Role, acme: World, browser: Callable[[Role], Client]) -> None:
    client = browser(role)
    rows: tuple[tuple[Any, str], ...] = (
        (acme.service, address(Service, "change", acme.service.pk)),
        (acme.connection, address(Connection, "change", acme.connection.pk)),
        (acme.tenant, address(Tenant, "change", acme.tenant.pk)),
    )
    for row, url in rows:
        before = type(row)._default_manager.filter(pk=row.pk).values().get()
        assert client.get(url).status_code == 200
        assert client.post(url, {"name": "taken", "is_enabled": ""}).status_code == 403
        assert type(row)._default_manager.filter(pk=row.pk).values().get() == before
    assert client.get(address(Service, "add")).status_code == 403
    assert client.get(address(Connection, "add")).status_code == 403
    client.post(
        address(Delivery, "changelist"), {"action": "handle_again", "_selected_action": [str(acme.delivery.pk)]}
    )
    acme.delivery.refresh_from_db()
    assert acme.delivery.handled_at is not None


def test_the_staff_role_cannot_rewrite_the_audit_log(acme: World) -> None:
    attempts: tuple[Callable[[], Any], ...] = (
        lambda: AuditEntry.objects.update(actor="mallory"),
        lambda: AuditEntry.objects.all()._raw_delete("default"),
    )
    for attempt in attempts:
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            attempt()

    assert not AuditEntry.objects.filter(actor="mallory").exists()
    assert AuditEntry.objects.filter(pk=acme.entry.pk).exists()


@pytest.mark.parametrize("page", ["change", "delete"])
def test_nobody_changes_or_deletes_an_audit_entry(page: str, acme: World) -> None:
    client = Client()
    client.force_login(login("root", is_superuser=True))

    assert client.post(address(AuditEntry, page, acme.entry.pk), {"actor": "mallory", "post": "yes"}).status_code == 403
    assert client.get(address(AuditEntry, "add")).status_code == 403


def test_inside_a_scope_the_staff_role_sees_that_tenant_alone(umbrella: World, acme: World) -> None:
    assert Service.objects.count() == 4

    with tenant_scope(acme.tenant.pk):
        assert {service.tenant_id for service in Service.objects.all()} == {acme.tenant.pk}
        assert Service.objects.filter(pk=umbrella.service.pk).update(name="taken") == 0
