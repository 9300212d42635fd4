"""What a tenant may use: its own limits or the deployment's, what is done without at the end of one, and who is told."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from copilot import connections, flow, limits, usage
from copilot.cli import main
from copilot.config import config
from copilot.guard.tenancy import tenant_scope
from copilot.knowledge import incident_reader
from copilot.llm import budget
from copilot.models import (
    AuditEntry,
    Connection,
    Delivery,
    Incident,
    Limit,
    LimitReached,
    LimitUse,
    Role,
    Run,
    SourceCall,
    Tenant,
)
from copilot.stages import economy
from copilot.stages.ingest import ingest
from integrations import registry
from slackbot.blocks.card import root_card
from tests.flow.admin_world import login
from tests.flow.test_correlate import event, happen
from tests.unit.guard.servers import answer, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from uuid import UUID

    from copilot.guard.http import HttpDoor
    from scoring.observations import Gap
    from tests.flow.admin_world import World
    from tests.flow.conftest import PagerDuty

pytestmark = pytest.mark.usefixtures("hints", "no_installation")
MODEL = "claude-sonnet-5-5"
NOON = datetime(2026, 11, 21, 12, 0, 30, tzinfo=UTC)


@pytest.fixture
def no_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command use this process's database."""
    monkeypatch.setattr("copilot.cli.find_installation", lambda _: None)


def allow(tenant: Tenant, **own: float) -> None:
    Tenant.objects.filter(id=tenant.id).update(**own)


def audited(tenant: Tenant) -> list[tuple[str, str]]:
    with tenant_scope(tenant.id):
        return list(AuditEntry.objects.filter(action="limit reached").values_list("target", "actor"))


def card(tenant: Tenant, incident_id: UUID | None) -> str:
    assert incident_id is not None
    return json.dumps(root_card(incident_reader.read(tenant.id, incident_id))[0], ensure_ascii=False)


# --- the limits themselves -------------------------------------------------------------------------------------------


def test_a_tenants_own_limit_comes_before_the_deployments(tenant: Tenant) -> None:
    allow(tenant, runs_per_hour=7, dollars_per_day=0)

    own = limits.limits_for(tenant.id)

    assert (own.runs_per_hour, own.dollars_per_day) == (7, 0)
    settings = config()
    assert (own.webhooks_per_minute, own.evidence_bytes, own.keep_days, own.keep_raw_days) == (
        settings.webhooks_per_minute,
        settings.evidence_megabytes * 1_000_000,
        settings.keep_days,
        settings.keep_raw_days,
    )


def test_a_tenants_runs_have_budgets_of_their_own_and_wait_no_longer_than_the_deployments(
    committed_db: str, tenant: Tenant
) -> None:
    (usual,) = begin(tenant, 1)
    assert (usual.plan["calls"], usual.plan["gather_seconds"]) == (config().calls_per_run, config().gather_seconds)

    allow(tenant, calls_per_run=70, seconds_per_run=5, dollars_per_incident=0.05)
    (lower,) = begin(tenant, 2)
    assert (lower.plan["calls"], lower.plan["gather_seconds"]) == (70, 5)
    assert limits.limits_for(tenant.id).dollars_per_incident == 0.05

    allow(tenant, seconds_per_run=100)
    assert limits.limits_for(tenant.id).seconds_per_run == config().gather_seconds


def test_a_window_is_counted_in_one_row_that_begins_anew_by_the_clock(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        with time_machine.travel(NOON, tick=False):
            counted = [limits.count(Limit.RUNS), limits.count(Limit.RUNS, amount=3), limits.used(Limit.RUNS)]
        with time_machine.travel(NOON + timedelta(hours=1), tick=False):
            assert limits.used(Limit.RUNS) == 0
            counted.append(limits.count(Limit.RUNS))
        assert counted == [1, 4, 4, 1]
        assert LimitUse.objects.count() == 1


def test_a_limit_that_is_reached_often_is_one_row_and_one_audit_entry_a_day(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        for number in range(3):
            limits.reached(Limit.WEBHOOKS, f"{number} wait")

        row = LimitReached.objects.get()
    assert (row.limit, row.times, row.detail) == ("webhooks_per_minute", 3, "2 wait")
    assert audited(tenant) == [("webhooks a minute", "copilot")]


def test_one_tenants_use_is_not_anothers(committed_db: str, tenant: Tenant, other_tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        limits.count(Limit.RUNS, amount=5)
    with tenant_scope(other_tenant.id):
        assert limits.count(Limit.RUNS) == 1
        assert LimitUse.objects.count() == 1


# --- dollars ---------------------------------------------------------------------------------------------------------


def reserve(tenant: Tenant) -> int:
    return budget.reserve(tenant.id, None, model=MODEL, prompt="x" * 1000, max_tokens=1000, prompt_version="1")


def test_a_tenants_own_dollars_bound_the_model(committed_db: str, tenant: Tenant, other_tenant: Tenant) -> None:
    allow(tenant, dollars_per_day=0.01)

    with pytest.raises(budget.BudgetError, match=r"the model's budget for today is used up \(\$0\.00 of \$0\.01\)"):
        reserve(tenant)

    assert audited(tenant) == [("dollars a day", "copilot")]
    assert reserve(other_tenant) > 0
    assert audited(other_tenant) == []


def test_an_incidents_dollars_bound_its_runs_and_no_others(committed_db: str, tenant: Tenant) -> None:
    first, second = begin(tenant, 2)
    allow(tenant, dollars_per_incident=0.02)

    def ask(run: Run) -> int:
        return budget.reserve(tenant.id, run.id, model=MODEL, prompt="x" * 1000, max_tokens=800, prompt_version="1")

    assert ask(first) > 0
    with pytest.raises(budget.BudgetError, match=r"for this incident is used up \(\$0\.01 of \$0\.02\)"):
        ask(first)
    assert ask(second) > 0
    assert audited(tenant) == [("dollars an incident", "copilot")]


# --- runs ------------------------------------------------------------------------------------------------------------


def begin(tenant: Tenant, count: int) -> list[Run]:
    far_apart = (
        event(key=f"P{number}", symptom=f"symptom {number}", started_minute=number * 600, minute=number * 600)
        for number in range(count)
    )
    moved = happen(tenant, *far_apart)
    with tenant_scope(tenant.id):
        return [Run.objects.get(id=one.run_id) for one in moved if one.run_id]


def test_runs_over_the_hours_number_are_made_by_rules_alone_and_say_so(
    committed_db: str, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(tenant, runs_per_hour=1)
    asked: list[str] = []
    monkeypatch.setattr("copilot.stages.propose.llm.propose", lambda *_, **__: asked.append("model"))

    within, over = begin(tenant, 2)
    assert within.plan["economy"] == ""
    assert over.plan["economy"] == "this hour's runs are used up (1)"
    assert flow.advance(tenant.id, over.id) == "done"

    shown = card(tenant, over.incident_id)
    assert "limited: this hour's runs are used up (1): rules alone, and 3 sources at most" in shown
    assert "rules only" in shown
    assert asked == []
    assert audited(tenant) == [("runs an hour", "copilot")]


def test_of_many_sources_those_are_asked_that_said_most_and_do_not_fail(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        known = [
            Connection.objects.create(kind="prometheus", name=name, sealed=b"", health=health)
            for name, health in (("a", "works"), ("b", "works"), ("c", "works"), ("d", "failing"), ("e", "works"))
        ]
        run = begin(tenant, 1)[0]
        for one, said in zip(known, (5, 0, 9, 90, 7), strict=True):
            SourceCall.objects.create(run=run, connection=one, source="prometheus", name=one.name, observations=said)

        assert [one.name for one in economy.most_telling(known)] == ["c", "e", "a"]
        assert economy.most_telling(known[:2]) == known[:2]


# --- what a run asks and reads ---------------------------------------------------------------------------------------


@pytest.fixture
def five_sources(committed_db: str, tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Five Prometheus servers, each of which answers with 400 kB; gives who was asked."""
    asked: list[str] = []

    def gather(_: Any, door: HttpDoor, credentials: Any, *__: Any) -> Iterator[Gap]:
        asked.append(str(credentials.url).rstrip("/").rpartition("/")[2])
        with door.client(str(credentials.url)) as client:
            assert len(client.get("/").content) == 400_000
        yield from ()

    monkeypatch.setattr(type(registry.get("prometheus")), "gather", gather)
    with serving(answer(body=b"x" * 400_000)) as server:
        for name in "abcde":
            values = {"url": f"http://127.0.0.1:{server.port}/{name}"}
            connections.connect(tenant.id, "prometheus", values, actor="test", name=name)
        yield asked


def test_a_run_over_the_hours_number_asks_three_sources_and_tells_of_those_it_left_out(
    tenant: Tenant, five_sources: list[str]
) -> None:
    allow(tenant, runs_per_hour=1)
    _, over = begin(tenant, 2)

    assert flow.advance(tenant.id, over.id) == "done"

    assert sorted(five_sources) == ["a", "b", "c"]
    with tenant_scope(tenant.id):
        left_out = SourceCall.objects.filter(run=over, status="failed").order_by("name")
        told = [(one.name, one.detail) for one in left_out]
    assert told == [(f"Prometheus ({name})", "not asked: this hour's runs are used up (1)") for name in "de"]
    assert incident_reader.read(tenant.id, over.incident_id).gaps == tuple(
        f"prometheus: Prometheus ({name}) – not asked: this hour's runs are used up (1)" for name in "de"
    )


def test_what_the_sources_of_a_run_say_beyond_its_megabytes_is_not_read_and_told(
    tenant: Tenant, five_sources: list[str]
) -> None:
    allow(tenant, evidence_megabytes=1)
    (run,) = begin(tenant, 1)

    assert flow.advance(tenant.id, run.id) == "done"

    assert sorted(five_sources) == list("abcde")
    with tenant_scope(tenant.id):
        statuses = list(SourceCall.objects.filter(run=run).values_list("status", flat=True))
        reasons = set(SourceCall.objects.filter(run=run, status="failed").values_list("detail", flat=True))
    assert statuses.count("failed") >= 3, "a megabyte holds two answers at most"
    assert reasons == {"not read on: all sources together gave 1 MB, the limit"}
    said = "limited: the sources gave the 1 MB that one run may read, and more was not read"
    assert said in card(tenant, run.incident_id)
    assert audited(tenant) == [("megabytes of evidence a run", "copilot")]


def test_a_run_waits_as_long_as_its_tenant_says_and_tells_who_was_late(
    committed_db: str, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(tenant, seconds_per_run=1)
    over = threading.Event()

    def gather(*_: Any) -> Iterator[Gap]:
        over.wait(60)
        yield from ()

    monkeypatch.setattr(type(registry.get("prometheus")), "gather", gather)
    connections.connect(tenant.id, "prometheus", {"url": "http://prometheus.example.org"}, actor="test")
    (run,) = begin(tenant, 1)
    try:
        assert flow.advance(tenant.id, run.id) == "done"
    finally:
        over.set()

    shown = card(tenant, run.incident_id)
    assert "limited: this tenant's runs wait 1 s for their sources, and Prometheus had not answered by then" in shown
    assert audited(tenant) == [("seconds a run", "copilot")]


# --- webhooks --------------------------------------------------------------------------------------------------------


def deliver(tenant: Tenant, pagerduty: PagerDuty, numbers: range, *, connection_id: UUID | None = None) -> None:
    with tenant_scope(tenant.id):
        for number in numbers:
            began = NOON - timedelta(hours=1000 - 10 * number)
            page = pagerduty.event(
                incident=f"P{number}", title=f"Alert {number}", at=began, created_at=began.isoformat()
            )
            Delivery.objects.create(
                connection_id=connection_id or pagerduty.connection_id,
                external_id=f"{connection_id}{number}",
                body=json.dumps(page).encode(),
                headers={"content-type": "application/json"},
                received_at=NOON + timedelta(milliseconds=number),
                not_before=NOON,
            )


def handled(tenant: Tenant) -> int:
    with tenant_scope(tenant.id):
        return Delivery.objects.filter(handled_at__isnull=False).count()


def test_webhooks_over_the_rate_wait_for_the_next_minute_in_their_order(
    committed_db: str, tenant: Tenant, pagerduty: PagerDuty
) -> None:
    allow(tenant, webhooks_per_minute=2)
    deliver(tenant, pagerduty, range(5))
    seen = []
    for minute in range(3):
        with time_machine.travel(NOON + timedelta(minutes=minute), tick=False):
            ingest(tenant.id)
            seen.append(handled(tenant))
            assert ingest(tenant.id).handled == 0, "nothing is eligible until the next minute"
    assert seen == [2, 4, 5]

    with tenant_scope(tenant.id):
        assert [one.title for one in Incident.objects.order_by("number")] == [f"Alert {n}" for n in range(5)]
        row, last = LimitReached.objects.get(), Incident.objects.get(number=5)
    assert (row.times, row.detail) == (2, "waiting for the next minute: 1 of pagerduty; 2 a minute are taken in")
    assert "limited: taken in 120 s late, as more than 2 webhooks a minute came" in card(tenant, last.id)
    assert audited(tenant) == [("webhooks a minute", "copilot")]


def test_a_noisy_connection_does_not_hold_up_a_quiet_one(
    committed_db: str, tenant: Tenant, pagerduty: PagerDuty, connect_pagerduty: Callable[[Tenant], PagerDuty]
) -> None:
    allow(tenant, webhooks_per_minute=4)
    with tenant_scope(tenant.id):
        noisy = Connection.objects.get(id=pagerduty.connection_id)
        quiet = Connection.objects.create(kind="pagerduty", name="quiet", sealed=noisy.sealed)
    deliver(tenant, pagerduty, range(10))
    deliver(tenant, pagerduty, range(20, 22), connection_id=quiet.id)

    with time_machine.travel(NOON, tick=False):
        ingest(tenant.id)

    with tenant_scope(tenant.id):
        taken = Delivery.objects.filter(handled_at__isnull=False)
        assert (taken.filter(connection=noisy).count(), taken.filter(connection=quiet).count()) == (4, 2)


def test_without_a_limit_nothing_waits_and_nothing_is_counted(
    committed_db: str, tenant: Tenant, pagerduty: PagerDuty
) -> None:
    allow(tenant, webhooks_per_minute=0)
    deliver(tenant, pagerduty, range(5))
    with time_machine.travel(NOON, tick=False):
        assert ingest(tenant.id).handled == 5
    with tenant_scope(tenant.id):
        assert not LimitUse.objects.filter(limit=Limit.WEBHOOKS).exists()


# --- where people see and set them -----------------------------------------------------------------------------------


def test_the_command_shows_and_sets_them_and_writes_it_down(
    committed_db: str, tenant: Tenant, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(*words: str) -> Any:
        capsys.readouterr()
        assert main(["tenant", "limits", tenant.slug, "--json", *words]) == 0
        said = capsys.readouterr().out
        return json.loads(said[said.index("{\n") :])

    assert told()["runs_per_hour"] == {"limit": config().runs_per_hour, "own": False, "used": 0.0}
    assert told("--set", "runs_per_hour=9", "--set", "dollars_per_day=2.5")["dollars_per_day"] == {
        "limit": 2.5,
        "own": True,
        "used": 0.0,
    }
    assert told("--set", "runs_per_hour=")["runs_per_hour"]["own"] is False
    with tenant_scope(tenant.id):
        entries = AuditEntry.objects.filter(action="set limits").order_by("id")
        assert [one.detail for one in entries] == [
            {"runs_per_hour": 9, "dollars_per_day": 2.5},
            {"runs_per_hour": None},
        ]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("runs=3", "there is no limit 'runs'; there are dollars_per_day, runs_per_hour"),
        ("runs_per_hour=many", "runs_per_hour takes a number, as in --set runs_per_hour=10; 'many' is none"),
        ("dollars_per_day=inf", "dollars_per_day takes a number, as in --set dollars_per_day=10; 'inf' is none"),
        ("dollars_per_day=1e999", "dollars_per_day takes a number, as in --set dollars_per_day=10; '1e999' is none"),
        ("dollars_per_day=-1", "dollars_per_day: Ensure this value is greater than or equal to 0"),
    ],
)
def test_a_limit_that_is_none_is_refused(
    committed_db: str, tenant: Tenant, capsys: pytest.CaptureFixture[str], given: str, said: str
) -> None:
    assert main(["tenant", "limits", tenant.slug, "--set", given]) != 0
    assert said in capsys.readouterr().err


def test_a_standing_tells_what_is_used_and_what_is_reached(tenant: Tenant) -> None:
    allow(tenant, runs_per_hour=2)
    tenant.refresh_from_db()
    with tenant_scope(tenant.id):
        limits.count(Limit.RUNS, amount=2)
        limits.reached(Limit.RUNS, "run 3")
    standing = {one.limit: one for one in usage.read(tenant)}
    runs = standing[Limit.RUNS]
    assert (runs.bound, runs.spent, runs.is_own, runs.is_reached) == (2, 2.0, True, True)
    assert runs.last is not None
    assert runs.last.detail == "run 3"
    assert standing[Limit.EVIDENCE].spent is None


def test_the_admin_shows_them_to_a_tenants_people_and_lets_the_deployments_people_set_them(
    acme: World, browser: Callable[[Role], Client]
) -> None:
    with tenant_scope(acme.tenant.pk):
        limits.reached(Limit.RUNS, "run 301 of an hour that has 300")
    page = reverse("admin:copilot_tenant_change", args=[acme.tenant.pk])

    shown = browser(Role.ADMIN).get(page).content.decode()
    assert "run 301 of an hour that has 300" in shown
    assert "runs an hour: limit reached today" in shown
    assert 'name="keep_days"' in shown
    assert 'name="runs_per_hour"' not in shown

    root = Client()
    root.force_login(login("root", is_superuser=True))
    form = {
        "name": "Acme", "default_role": "responder", "digest_hour": "8", "time_zone": "UTC", "runs_per_hour": "12", "people-TOTAL_FORMS": "0",
        "people-INITIAL_FORMS": "0",
    }  # fmt: skip
    assert root.post(page, form).status_code == 302
    acme.tenant.refresh_from_db()
    assert (acme.tenant.runs_per_hour, acme.tenant.dollars_per_day) == (12, None)
    entry = AuditEntry.objects.filter(tenant=acme.tenant, action="change tenant").latest("id")
    assert "Runs per hour" in str(entry.detail)
