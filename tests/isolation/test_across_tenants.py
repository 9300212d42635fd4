"""Questions that are asked of all tenants at once: they answer, and open nothing else."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from django.utils import timezone

from copilot import rounds
from copilot.guard.tenancy import tenant_scope
from copilot.models import Connection, Delivery, Incident, Run, Stage

if TYPE_CHECKING:
    from copilot.models import Tenant

pytestmark = pytest.mark.django_db


def incident_of(tenant: Tenant, **values: object) -> Incident:
    """An incident that waits for nothing."""
    now = timezone.now()
    with tenant_scope(tenant.id):
        return Incident.objects.create(
            tenant=tenant, number=1, title="t", source="s", dedupe_key="k", started_at=now, alert_at=now, last_event_at=now,
            **values,
        )  # fmt: skip


def asked(function: str) -> set[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {function}()")
        return {row[0] for row in cursor.fetchall()}


def test_nobody_at_rest_has_work(tenant: Tenant, other_tenant: Tenant) -> None:
    incident = incident_of(tenant)
    with tenant_scope(tenant.id):
        Run.objects.create(tenant=tenant, incident=incident, sequence=1, stage=Stage.DONE)

    assert asked("copilot_tenants_with_work") == set()


@pytest.mark.parametrize("put_off", [False, True], ids=["due", "put off"])
def test_a_delivery_a_run_and_a_wish_are_work_once_they_are_due(
    tenant: Tenant, other_tenant: Tenant, put_off: bool
) -> None:
    at = timezone.now() + timedelta(hours=1 if put_off else -1)
    with tenant_scope(tenant.id):
        source = Connection.objects.create(tenant=tenant, kind="pagerduty", name="pages")
        Delivery.objects.create(
            tenant=tenant, connection=source, external_id="1", body=b"{}", headers={}, not_before=at
        )
    incident = incident_of(other_tenant)
    with tenant_scope(other_tenant.id):
        Run.objects.create(tenant=other_tenant, incident=incident, sequence=1, not_before=at)

    assert asked("copilot_tenants_with_work") == (set() if put_off else {tenant.id, other_tenant.id})


def test_a_wish_to_publish_is_work(tenant: Tenant, other_tenant: Tenant) -> None:
    incident_of(other_tenant, publish_wanted_at=timezone.now())

    assert asked("copilot_tenants_with_work") == {other_tenant.id}


def test_a_run_that_somebody_holds_is_no_work(tenant: Tenant) -> None:
    incident = incident_of(tenant)
    with tenant_scope(tenant.id):
        held = timezone.now() + timedelta(seconds=30)
        Run.objects.create(tenant=tenant, incident=incident, sequence=1, lease_until=held)

    assert asked("copilot_tenants_with_work") == set()


def test_the_setting_by_which_the_function_reads_opens_nothing_to_the_application(tenant: Tenant) -> None:
    incident_of(tenant, publish_wanted_at=timezone.now())

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.across', 'copilot_tenants_with_work', true)")
        cursor.execute("SELECT count(*) FROM copilot_incident")
        assert cursor.fetchone() == (0,)


def test_the_function_reads_no_table_that_its_caller_slipped_in(tenant: Tenant) -> None:
    """A temporary table of the same name would be found first, were the search path not fixed."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE copilot_question (tenant_id uuid, status text, lease_until timestamptz)")
        cursor.execute("INSERT INTO copilot_question VALUES (%s, 'waiting', now())", [uuid4()])
        cursor.execute("SELECT * FROM copilot_tenants_with_work()")
        assert cursor.fetchall() == []
        cursor.execute("DROP TABLE pg_temp.copilot_question")


@pytest.mark.parametrize("function", ["copilot_tenants_with_work", "copilot_backlog", "slackbot_tenants_with_work"])
def test_only_the_products_own_roles_may_ask(function: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(array_agg(DISTINCT right_.grantee::regrole::text ORDER BY right_.grantee::regrole::text), '{}'),"
            " bool_and(prosecdef) FROM pg_proc, aclexplode(proacl) AS right_ WHERE proname = %s",
            [function],
        )
        assert cursor.fetchone() == (["copilot_app", "copilot_owner", "copilot_staff"], True)


def test_few_tenants_are_all_looked_at_each_time() -> None:
    few = [uuid4() for _ in range(rounds.AT_LEAST)]

    assert list(rounds.in_turn(few, 12345)) == few
    assert list(rounds.in_turn([], 0)) == []


@pytest.mark.parametrize("many", [21, 120, 2400, 2401, 10_007])
def test_every_tenant_has_its_turn_within_the_turns(many: int) -> None:
    known = [UUID(int=number) for number in range(many)]
    turns = [rounds.in_turn(known, sweep) for sweep in range(77, 77 + rounds.TURNS)]

    assert {tenant_id for turn in turns for tenant_id in turn} == set(known)
    assert max(map(len, turns)) == max(rounds.AT_LEAST, -(-many // rounds.TURNS))
