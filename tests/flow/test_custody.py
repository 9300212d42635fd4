"""What is kept of a tenant: old rows go by themselves, all of it can be taken along, and all of it can be erased."""

from __future__ import annotations

import json
import stat
import tarfile
from collections import Counter
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from django.db import ProgrammingError, models
from django.utils import timezone

from copilot import connections
from copilot.cli.session import Problem
from copilot.cli.tenants import forget_vectors
from copilot.config import config
from copilot.custody import archive
from copilot.custody.erasure import erase
from copilot.custody.retention import forget_of, forget_old
from copilot.custody.tables import tables
from copilot.embedded import OWNER, as_role
from copilot.guard.tenancy import TenantModel, tenant_scope
from copilot.knowledge import memory
from copilot.models import AuditEntry, ChangeRecord, Delivery, EventRecord, Incident, Run, Stage, Tenant
from copilot.stages.correlate import start_run
from tests.conftest import point_at
from tests.flow.admin_world import FOREIGN, World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# What a tenant set up, and what goes with its owner: these have no age.
STAYS = {
    "Agent", "AgentRequest", "ApiToken", "Connection", "IncidentCounter", "LimitUse", "Membership", "Service", "ServiceDependency", "SlackInstallation", "TopologySurvey",
    "Runbook", "RunbookMemory", "RunbookTerm", "RunbookVector",
}  # fmt: skip
# Append-only: nobody but the tables' owner may delete them.
FOR_EVER = {"AuditEntry"}


def incident(tenant: Tenant, number: int, *, days: float) -> Incident:
    at = timezone.now() - timedelta(days=days)
    with tenant_scope(tenant.id):
        made = Incident.objects.create(
            number=number, title="High p95 latency", source="pagerduty", dedupe_key=f"P{number}", started_at=at,
            alert_at=at, last_event_at=at,
        )  # fmt: skip
        Incident.objects.filter(id=made.id).update(created_at=at)
        run = start_run(made, asked_by="")
        Run.objects.filter(id=run.id).update(stage=Stage.DONE, finished_at=at)
    return made


def left(tenant: Tenant) -> list[int]:
    with tenant_scope(tenant.id):
        return sorted(Incident.objects.values_list("number", flat=True))


# --- by age ----------------------------------------------------------------------------------------------------------


def test_incidents_go_with_all_that_belongs_to_them_when_they_are_old(committed_db: str, tenant: Tenant) -> None:
    for number, days in enumerate((401, 399, 800), start=1):
        incident(tenant, number, days=days)

    assert forget_of(tenant) == Counter({"Incident": 2})

    assert left(tenant) == [2]
    with tenant_scope(tenant.id):
        assert Run.objects.count() == 1


def test_each_tenant_may_say_how_long(committed_db: str, tenant: Tenant, other_tenant: Tenant) -> None:
    Tenant.objects.filter(id=tenant.id).update(keep_days=7)
    Tenant.objects.filter(id=other_tenant.id).update(keep_days=0)
    for one in (tenant, other_tenant):
        incident(one, 1, days=6)
        incident(one, 2, days=8)
        incident(one, 3, days=4000)

    assert forget_old() == 2

    assert (left(tenant), left(other_tenant)) == ([1], [1, 2, 3])


def test_what_somebody_works_on_or_touched_stays(committed_db: str, tenant: Tenant) -> None:
    worked, touched, told_late = (incident(tenant, number, days=500) for number in (1, 2, 3))
    with tenant_scope(tenant.id):
        Incident.objects.filter(id=told_late.id).update(created_at=timezone.now())
        start_run(worked, asked_by="alice")
        Incident.objects.filter(id=touched.id).update(last_event_at=timezone.now())
    assert forget_of(tenant) == Counter()


def test_raw_webhooks_go_sooner_than_what_was_read_from_them(committed_db: str, tenant: Tenant) -> None:
    made = connections.connect(tenant.id, "deploys", {}, actor="test")
    now = timezone.now()
    with tenant_scope(tenant.id):
        for number, (days, handled) in enumerate(((31, True), (31, False), (29, True))):
            row = Delivery.objects.create(
                connection_id=made.connection_id, external_id=f"D{number}", body=b"{}",
                received_at=now - timedelta(days=days), handled_at=now if handled else None,
            )  # fmt: skip
            EventRecord.objects.create(
                delivery=row, source="deploys", kind="change", event_type=f"deploy {number}", dedupe_key="D",
                started_at=now, occurred_at=now,
            )  # fmt: skip

    assert forget_of(tenant) == Counter({"Delivery": 1})

    with tenant_scope(tenant.id):
        assert sorted(Delivery.objects.values_list("external_id", flat=True)) == ["D1", "D2"]
        assert EventRecord.objects.count() == 3


def test_many_rows_go_in_small_transactions(committed_db: str, tenant: Tenant) -> None:
    at = timezone.now() - timedelta(days=500)
    with tenant_scope(tenant.id):
        ChangeRecord.objects.bulk_create(
            ChangeRecord(
                tenant_id=tenant.id, kind="deploy", at=at, title="v1", source="deploys", dedupe_key=str(number)
            )
            for number in range(250)
        )
    assert forget_of(tenant) == Counter({"ChangeRecord": 250})


def test_nothing_goes_where_the_deployment_keeps_all(
    committed_db: str, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident(tenant, 1, days=4000)
    everything = config().model_copy(update={"keep_days": 0, "keep_raw_days": 0})
    monkeypatch.setattr("copilot.limits.config", lambda: everything)
    assert forget_of(tenant) == Counter()


def test_every_table_has_an_age_or_goes_with_another_or_stays_on_purpose() -> None:
    aged = {model for model in tables() if issubclass(model, TenantModel) and model.aged_by}

    def goes(model: Any, seen: frozenset[Any] = frozenset()) -> bool:
        if model in aged:
            return True
        parents = {
            field.related_model
            for field in model._meta.concrete_fields
            if field.is_relation and field.remote_field.on_delete is models.CASCADE and field.name != "tenant"
        }
        return any(goes(one, seen | {model}) for one in parents - seen)

    def stays(model: Any) -> bool:
        owners = {f.related_model.__name__ for f in model._meta.concrete_fields if f.is_relation and f.name != "tenant"}
        return model.__name__ in STAYS | FOR_EVER or bool(owners & STAYS) or not issubclass(model, TenantModel)

    assert [model.__name__ for model in tables() if not goes(model) and not stays(model)] == []
    assert {"Incident", "Delivery", "SeenRequest", "ModelCall"} <= {model.__name__ for model in aged}


# --- taken along -----------------------------------------------------------------------------------------------------


@pytest.fixture
def two_tenants(acme: World, umbrella: World, committed_db: str) -> Iterator[tuple[Tenant, Tenant]]:
    """Two tenants with a row in every table, seen as the app role."""
    point_at(committed_db)
    yield acme.tenant, umbrella.tenant
    point_at(committed_db)


def test_an_archive_holds_every_row_of_one_tenant_and_nothing_that_opens_anything(
    two_tenants: tuple[Tenant, Tenant], tmp_path: Path
) -> None:
    tenant, _ = two_tenants
    opened = connections.connect(tenant.id, "pagerduty", {"webhook_secret": "s3cret-of-acme"}, actor="test", name="two")
    path = tmp_path / "acme.tar.gz"

    counts = archive.write(tenant, path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]
    with tarfile.open(path) as file:
        texts = {one.name: file.extractfile(one).read().decode() for one in file}  # type: ignore[union-attr]
    manifest = json.loads(texts.pop("manifest.json"))
    assert (manifest["tenant"], manifest["rows"]) == ("acme", counts)
    assert {name.removesuffix(".jsonl"): len(text.splitlines()) for name, text in texts.items()} == counts
    assert set(counts) == {model._meta.db_table for model in tables()}
    assert counts["copilot_incident"] >= 1
    assert manifest["left_out"]["copilot_connection"] == ["sealed"]
    assert manifest["left_out"]["copilot_apitoken"] == ["digest"]
    everything = "\n".join(texts.values())
    assert FOREIGN not in everything
    assert "s3cret-of-acme" not in everything
    assert opened.webhook_url.rpartition("/")[2] not in everything
    assert json.loads(texts["copilot_incident.jsonl"].splitlines()[0])["tenant_id"] == str(tenant.id)


def test_an_archive_that_cannot_be_finished_is_not_there(
    two_tenants: tuple[Tenant, Tenant], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archive, "_write_rows", full)
    with pytest.raises(OSError, match="No space"):
        archive.write(two_tenants[0], tmp_path / "acme.tar.gz")
    assert list(tmp_path.iterdir()) == []


# --- erased ----------------------------------------------------------------------------------------------------------


def rows_of(tenant: Tenant) -> dict[str, int]:
    with tenant_scope(tenant.id):
        counted = {model.__name__: model._default_manager.filter(tenant_id=tenant.id).count() for model in tables()}
    return {name: count for name, count in counted.items() if count}


def test_an_erased_tenant_leaves_no_row_and_its_neighbour_all(
    two_tenants: tuple[Tenant, Tenant], committed_db: str
) -> None:
    tenant, other = two_tenants
    before = rows_of(other)
    assert before == {**before, "Incident": before["Incident"], "AuditEntry": before["AuditEntry"]}

    point_at(as_role(committed_db, OWNER))
    gone = erase(tenant)

    assert gone["copilot_incident"] >= 1
    assert gone["copilot_auditentry"] >= 1
    assert rows_of(tenant) == {}
    assert rows_of(other) == before
    assert list(Tenant.objects.values_list("slug", flat=True)) == [other.slug]


def test_the_app_role_cannot_erase_and_nothing_is_half_gone(two_tenants: tuple[Tenant, Tenant]) -> None:
    tenant, _ = two_tenants
    before = rows_of(tenant)
    with pytest.raises(ProgrammingError, match="permission denied"):
        erase(tenant)
    assert rows_of(tenant) == before
    with tenant_scope(tenant.id):
        assert AuditEntry.objects.exists()


def test_what_is_kept_outside_goes_first_and_nothing_goes_where_it_cannot(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgotten: list[tuple[UUID, set[UUID]]] = []
    vectors = {uuid4(), uuid4()}
    kept = SimpleNamespace(ids=lambda _: vectors, forget=lambda *said: forgotten.append(said))
    monkeypatch.setattr(memory, "configured", lambda: kept)

    forget_vectors(tenant)
    assert forgotten == [(tenant.id, vectors)]

    def away(_: UUID) -> set[UUID]:
        raise memory.Forgetful("Pinecone: NotFound")

    kept.ids = away
    with pytest.raises(Problem, match="nothing was erased: the vectors of its runbooks are still there: Pinecone"):
        forget_vectors(tenant)
