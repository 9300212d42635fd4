"""A tenant's topology in its rows: what people and sources say of it, how it ages, and what an incident makes of it."""

from __future__ import annotations

import argparse
import io
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from copilot import services
from copilot.cli import topology as command
from copilot.cli.session import Problem
from copilot.guard.tenancy import tenant_scope
from copilot.models import AuditEntry, Connection, Incident, Service, ServiceDependency, Tenant, TopologySurvey
from copilot.stages.neighbourhood import neighbourhood
from copilot.topology import document, loading, reading, records
from integrations.survey import Call, Survey, Thing
from scoring.observations import Dependency, Entity, EntityKind

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("db")
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)

CHECKOUT = Thing("checkout", namespace="shop", workload="checkout")
PAYMENTS = Thing("payments", namespace="shop", workload="payments-v2")
BANK = Thing("bank.example.org", EntityKind.EXTERNAL)
ORDERS_DB = Thing("orders-db", EntityKind.DATABASE)
SEEN = Survey(
    things=(CHECKOUT, PAYMENTS),
    calls=(
        Call(CHECKOUT, PAYMENTS, "kubernetes environment", "PAYMENTS_URL of deployment checkout"),
        Call(PAYMENTS, BANK, "kubernetes environment", "BANK of deployment payments-v2"),
        Call(PAYMENTS, ORDERS_DB, "kubernetes environment"),
    ),
    namespaces=("shop",),
)


def arrows(tenant: Tenant, now: datetime = NOW) -> list[tuple[str, str, tuple[str, ...], bool]]:
    return [(one.caller, one.callee, one.sources, one.is_stale) for one in reading.read(tenant.id, now=now).edges]


def record(
    tenant: Tenant, told: Survey = SEEN, *, kind: str = "kubernetes", days: float = 0, **more: Any
) -> records.Recorded:
    return records.record(tenant.id, told, kind=kind, at=NOW + timedelta(days=days), **more)


def answered(tenant: Tenant, kind: str, *, days: float) -> None:
    """Say when a source of this kind last answered."""
    with tenant_scope(tenant.id):
        row, _ = Connection.objects.get_or_create(kind=kind, defaults={"sealed": b""})
        at = NOW + timedelta(days=days)
        TopologySurvey.objects.update_or_create(connection=row, defaults={"tried_at": at, "answered_at": at})


# --- what sources see ------------------------------------------------------------------------------------------------


def test_what_a_source_sees_is_found_or_matched_to_what_people_set_up(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        Service.objects.create(name="Payment service", namespace="shop", workload="payments-v2", channel="#pay")

    assert record(tenant) == records.Recorded(
        services=4, arrows=3, new_services=("bank.example.org", "checkout", "orders-db"), new_arrows=3
    )

    with tenant_scope(tenant.id):
        rows = {
            one.name: (one.kind, one.namespace, one.workload, one.origin, one.seen_at) for one in Service.objects.all()
        }
    assert rows == {
        "Payment service": ("service", "shop", "payments-v2", "", NOW),
        "checkout": ("service", "shop", "checkout", "kubernetes environment", NOW),
        "bank.example.org": ("external", "", "", "kubernetes environment", NOW),
        "orders-db": ("database", "", "", "kubernetes environment", NOW),
    }
    assert arrows(tenant) == [
        ("Payment service", "bank.example.org", ("kubernetes environment",), False),
        ("Payment service", "orders-db", ("kubernetes environment",), False),
        ("checkout", "Payment service", ("kubernetes environment",), False),
    ]


def test_each_source_keeps_its_own_sighting_with_its_age(tenant: Tenant) -> None:
    record(tenant)
    traced = Survey(calls=(Call(Thing("checkout"), Thing("payments"), "jaeger", "120 calls"),))
    record(tenant, traced, kind="jaeger", days=2)
    record(tenant, days=3)

    edge = reading.read(tenant.id, now=NOW + timedelta(days=3)).edge("checkout", "payments")

    assert edge is not None
    assert [(one.source, one.detail, one.first_seen_at - NOW, one.last_seen_at - NOW) for one in edge.sightings] == [
        ("jaeger", "120 calls", timedelta(days=2), timedelta(days=2)),
        ("kubernetes environment", "PAYMENTS_URL of deployment checkout", timedelta(0), timedelta(days=3)),
    ]  # fmt: skip


def test_the_same_name_in_another_namespace_is_another_service(tenant: Tenant) -> None:
    here, there = Thing("cache", namespace="shop", workload="cache"), Thing("cache", namespace="auth", workload="cache")
    record(tenant, Survey(things=(here, there), calls=(Call(CHECKOUT, here, "kubernetes environment"),)))
    again = record(tenant, Survey(calls=(Call(CHECKOUT, there, "jaeger"),)), kind="jaeger")

    assert again.new_services == ()
    assert arrows(tenant) == [
        ("checkout", "cache", ("jaeger",), False),
        ("checkout", "cache.shop", ("kubernetes environment",), False),
    ]


def test_names_that_cannot_be_kept_are_left_out_and_counted(tenant: Tenant) -> None:
    odd = tuple(Call(CHECKOUT, Thing(name), "jaeger") for name in ("shop/odd", "n" * 121, "  ", "nul\x00"))

    assert record(tenant, Survey(calls=odd), kind="jaeger") == records.Recorded(
        services=1, arrows=0, new_services=("checkout",), new_arrows=0, left_out=4
    )


def test_where_users_come_in_is_noted_taken_back_and_never_against_people(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        Service.objects.create(name="told", namespace="shop", entrance="file")
    record(
        tenant,
        Survey(things=(Thing("web", namespace="shop", entrance="kubernetes ingress"), CHECKOUT), namespaces=("shop",)),
    )

    def users() -> dict[str, str]:
        return {one.name: one.entrance for one in reading.read(tenant.id).nodes.values()}

    assert users() == {"checkout": "", "told": "file", "web": "kubernetes ingress"}
    record(tenant, Survey(things=(CHECKOUT,), namespaces=("auth",)), days=1)
    assert users()["web"] == "kubernetes ingress"
    record(tenant, Survey(things=(CHECKOUT,), namespaces=("shop",)), days=1)
    assert users() == {"checkout": "", "told": "file", "web": ""}


def test_an_entrance_goes_with_its_ingress_also_where_people_gave_no_namespace(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        Service.objects.create(name="web", channel="#web")

    def entrance(told: str, *, whole: tuple[str, ...]) -> str:
        record(
            tenant, Survey(things=(Thing("web", namespace="shop", workload="web", entrance=told),), namespaces=whole)
        )
        return reading.read(tenant.id).nodes["web"].entrance

    assert entrance("kubernetes ingress", whole=("shop",)) == "kubernetes ingress"
    # Another namespace was read whole, or this one was read in part: nothing is known to be gone.
    assert entrance("", whole=("auth",)) == "kubernetes ingress"
    assert entrance("", whole=()) == "kubernetes ingress"
    assert entrance("", whole=("shop",)) == ""


# --- age -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "stale"), [(6.9, False), (7.1, True), (29.9, True)], ids=["within a week", "after a week", "within a month"]
)  # fmt: skip
def test_an_arrow_that_its_source_sees_no_more_is_stale_after_a_week(asked: float, stale: bool, tenant: Tenant) -> None:
    record(tenant)
    answered(tenant, "kubernetes", days=asked)
    with tenant_scope(tenant.id):
        records.forget(NOW + timedelta(days=asked))

    found = reading.read(tenant.id, now=NOW + timedelta(days=asked))

    assert [one.is_stale for one in found.edges] == [stale] * 3


def test_after_a_month_it_is_gone_with_services_that_were_only_found(tenant: Tenant) -> None:
    services.put(tenant.id, "payments", {}, needs=["ledger"], actor="dana")
    record(tenant)
    with tenant_scope(tenant.id):
        paged = Service.objects.get(name="orders-db")
        Incident.objects.create(
            number=1, title="Slow", service=paged, source="test", dedupe_key="P1", started_at=NOW, alert_at=NOW, last_event_at=NOW
        )  # fmt: skip
    answered(tenant, "kubernetes", days=30.1)

    record(tenant, Survey(calls=(Call(Thing("a"), Thing("b"), "kubernetes environment"),)), days=30.1)

    assert arrows(tenant, NOW + timedelta(days=30.1)) == [
        ("a", "b", ("kubernetes environment",), False), ("payments", "ledger", ("declared",), False),
    ]  # fmt: skip
    # What people set up stays, and what has an incident.
    assert list(reading.read(tenant.id).nodes) == ["a", "b", "ledger", "orders-db", "payments"]


def test_a_source_that_is_silent_makes_nothing_old(tenant: Tenant) -> None:
    record(tenant)
    answered(tenant, "kubernetes", days=1)

    traced = Survey(calls=(Call(CHECKOUT, PAYMENTS, "jaeger"),))
    record(tenant, traced, kind="jaeger", days=60)

    assert [one[3] for one in arrows(tenant, NOW + timedelta(days=60))] == [False, False, False]


# --- what an incident makes of it ------------------------------------------------------------------------------------


def test_an_incident_is_asked_about_along_the_graph_and_ranked_by_what_is_fresh(tenant: Tenant) -> None:
    record(tenant)
    old = Survey(calls=(Call(CHECKOUT, Thing("mailer"), "jaeger"),))
    record(tenant, old, kind="jaeger", days=-8)
    with tenant_scope(tenant.id):
        incident = Incident.objects.create(
            number=1, title="Slow", service=Service.objects.get(name="checkout"), source="test", dedupe_key="P1",
            started_at=NOW, alert_at=NOW, last_event_at=NOW,
        )  # fmt: skip
        answered(tenant, "jaeger", days=0)
        around = neighbourhood(incident)

    checkout = Entity(EntityKind.SERVICE, "checkout", "shop", "checkout")
    payments = Entity(EntityKind.SERVICE, "payments", "shop", "payments")
    # Nearest first; the stale callee comes with the others; nobody asks the outside party anything.
    assert [one.name for one in around.neighbours] == ["payments", "orders-db", "mailer"]
    assert around.dependencies == (
        Dependency(checkout, payments, "kubernetes environment"),
        Dependency(payments, Entity(EntityKind.EXTERNAL, "bank.example.org"), "kubernetes environment"),
        Dependency(payments, Entity(EntityKind.DATABASE, "orders-db"), "kubernetes environment"),
    )


# --- the wall --------------------------------------------------------------------------------------------------------


def test_another_tenant_sees_nothing_of_it_and_has_names_of_its_own(tenant: Tenant, other_tenant: Tenant) -> None:
    record(tenant)

    assert reading.read(other_tenant.id).nodes == {}
    assert record(other_tenant).new_arrows == 3
    with tenant_scope(other_tenant.id):
        Service.objects.filter(name="checkout").delete()
    assert len(arrows(other_tenant)) == 2
    assert len(arrows(tenant)) == 3


# --- the file --------------------------------------------------------------------------------------------------------

FIRST = """\
services:
  web: {namespace: shop, user_facing: true, needs: [checkout]}
  checkout:
    namespace: shop
    needs:
      - service: orders-db
        why: orders are kept there
  orders-db: {kind: database}
"""


def load(tenant: Tenant, text: str, **more: Any) -> loading.Loaded:
    return loading.load(tenant.id, document.parse(text), actor="dana", **more)


def test_a_file_is_brought_in_whole_and_its_next_version_takes_back_what_it_no_longer_says(tenant: Tenant) -> None:
    record(tenant)

    first = load(tenant, FIRST)
    again = load(tenant, FIRST)
    second = load(tenant, "services:\n  web: {namespace: shop, user_facing: false}\n  checkout: {needs: [payments]}\n")

    assert (first.added, first.changed, first.drawn) == (
        ["web"], ["checkout", "orders-db"], [("checkout", "orders-db"), ("web", "checkout")],
    )  # fmt: skip
    assert (again.unchanged, again.drawn, again.removed) == (["web", "checkout", "orders-db"], [], [])
    assert (second.changed, second.drawn, second.removed) == (
        ["web"], [("checkout", "payments")], [("checkout", "orders-db"), ("web", "checkout")],
    )  # fmt: skip
    # What the cluster sees is left alone, and agrees with the file now.
    assert ("checkout", "payments", ("file", "kubernetes environment"), False) in arrows(tenant)
    with tenant_scope(tenant.id):
        assert Service.objects.get(name="checkout").origin == ""
        assert AuditEntry.objects.filter(action="load topology", actor="dana").count() == 3


def test_a_file_says_which_folders_hold_a_services_code(tenant: Tenant) -> None:
    load(tenant, "services:\n  checkout: {repository: acme/shop, paths: [services/checkout, libs/cart]}\n")
    kept = load(tenant, "services:\n  checkout: {repository: acme/shop}\n")

    with tenant_scope(tenant.id):
        row = Service.objects.get()
    assert (row.paths, row.scope.paths) == (["services/checkout", "libs/cart"], ("services/checkout", "libs/cart"))
    assert kept.unchanged == ["checkout"]


def test_a_file_that_is_wrong_anywhere_changes_nothing(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        Service.objects.create(name="other", pagerduty_id="P1")
    text = "services:\n  web: {pagerduty_id: P1}\n  checkout: {needs: [nobody]}\n"

    with pytest.raises(document.WrongTopology) as wrong:
        load(tenant, text)

    assert str(wrong.value) == (
        "line 2: web: pagerduty_id: P1 is already other\n"
        "line 3: checkout needs 'nobody', which is neither in this file nor known; list it under services, with kind: external"
        " where it is not yours"
    )
    assert list(reading.read(tenant.id).nodes) == ["other"]


def test_a_dry_run_says_what_would_change_and_changes_nothing(tenant: Tenant) -> None:
    assert load(tenant, FIRST, dry_run=True).added == ["web", "checkout", "orders-db"]
    assert reading.read(tenant.id).nodes == {}
    with tenant_scope(tenant.id):
        assert not AuditEntry.objects.exists()


# --- the command line ------------------------------------------------------------------------------------------------


def call(tenant: Tenant, **options: Any) -> int:
    given = {"slug": tenant.slug, "json": False, "dry_run": False, "service": "", "png": None, **options}
    return (command.load if "file" in given else command.show)(argparse.Namespace(**given))


def test_the_command_loads_and_shows(tenant: Tenant, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "shop.yaml").write_text(FIRST)
    record(tenant, Survey(calls=(Call(CHECKOUT, Thing("orders-db"), "jaeger"),)), kind="jaeger")

    assert call(tenant, file=str(tmp_path / "shop.yaml")) == 0
    assert capsys.readouterr().out.splitlines() == [
        "+ web", "~ checkout", "~ orders-db", "+ checkout → orders-db", "+ web → checkout",
        "acme: 1 services added, 2 changed, 0 unchanged; 2 arrows drawn, 0 removed",
    ]  # fmt: skip
    assert call(tenant, service="orders-db") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "orders-db database · set up by people" in said
    assert "checkout file; jaeger, " in said
    assert "web file · users come in" in said
    assert "When it fails: 2 services depend on orders-db, 1 of them directly; users meet web." in said
    assert call(tenant) == 0
    assert "3 services, 2 arrows" in capsys.readouterr().out


def test_the_command_draws_a_picture(tenant: Tenant, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record(tenant)

    assert call(tenant, service="payments", png=tmp_path / "p.png") == 0

    assert (tmp_path / "p.png").read_bytes()[:4] == b"\x89PNG"
    assert (
        "p.png: Graph of 4 services around payments. payments needs bank.example.org, orders-db."
        in capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"png": "x.png"}, "--png needs a SERVICE: a picture shows what is around one"),
        ({"file": "/nowhere.yaml"}, "/nowhere.yaml cannot be read: No such file or directory"),
        ({"service": "chekout"}, "there is no service 'chekout'; did you mean checkout?"),
        ({"service": "zzz"}, "there is no service 'zzz'; `copilot service list acme` names them"),
    ],
)
def test_the_command_says_what_to_do(options: dict[str, str], said: str, tenant: Tenant) -> None:
    record(tenant, Survey(things=(CHECKOUT,)))

    with pytest.raises(Problem) as problem:
        call(tenant, **options)

    assert str(problem.value) == said


def test_a_wrong_file_is_refused_with_its_lines(tenant: Tenant, tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text("services:\n  a: {needs: b}\n")

    with pytest.raises(
        Problem, match=r"t\.yaml was not loaded:\n  line 2: a: needs must be a list, not 'b'"
    ) as problem:
        call(tenant, file=str(tmp_path / "t.yaml"))

    assert problem.value.code == 2


def test_standard_input_is_called_that(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("services:\n  a: {needs: b}\n"))

    with pytest.raises(Problem, match=r"^standard input was not loaded:\n  line 2: "):
        call(tenant, file="-")


def test_a_large_file_takes_few_statements_for_its_arrows(tenant: Tenant) -> None:
    names = [f"s{number}" for number in range(15)]
    text = "services:\n" + "".join(
        f"  {one}: {{needs: [{', '.join(x for x in names if x != one)}]}}\n" for one in names
    )

    with CaptureQueriesContext(connection) as first:
        assert len(load(tenant, text).drawn) == 15 * 14
    with CaptureQueriesContext(connection) as again:
        assert load(tenant, text).drawn == []

    for asked in (first, again):
        arrows_of = [one for one in asked.captured_queries if "copilot_servicedependency" in one["sql"]]
        assert len(arrows_of) <= 5


def test_a_declared_arrow_stands_beside_what_was_seen(tenant: Tenant) -> None:
    record(tenant)

    services.put(tenant.id, "checkout", {}, needs=["payments"], actor="dana")

    with tenant_scope(tenant.id):
        rows = ServiceDependency.objects.filter(caller__name="checkout").order_by("source")
        assert [(one.source, one.callee.name) for one in rows] == [
            ("declared", "payments"), ("kubernetes environment", "payments"),
        ]  # fmt: skip
        assert Service.objects.get(name="checkout").origin == ""
