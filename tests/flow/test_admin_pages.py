"""What the admin shows and does, page by page, as the staff role."""

from __future__ import annotations

import asyncio
import warnings
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from copilot import connections
from copilot.admin import overview, reliability
from copilot.guard.tenancy import tenant_scope
from copilot.models import (
    AuditEntry,
    Confirmation,
    Connection,
    Delivery,
    Endpoint,
    EvidenceRecord,
    Feedback,
    Incident,
    Membership,
    RelatedAlert,
    Role,
    Service,
    ServiceDependency,
    Tenant,
)
from integrations.base import Health
from tests.flow.admin_world import PASSWORD, World, furnish, incident_of, investigate, login

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db import models

pytestmark = pytest.mark.usefixtures("staff")
ATTACK = "<script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.fixture
def owner(browser: Callable[[Role], Client]) -> Client:
    return browser(Role.OWNER)


@pytest.fixture
def root(acme: World) -> Client:
    del acme
    client = Client()
    client.force_login(login("root", is_superuser=True))
    return client


def address(model: type[models.Model], page: str, *arguments: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=arguments)


def trail(action: str) -> AuditEntry:
    return AuditEntry.objects.get(action=action)


def test_the_admin_has_no_faults_that_django_knows_of() -> None:
    call_command("check", fail_level="WARNING")


# -- overview ---------------------------------------------------------------------------------------------------------


def test_the_overview_counts_what_people_ask_for(acme: World) -> None:
    now = timezone.now()
    second = incident_of(acme.service, "second", number=2, at=now)
    run, _ = investigate(second, acme.needed, "second", at=now, seconds=4.5)
    run.hypotheses.get(rank=1).feedback.all().delete()
    run.hypotheses.get(rank=2).feedback.all().delete()
    Incident.objects.filter(pk=second.pk).update(status="acknowledged")
    resolved = incident_of(acme.service, "third", number=3, at=now)
    Incident.objects.filter(pk=resolved.pk).update(status="resolved")
    old = incident_of(acme.service, "old", number=4, at=now)
    investigate(old, acme.needed, "old", at=now - timedelta(days=40))
    Incident.objects.filter(pk=old.pk).update(status="resolved", created_at=now - timedelta(days=40))
    acme.call.__class__.objects.filter(pk=acme.call.pk).update(created_at=now - timedelta(days=2))

    (view,) = overview.read([acme.tenant])

    assert (view.open_incidents, view.acknowledged_incidents) == (2, 1)
    assert (view.investigated, view.answered, view.feedback_rate) == (2, 1, 0.5)
    assert (view.up, view.down, view.acceptance) == (1, 1, 0.5)
    assert view.median_seconds == pytest.approx(3.5)
    assert (str(view.dollars), str(view.dollars_today)) == ("0.037500", "0")
    assert [str(one) for one in view.connections] == ["pagerduty"]
    assert view.failing == 1


def test_the_reliability_of_a_tenant_is_what_people_made_of_its_first_hypotheses(acme: World) -> None:
    now = timezone.now()
    # Of the first incident the cause is confirmed; the second has a vote alone, the third nothing.
    for number, word in enumerate(("second", "third"), start=2):
        row = incident_of(acme.service, word, number=number, at=now)
        run, first = investigate(row, acme.needed, word, at=now)
        Confirmation.objects.filter(incident=row).delete()
        first.feedback.all().delete()
        if word == "second":
            with tenant_scope(acme.tenant.pk):
                Feedback.objects.create(hypothesis=run.hypotheses.get(rank=1), person="U9", value="down")

    found = reliability.judged(acme.tenant)

    assert sorted(one.accepted for one in found) == [False, True]
    assert {one.confidence for one in found} == {first.confidence}


def test_a_tenants_page_shows_its_reliability(acme: World, owner: Client) -> None:
    page = owner.get(address(Tenant, "change", acme.tenant.pk)).content.decode()

    assert "Reliability" in page
    assert "1 incident judged" in " ".join(page.split())
    assert "Fewer than 30 say little." in page


def test_a_tenant_that_nobody_judged_says_how_the_table_fills() -> None:
    found = reliability.read(Tenant.objects.create(slug="empty"))

    assert (found.judged, found.rows, found.brier, found.error) == (0, (), None, None)


def test_a_tenant_without_incidents_has_no_rates() -> None:
    (view,) = overview.read([Tenant.objects.create(slug="empty")])

    assert (view.feedback_rate, view.acceptance, view.median_seconds, view.open_incidents) == (None, None, None, 0)


def test_the_overview_asks_as_often_for_many_tenants_as_for_one(acme: World) -> None:
    def queries(tenants: list[Tenant]) -> int:
        with CaptureQueriesContext(connection) as asked:
            overview.read(tenants)
        return len(asked)

    one = queries([acme.tenant])
    many = [acme.tenant]
    for number in range(5):
        other = Tenant.objects.create(slug=f"t{number}")
        furnish(other, f"t{number}")
        many.append(other)

    assert queries(many) == one == 7


def test_the_lists_ask_as_often_for_many_rows_as_for_one(acme: World, owner: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            owner.get(address(Incident, "changelist"))
        return len(asked)

    one = queries()
    for number in range(2, 8):
        row = incident_of(acme.service, f"w{number}", number=number, at=timezone.now())
        investigate(row, acme.needed, f"w{number}", at=timezone.now())

    assert queries() == one


def test_the_overview_says_health_in_words(owner: Client) -> None:
    page = owner.get(reverse("admin:index")).content.decode()

    assert "Acme" in page
    assert '<span aria-hidden="true">✗</span> failing' in page
    assert "acme: refused (401)" in page


# -- connections ------------------------------------------------------------------------------------------------------


def test_the_kind_is_chosen_first(owner: Client) -> None:
    page = owner.get(address(Connection, "add")).content.decode()

    assert "?tenant=acme&amp;kind=prometheus" in page
    assert "copilot connect TENANT slack" in page


def test_a_form_has_a_field_for_each_credential_with_its_description(owner: Client) -> None:
    page = owner.get(address(Connection, "add") + "?kind=kubernetes").content.decode()

    assert 'name="credential_kubeconfig"' in page
    assert "Token of a read-only ServiceAccount" in page
    assert '<textarea name="credential_ca_certificate"' in page
    assert 'type="checkbox" name="credential_verify_tls"' in page


def test_a_new_connection_is_sealed_and_shows_its_secret_once(acme: World, owner: Client) -> None:
    answer = owner.post(
        address(Connection, "add") + "?kind=alertmanager",
        {"name": "default", "is_enabled": "on", "credential_bearer_token": ""},
    )

    row = Connection.objects.get(kind="alertmanager")
    token = connections.credentials_of(row).bearer_token.get_secret_value()
    page = answer.content.decode()
    assert answer.status_code == 200
    assert token in page
    assert connections.address_of(row) in page
    assert row.tenant_id == acme.tenant.pk
    assert Endpoint.objects.filter(connection_id=row.pk, tenant=acme.tenant).count() == 1
    again = owner.get(address(Connection, "change", row.pk)).content.decode()
    assert token not in again
    assert connections.address_of(row) in again
    entry = AuditEntry.objects.get(action="connect", target="alertmanager")
    assert entry.actor == "acme-owner"
    assert token not in str(entry.detail)


def test_the_answer_to_a_new_secret_is_not_kept_by_the_browser(owner: Client) -> None:
    answer = owner.post(address(Connection, "add") + "?kind=alertmanager", {"name": "default", "is_enabled": "on"})

    assert "no-store" in answer.headers["Cache-Control"]


def test_an_empty_secret_keeps_the_stored_one_and_other_values_change(acme: World, owner: Client) -> None:
    url = address(Connection, "change", acme.connection.pk)
    page = owner.get(url).content.decode()
    assert "acme-sealed" not in page
    assert "acme@example.org" in page
    assert "leave empty to keep it" in page

    answer = owner.post(
        url,
        {
            "is_enabled": "on",
            "credential_webhook_secret": "",
            "credential_base_url": "https://api.eu.pagerduty.com",
            "credential_from_email": "new@example.org",
        },
    )

    assert answer.status_code == 302
    acme.connection.refresh_from_db()
    values = connections.credentials_of(acme.connection)
    assert values.webhook_secret.get_secret_value() == "acme-sealed"
    assert values.base_url == "https://api.eu.pagerduty.com"
    assert values.from_email == "new@example.org"
    entry = AuditEntry.objects.get(action="connect", actor="acme-owner")
    assert entry.detail == {"fields": ["base_url", "from_email"]}


def test_an_optional_secret_can_be_taken_away(owner: Client) -> None:
    tenant = Tenant.objects.get(slug="acme")
    opened = connections.connect(tenant.pk, "github", {"token": "ghp_x", "webhook_secret": "w"}, actor="test")
    url = address(Connection, "change", opened.connection_id)
    assert 'name="clear_token"' in owner.get(url).content.decode()

    owner.post(url, {"is_enabled": "on", "clear_token": "on", "credential_base_url": "https://api.github.com"})

    values = connections.credentials_of(Connection.objects.get(pk=opened.connection_id))
    assert values.token is None
    assert values.webhook_secret.get_secret_value() == "w"
    assert 'name="clear_token"' not in owner.get(url).content.decode()


def test_a_wrong_value_is_told_beside_its_field_and_nothing_is_stored(owner: Client) -> None:
    answer = owner.post(
        address(Connection, "add") + "?kind=prometheus",
        {
            "name": "default",
            "is_enabled": "on",
            "credential_url": "not an address",
            "credential_bearer_token": "s3cret-token",
        },
    )

    assert answer.status_code == 200
    form = answer.context["adminform"].form
    assert set(form.errors) == {"credential_url"}
    assert "s3cret-token" not in answer.content.decode()
    assert not Connection.objects.filter(kind="prometheus").exists()


def test_a_name_that_is_taken_is_refused_instead_of_changing_its_owner(acme: World, owner: Client) -> None:
    answer = owner.post(
        address(Connection, "add") + "?kind=pagerduty",
        {
            "name": "default",
            "is_enabled": "on",
            "credential_webhook_secret": "other",
            "credential_base_url": "https://api.pagerduty.com",
        },
    )

    assert answer.status_code == 200
    assert set(answer.context["adminform"].form.errors) == {"name"}
    acme.connection.refresh_from_db()
    assert connections.credentials_of(acme.connection).webhook_secret.get_secret_value() == "acme-sealed"


def test_a_connection_is_switched_off_and_on(acme: World, owner: Client) -> None:
    url = address(Connection, "change", acme.connection.pk)
    values = {"credential_base_url": "https://api.pagerduty.com", "credential_from_email": "acme@example.org"}

    owner.post(url, values)
    acme.connection.refresh_from_db()
    assert acme.connection.is_enabled is False
    assert trail("switch off").actor == "acme-owner"

    owner.post(url, {**values, "is_enabled": "on"})
    acme.connection.refresh_from_db()
    assert acme.connection.is_enabled is True


@pytest.mark.parametrize("works", [True, False])
@pytest.mark.parametrize("way", ["button", "action"])
def test_a_connection_is_tested_and_the_outcome_shown(
    works: bool, way: str, acme: World, owner: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "integrations.pagerduty.PagerDuty.check", lambda *_: Health(works=works, detail="42 services & more")
    )
    if way == "button":
        answer = owner.post(reverse("admin:copilot_connection_test", args=[acme.connection.pk]), follow=True)
    else:
        chosen = {"action": "test_connections", "_selected_action": [str(acme.connection.pk)]}
        answer = owner.post(address(Connection, "changelist"), chosen, follow=True)

    page = answer.content.decode()
    assert f"pagerduty {'works' if works else 'fails'}: 42 services &amp; more".lower() in page.lower()
    acme.connection.refresh_from_db()
    assert acme.connection.health == ("works" if works else "failing")
    assert trail("test connection").detail == {"works": works}


def test_the_webhook_address_is_for_those_who_may_change_it(acme: World, browser: Callable[[Role], Client]) -> None:
    page = browser(Role.RESPONDER).get(address(Connection, "change", acme.connection.pk)).content.decode()

    assert "/hooks/" not in page
    assert "acme@example.org" not in page
    assert "acme: refused (401)" in page


def test_deleting_a_connection_takes_its_address_away(acme: World, owner: Client) -> None:
    url = address(Connection, "delete", acme.connection.pk)
    assert "Accepted deliveries, as they came: 1" in owner.get(url).content.decode()

    owner.post(url, {"post": "yes"})

    assert not Connection.objects.filter(pk=acme.connection.pk).exists()
    assert not Endpoint.objects.filter(connection_id=acme.connection.pk).exists()
    assert trail("delete connection").actor == "acme-owner"
    assert Incident.objects.filter(pk=acme.incident.pk).exists()


def test_a_slack_connection_is_shown_and_made_elsewhere(acme: World, owner: Client) -> None:
    row = Connection(tenant=acme.tenant, kind="slack")
    row.seal({"bot_token": "xoxb-hidden", "endpoint_key": "k"})
    row.save()

    page = owner.get(address(Connection, "change", row.pk)).content.decode()

    assert "copilot connect TENANT slack" in page
    assert "xoxb-hidden" not in page
    assert owner.get(address(Connection, "delete", row.pk)).status_code == 403


# -- services, tenants, people ----------------------------------------------------------------------------------------


def service_values(**values: str) -> dict[str, str]:
    return {"dependencies-TOTAL_FORMS": "0", "dependencies-INITIAL_FORMS": "0", **values}


def test_a_service_is_added_with_what_it_needs(acme: World, owner: Client) -> None:
    answer = owner.post(
        address(Service, "add"),
        service_values(
            **{
                "name": "cart",
                "pagerduty_id": "PCART",
                "owners": "U123\nalice@example.org\n",
                "paths": "services/cart\n\nlibs/basket/\n",
                "dependencies-TOTAL_FORMS": "1",
                "dependencies-0-callee": str(acme.needed.pk),
            }
        ),
    )

    assert answer.status_code == 302
    row = Service.objects.get(name="cart")
    assert (row.tenant_id, row.owners) == (acme.tenant.pk, ["U123", "alice@example.org"])
    assert row.paths == ["services/cart", "libs/basket/"]
    arrow = ServiceDependency.objects.get(caller=row)
    assert (arrow.callee_id, arrow.tenant_id, arrow.source) == (acme.needed.pk, acme.tenant.pk, "declared")
    assert trail("add service").actor == "acme-owner"


@pytest.mark.parametrize(
    ("values", "field", "text"),
    [
        ({"name": "acme-payments"}, "name", "There is a service acme-payments already."),
        (
            {"name": "x", "paths": "../secrets"},
            "paths",
            "'../secrets' is no folder of a repository: write it as services/checkout",
        ),
        (
            {"name": "x", "pagerduty_id": "Pacme"},
            "pagerduty_id",
            "PagerDuty service Pacme is already the service acme-checkout.",
        ),
    ],
)
def test_a_service_that_is_there_already_is_refused_in_words(
    values: dict[str, str], field: str, text: str, owner: Client
) -> None:
    answer = owner.post(address(Service, "add"), service_values(**values))

    assert answer.context["adminform"].form.errors == {field: [text]}
    assert Service.objects.count() == 2


def test_an_arrow_is_drawn_once_and_not_to_itself(acme: World, owner: Client) -> None:
    arrow = ServiceDependency.objects.get(caller=acme.service)
    url = address(Service, "change", acme.service.pk)
    common = {
        "name": acme.service.name,
        "dependencies-TOTAL_FORMS": "2",
        "dependencies-INITIAL_FORMS": "1",
        "dependencies-0-id": str(arrow.pk),
        "dependencies-0-caller": str(acme.service.pk),
        "dependencies-0-callee": str(acme.needed.pk),
        "dependencies-1-caller": str(acme.service.pk),
    }
    for callee in (acme.needed.pk, acme.service.pk):
        assert owner.post(url, service_values(**common, **{"dependencies-1-callee": str(callee)})).status_code == 200

    assert ServiceDependency.objects.count() == 1


def test_a_deleted_service_leaves_its_name_with_its_incidents(acme: World, owner: Client) -> None:
    owner.post(address(Service, "delete", acme.service.pk), {"post": "yes"})

    acme.incident.refresh_from_db()
    assert (acme.incident.service_id, acme.incident.display_service) == (None, "acme-checkout")
    assert trail("delete service").target == "service acme-checkout"


# When a tenant's digest comes, as its form has it.
DIGEST = {"digest_day": "0", "digest_hour": "8", "time_zone": "UTC"}


def people(*rows: dict[str, str], initial: int = 0) -> dict[str, str]:
    """A tenant's form with these people in it."""
    return {
        "name": "Acme",
        "default_role": "responder",
        **DIGEST,
        "people-TOTAL_FORMS": str(len(rows)),
        "people-INITIAL_FORMS": str(initial),
        **{f"people-{place}-{key}": value for place, row in enumerate(rows) for key, value in row.items()},
    }


def test_an_owner_gives_a_login_a_role(acme: World, owner: Client) -> None:
    newcomer = login("newcomer")
    mine = Membership.objects.get(user__username="acme-owner")
    kept = {"id": str(mine.pk), "tenant": str(acme.tenant.pk), "login": "acme-owner", "role": "owner"}

    answer = owner.post(
        address(Tenant, "change", acme.tenant.pk),
        people(kept, {"tenant": str(acme.tenant.pk), "login": "newcomer", "role": "responder"}, initial=1),
    )

    assert answer.status_code == 302
    assert Membership.objects.get(user=newcomer).tenant_id == acme.tenant.pk
    assert Membership.objects.get(user=newcomer).role == Role.RESPONDER
    assert trail("change tenant").actor == "acme-owner"


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"login": "acme-admin", "role": "owner"}, "Only an owner may give or change the role owner."),
        ({"login": "nobody-there", "role": "viewer"}, "There is no login nobody-there"),
        ({"login": "", "role": "viewer", "email": "a@example.org"}, "Say who"),
    ],
)
def test_a_role_that_may_not_be_given_is_refused_in_words(
    row: dict[str, str], text: str, acme: World, browser: Callable[[Role], Client]
) -> None:
    client = browser(Role.ADMIN)
    mine = Membership.objects.get(user__username="acme-admin")
    is_mine = row["login"] == "acme-admin"
    rows = [{"id": str(mine.pk), "login": "acme-admin", "role": "admin", **(row if is_mine else {})}]
    rows += [] if is_mine else [row]

    answer = client.post(
        address(Tenant, "change", acme.tenant.pk),
        people(*({"tenant": str(acme.tenant.pk), **one} for one in rows), initial=1),
    )

    assert answer.status_code == 200
    assert text in answer.content.decode()
    assert list(Membership.objects.values_list("role", flat=True)) == ["admin"]


def test_an_admin_cannot_take_an_owner_away(acme: World, browser: Callable[[Role], Client]) -> None:
    client = browser(Role.ADMIN)
    login("boss", Role.OWNER, acme.tenant)
    rows = [
        {"id": str(one.pk), "tenant": str(acme.tenant.pk), "login": one.user.username, "role": one.role}  # type: ignore[union-attr]
        for one in Membership.objects.order_by("pk")
    ]

    answer = client.post(
        address(Tenant, "change", acme.tenant.pk), people(rows[0], {**rows[1], "DELETE": "on"}, initial=2)
    )

    assert answer.status_code == 200
    assert "Only an owner may take the role owner away." in answer.content.decode()
    assert Membership.objects.count() == 2


def test_superusers_make_tenants_and_nobody_deletes_them(acme: World, root: Client) -> None:
    answer = root.post(address(Tenant, "add"), {"slug": "wayne", "name": "Wayne", "default_role": "viewer", **DIGEST})

    made = Tenant.objects.get(slug="wayne")
    assert answer.status_code == 302
    assert {one.action for one in AuditEntry.objects.filter(tenant=made)} >= {"add tenant"}
    assert root.post(address(Tenant, "delete", acme.tenant.pk), {"post": "yes"}).status_code == 403


def test_a_superuser_makes_a_login_that_may_enter_and_sees_nothing_yet(root: Client) -> None:
    answer = root.post(
        reverse("admin:auth_user_add"),
        {"username": "carol", "usable_password": "true", "password1": PASSWORD, "password2": PASSWORD},
    )

    assert answer.status_code == 302
    client = Client()
    assert client.login(username="carol", password=PASSWORD)
    assert "You have no role in any tenant yet" in client.get(reverse("admin:index")).content.decode()


def test_with_several_tenants_a_new_row_asks_for_its_tenant(umbrella: World, root: Client) -> None:
    page = root.get(address(Service, "add")).content.decode()

    assert "?tenant=acme" in page
    assert "?tenant=umbrella" in page
    assert 'name="pagerduty_id"' not in page


# -- incidents, deliveries, records -------------------------------------------------------------------------------------


def test_the_incident_page_shows_all_that_was_seen_weighed_and_said(acme: World, owner: Client) -> None:
    page = owner.get(address(Incident, "change", acme.incident.pk)).content.decode()

    for text in (
        "High p95 latency on checkout (acme)",
        "likely cause",
        "The rollout of payments v42 shrank its connection pool (acme)",
        "0.65–0.82",
        "pool waits ×14 over baseline",
        'aria-label="0.82, between 0.71 and 0.90"',
        '<rect class="interval" x="71.0" y="4" width="19.0" height="2">',
        "catalog deployed 3 min before onset, but nothing there moved (acme)",
        "acme: no HTTP metrics",
        "acme: timed out after 8 s",
        "acme Bob · wrong cause · “acme was fine”",
        "acme Alice confirmed the cause",
        "the model was not asked: acme",
        "Acknowledged by acme-agent",
        "claude-acme",
        "$0.04",
        "2.5 s",
    ):
        assert text in page, text


def test_alerts_that_joined_an_incident_are_shown_with_the_rule_that_joined_them(acme: World, owner: Client) -> None:
    other = incident_of(acme.service, "queue too long", number=7, at=timezone.now())
    common = {"incident": acme.incident, "tenant": acme.tenant, "source": "alertmanager", "started_at": timezone.now()}
    RelatedAlert.objects.create(
        **common, dedupe_key="a", title=ATTACK, service_name="catalog", severity="warning",
        rule="catalog needs checkout; paged 2 min after it", url="javascript:alert(1)",
    )  # fmt: skip
    RelatedAlert.objects.create(
        **common, dedupe_key="b", title="Queue too long", rule="one of 8 alerts within two minutes", is_firing=False,
        split_into=other, split_by="bob", url="https://alerts.example.org/b",
    )  # fmt: skip
    page = owner.get(address(Incident, "change", acme.incident.pk)).content.decode()

    assert "catalog needs checkout; paged 2 min after it" in page
    assert ATTACK not in page
    assert "javascript:" not in page
    assert '<a href="https://alerts.example.org/b" rel="noopener noreferrer">Queue too long</a>' in page
    assert "● not related, says bob" in page
    assert f'<a href="{address(Incident, "change", other.pk)}">INC-7</a>' in page


def test_links_lead_to_the_web_or_nowhere(acme: World, owner: Client) -> None:
    page = owner.get(address(Incident, "change", acme.incident.pk)).content.decode()

    assert '<a href="https://prometheus.example.org/graph?g0=acme" rel="noopener noreferrer">' in page
    assert "javascript:" not in page


def test_an_earlier_investigation_can_be_looked_at(acme: World, owner: Client) -> None:
    acme.run.__class__.objects.create(tenant=acme.tenant, incident=acme.incident, sequence=2, asked_by="alice")
    url = address(Incident, "change", acme.incident.pk)

    assert "The investigation is under way." in owner.get(url).content.decode()
    assert "shrank its connection pool" in owner.get(url + "?run=1").content.decode()
    assert owner.get(url + "?run=nonsense").status_code == 200


def test_text_from_outside_stays_text(acme: World, owner: Client) -> None:
    Incident.objects.update(title=ATTACK, service_name=ATTACK, assignees=[ATTACK], resolved_by=ATTACK)
    EvidenceRecord.objects.update(
        statement=ATTACK, entity=ATTACK, source=ATTACK, link=f"https://x/{ATTACK}", query=ATTACK
    )
    acme.hypothesis.__class__.objects.update(statement=ATTACK, next_check=ATTACK, entity=ATTACK)
    acme.change.__class__.objects.update(title=ATTACK, author=ATTACK, link=f"https://x/{ATTACK}", detail=ATTACK)
    Delivery.objects.update(body=ATTACK.encode(), error=ATTACK, headers={"x": ATTACK}, external_id=ATTACK)
    Connection.objects.update(health_detail=ATTACK)
    Service.objects.filter(pk=acme.service.pk).update(name=ATTACK, channel=ATTACK)
    Tenant.objects.update(name=ATTACK)

    for row in acme.rows:
        for url in (address(type(row), "changelist"), address(type(row), "change", row.pk), reverse("admin:index")):
            page = owner.get(url).content.decode()

            assert "<script>alert" not in page, url
            assert "<img src=x" not in page, url


def test_a_delivery_shows_what_came_and_is_handled_again(acme: World, owner: Client) -> None:
    page = owner.get(address(Delivery, "change", acme.delivery.pk)).content.decode()
    assert "{\n  &quot;event&quot;: &quot;acme&quot;\n}" in page
    assert "incident.acknowledged → INC-1" in page

    owner.post(address(Delivery, "changelist"), {"action": "handle_again", "_selected_action": [str(acme.delivery.pk)]})

    acme.delivery.refresh_from_db()
    assert (acme.delivery.handled_at, acme.delivery.attempts, acme.delivery.error) == (None, 0, "")
    assert acme.delivery.not_before <= timezone.now()
    assert trail("handle delivery again").target == "delivery delivery acme-delivery"


@pytest.mark.parametrize("query", ["outcome=waiting", "outcome=handled", "outcome=failed"])
def test_deliveries_are_chosen_by_outcome(query: str, owner: Client) -> None:
    page = owner.get(address(Delivery, "changelist") + "?" + query).content.decode()

    assert ("not understood" in page) == (query == "outcome=failed")


@pytest.mark.parametrize(
    ("query", "is_there"),
    [
        ("verdict=likely+cause", True),
        ("verdict=inconclusive", False),
        ("verdict=none", False),
        ("feedback=confirmed", True),
        ("feedback=given", True),
        ("feedback=none", False),
        ("status__exact=triggered", True),
        ("status__exact=resolved", False),
        ("tenant=acme&status__in=triggered,acknowledged", True),
        ("status__in=resolved", False),
    ],
)
def test_incidents_are_chosen_by_verdict_feedback_and_status(query: str, is_there: bool, owner: Client) -> None:
    page = owner.get(address(Incident, "changelist") + "?" + query).content.decode()

    assert (">INC-1<br>" in page) == is_there


# -- safety -------------------------------------------------------------------------------------------------------------


def test_pages_carry_a_policy_that_admits_no_script_within_them(owner: Client) -> None:
    answer = owner.get(reverse("admin:index"))

    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert "no-store" in answer.headers["Cache-Control"]


def test_pages_have_no_script_or_style_within_them(acme: World, owner: Client) -> None:
    for row in acme.rows:
        for url in (address(type(row), "changelist"), address(type(row), "change", row.pk), reverse("admin:index")):
            page = owner.get(url).content.decode()
            for inline in ("<script>", "<style", ' style="', " onclick="):
                assert inline not in page, (url, inline)


def test_style_sheets_come_without_a_warning_under_asgi() -> None:
    async def fetch(**headers: str) -> Any:
        return await AsyncClient().get("/static/copilot/admin.css", headers=headers)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        whole = asyncio.run(fetch())
        part = asyncio.run(fetch(Range="bytes=0-9"))
        again = asyncio.run(fetch(**{"If-Modified-Since": whole.headers["Last-Modified"]}))

    assert (whole.status_code, whole.headers["Content-Type"]) == (200, 'text/css; charset="utf-8"')
    assert b".mark.good" in whole.content
    assert int(whole.headers["Content-Length"]) == len(whole.content)
    assert (part.status_code, part.content) == (206, whole.content[:10])
    assert (again.status_code, again.content) == (304, b"")


def test_without_a_login_there_is_only_the_login_page(acme: World) -> None:
    client = Client()
    for row in acme.rows:
        answer = client.get(address(type(row), "change", row.pk))

        assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, reverse("admin:login"))
