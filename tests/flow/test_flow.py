"""A run's state machine: who may work on it, what a lost worker leaves behind, and when it ends."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from django.db import DatabaseError, connection
from django.utils import timezone

from copilot import faces, flow, investigations
from copilot.config import config
from copilot.guard import tenancy
from copilot.guard.tenancy import tenant_scope
from copilot.hints import Work
from copilot.knowledge import incident_reader
from copilot.models import EvidenceRecord, Hypothesis, Incident, RankingRecord, Run, Stage, StageResult
from copilot.stages import gather
from copilot.stages.claim import Outcome
from copilot.stages.rank import rescore
from scoring.observations import Change, ChangeKind, Entity, EntityKind
from tests.flow.test_correlate import event, happen
from tests.waiting import PATIENCE, until

if TYPE_CHECKING:
    from copilot.models import Service, Tenant

pytestmark = pytest.mark.usefixtures("hints")


class Witness:
    """A face that only notes what it was asked to show."""

    slug = "witness"
    title = "Witness"
    loads = ()

    def __init__(self) -> None:
        self.shown: list[tuple[UUID, str]] = []
        self.trouble: Exception | None = None

    def publish(self, tenant_id: UUID, incident_id: UUID) -> None:
        if self.trouble:
            raise self.trouble
        self.shown.append((incident_id, incident_reader.read(tenant_id, incident_id).stage))

    def tell_of_week(self, tenant_id: UUID) -> bool:
        return False

    def with_work(self) -> list[UUID]:
        return []

    def unfinished(self, tenant_id: UUID) -> list[UUID]:
        return []

    def owed(self, tenant_id: UUID) -> list[UUID]:
        return []


@pytest.fixture
def witness(monkeypatch: pytest.MonkeyPatch) -> Witness:
    only = Witness()
    monkeypatch.setattr(faces, "_faces", {"witness": only})
    return only


@pytest.fixture
def run(committed_db: str, tenant: Tenant, checkout: Service, witness: Witness) -> Run:
    """A fresh run of a paged incident."""
    (moved,) = happen(tenant, event(title="High p95 latency on checkout", started_minute=0))
    return reload(tenant, moved.run_id)


def reload(tenant: Tenant, run_id: UUID | None) -> Run:
    assert run_id is not None
    with tenant_scope(tenant.id):
        return Run.objects.select_related("incident").get(id=run_id)


def expire(tenant: Tenant, run: Run) -> None:
    with tenant_scope(tenant.id):
        Run.objects.filter(id=run.id).update(
            lease_until=timezone.now() - timedelta(seconds=1), not_before=timezone.now()
        )


def test_a_run_goes_through_its_stages_and_shows_itself(tenant: Tenant, run: Run, witness: Witness) -> None:
    assert flow.advance(tenant.id, run.id) == Stage.DONE

    after = reload(tenant, run.id)
    assert (after.stage, after.error) == ("done", "")
    assert after.finished_at is not None
    with tenant_scope(tenant.id):
        assert list(StageResult.objects.order_by("id").values_list("stage", flat=True)) == [
            "open",
            "gather",
            "propose",
            "rank",
            "post",
        ]
        assert Incident.objects.get().publish_wanted_at is None
    assert witness.shown == [(run.incident_id, "open"), (run.incident_id, "post")]


def test_without_any_source_the_answer_is_honest(tenant: Tenant, run: Run) -> None:
    flow.advance(tenant.id, run.id)

    briefing = incident_reader.read(tenant.id, run.incident_id)
    assert briefing.verdict in {"inconclusive", "no fault seen"}
    assert briefing.model_note != ""


def test_a_change_that_nothing_connects_with_the_page_is_suggested_to_nobody(
    tenant: Tenant, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = run.incident.alert_at.timestamp() - 240
    blog = Entity(EntityKind.SERVICE, "blog", "", "blog")
    deploy = Change(blog, ChangeKind.DEPLOYMENT, at, "blog v9", "deploys", version="v9")
    monkeypatch.setattr(gather, "changes_between", lambda *_, **__: [deploy])

    flow.advance(tenant.id, run.id)

    briefing = incident_reader.read(tenant.id, run.incident_id)
    assert (briefing.verdict, briefing.hypotheses) == ("inconclusive", ())
    assert briefing.explanation == "Nothing that was seen points to a cause."
    (light,) = briefing.weighed_light
    assert light == (
        "blog v9 deployed 4 min before the onset, but no data shows that anything at blog went wrong, and checkout is not known"
        " to need it"
    )
    assert "read the logs of checkout: kubectl" in briefing.next_check
    assert rescore(tenant.id, run.id).is_equal


def test_recomputing_a_ranking_gives_equal_bytes(tenant: Tenant, run: Run) -> None:
    flow.advance(tenant.id, run.id)

    done = rescore(tenant.id, run.id)
    assert done.is_equal
    assert done.recomputed.startswith("{")


def test_of_many_workers_exactly_one_wins(tenant: Tenant, run: Run) -> None:
    def attempt(_: int) -> bool:
        try:
            return flow.claim(tenant.id, run.id) is not None
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=12) as pool:
        assert sum(pool.map(attempt, range(12))) == 1


def test_a_claimed_run_is_left_alone_until_its_lease_ends(tenant: Tenant, run: Run) -> None:
    assert flow.claim(tenant.id, run.id) is not None
    assert flow.advance(tenant.id, run.id) is None

    expire(tenant, run)
    assert flow.advance(tenant.id, run.id) == Stage.DONE


def test_a_process_that_froze_with_a_run_locked_holds_up_nobody(
    tenant: Tenant, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped between a change and its commit, it would keep the row for as long as it is frozen."""
    monkeypatch.setattr(tenancy, "IDLE_SECONDS", 0.2)
    frozen, thawed = threading.Event(), threading.Event()
    said: list[str] = []

    def freeze() -> None:
        try:
            with tenant_scope(tenant.id):
                Run.objects.filter(id=run.id).update(error="half-way")
                frozen.set()
                thawed.wait(PATIENCE)
                Run.objects.filter(id=run.id).update(error="too late")
        except DatabaseError as error:
            said.append(str(error))
        finally:
            connection.close()

    thread = threading.Thread(target=freeze)
    thread.start()
    assert frozen.wait(PATIENCE)
    try:
        taken = flow.claim(tenant.id, run.id)
    finally:
        thawed.set()
        thread.join(PATIENCE)

    assert taken is not None
    assert "idle-in-transaction timeout" in said[0]
    assert reload(tenant, run.id).error == ""


def test_a_late_workers_result_is_thrown_away(tenant: Tenant, run: Run) -> None:
    first = flow.claim(tenant.id, run.id)
    expire(tenant, run)
    second = flow.claim(tenant.id, run.id)
    assert first is not None
    assert second is not None

    assert flow._finish(first, Outcome({"who": "first"}), timezone.now()) is None
    assert flow._finish(second, Outcome({"who": "second"}), timezone.now()) == Stage.GATHER
    with tenant_scope(tenant.id):
        assert StageResult.objects.get(stage="open").output == {"who": "second"}


def test_what_a_stage_writes_and_the_next_stage_are_one_transaction(tenant: Tenant, run: Run) -> None:
    taken = flow.claim(tenant.id, run.id)
    assert taken is not None

    def write() -> None:
        EvidenceRecord.objects.create(
            run=run, reference="E1", position=1, kind="metric", service="checkout", entity="checkout",
            indicator="latency_p95", statement="slow", severity=1, direction="for", source="prometheus",
        )  # fmt: skip
        raise RuntimeError("died while writing")

    with pytest.raises(RuntimeError):
        flow._finish(taken, Outcome({}, write), timezone.now())

    assert reload(tenant, run.id).stage == "open"
    with tenant_scope(tenant.id):
        assert EvidenceRecord.objects.count() == 0
        assert StageResult.objects.count() == 0


def test_a_stage_that_fails_is_tried_again_and_then_given_up(
    tenant: Tenant, run: Run, witness: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Outcome:
        raise ConnectionError("no route")

    monkeypatch.setitem(flow.WORK, Stage.GATHER, broken)
    for _ in range(config().max_attempts):
        flow.advance(tenant.id, run.id)
        expire(tenant, run)

    after = reload(tenant, run.id)
    assert (after.stage, after.error) == ("failed", "ConnectionError: no route")
    assert witness.shown[-1] == (run.incident_id, "failed")


def test_a_failed_stage_waits_longer_each_time(tenant: Tenant, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Outcome:
        raise ConnectionError("no route")

    monkeypatch.setitem(flow.WORK, Stage.OPEN, broken)
    for seconds in (1, 2, 4):
        before = timezone.now()
        flow.advance(tenant.id, run.id)
        after = timezone.now()
        assert before <= reload(tenant, run.id).not_before - timedelta(seconds=seconds) <= after
        expire(tenant, run)


def test_a_stage_that_kills_its_worker_every_time_is_given_up(tenant: Tenant, run: Run) -> None:
    for _ in range(config().max_attempts):
        assert flow.claim(tenant.id, run.id) is not None
        expire(tenant, run)

    assert flow.advance(tenant.id, run.id) == Stage.FAILED
    assert reload(tenant, run.id).error == "the work on this stage was lost too often"


def test_a_heartbeat_keeps_a_long_stages_lease(tenant: Tenant, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "config", lambda: config().model_copy(update={"lease_seconds": 3.0}))
    taken_by_others: list[bool] = []

    def is_longer(lease: datetime) -> bool:
        return bool(reload(tenant, run.id).lease_until > lease)

    def slow(*_: Any) -> Outcome:
        for _round in range(2):
            until(partial(is_longer, reload(tenant, run.id).lease_until), what="a longer lease")
            taken_by_others.append(flow.claim(tenant.id, run.id) is not None)
        return Outcome({"slow": True})

    monkeypatch.setitem(flow.WORK, Stage.OPEN, slow)
    flow.advance(tenant.id, run.id)

    assert taken_by_others == [False] * 2
    with tenant_scope(tenant.id):
        assert StageResult.objects.get(stage="open").output == {"slow": True}


def test_a_face_in_trouble_never_holds_up_a_run_and_is_tried_again(tenant: Tenant, run: Run, witness: Witness) -> None:
    witness.trouble = ConnectionError("Slack is down")
    assert flow.advance(tenant.id, run.id) == Stage.DONE
    with tenant_scope(tenant.id):
        waiting = Incident.objects.get()
        assert waiting.publish_wanted_at is not None
        assert waiting.publish_attempts >= 1

    witness.trouble = None
    flow.publish(tenant.id, run.incident_id)
    with tenant_scope(tenant.id):
        assert Incident.objects.get().publish_wanted_at is None
    assert witness.shown == [(run.incident_id, "done")]


def test_a_change_during_publishing_is_shown_afterwards(tenant: Tenant, run: Run, witness: Witness) -> None:
    flow.want_publish(tenant.id, run.incident_id)
    original = witness.publish

    def interrupted(tenant_id: UUID, incident_id: UUID) -> None:
        original(tenant_id, incident_id)
        flow.want_publish(tenant_id, incident_id)

    witness.publish = interrupted  # type: ignore[method-assign]
    flow.publish(tenant.id, run.incident_id)

    with tenant_scope(tenant.id):
        assert Incident.objects.get().publish_wanted_at is not None


def test_the_sweeper_finds_what_no_worker_holds(tenant: Tenant, run: Run, hints: list[Any]) -> None:
    hints.clear()
    assert flow.sweep() == 2
    assert set(hints) == {
        (Work.ADVANCE, tenant.id, run.id),
        (Work.PUBLISH, tenant.id, run.incident_id),
    }

    hints.clear()
    flow.claim(tenant.id, run.id)
    assert flow.sweep() == 0
    assert hints == []


def test_investigating_again_keeps_the_first_look(tenant: Tenant, run: Run) -> None:
    flow.advance(tenant.id, run.id)
    second = investigations.investigate_again(tenant.id, run.incident_id, asked_by="Alice")
    same = investigations.investigate_again(tenant.id, run.incident_id, asked_by="Bob")

    assert second == same
    assert reload(tenant, second).sequence == 2
    flow.advance(tenant.id, second)
    with tenant_scope(tenant.id):
        assert RankingRecord.objects.count() == 2
        assert incident_reader.read(tenant.id, run.incident_id).run_sequence == 2


def test_a_person_can_ask_about_a_service(
    committed_db: str, tenant: Tenant, checkout: Service, witness: Witness
) -> None:
    run = investigations.investigate(tenant.id, words="checkout", asked_by="Alice").run

    with tenant_scope(tenant.id):
        incident = Incident.objects.get(id=run.incident_id)
    assert (incident.service_id, incident.title, incident.acknowledged_by) == (
        checkout.id,
        "Is checkout well?",
        "Alice",
    )


def test_asking_about_nothing_is_refused(committed_db: str, tenant: Tenant) -> None:
    with pytest.raises(investigations.Refused, match="say what to investigate"):
        investigations.investigate(tenant.id, words="   ", asked_by="Alice")


def test_unknown_incidents_are_refused(committed_db: str, tenant: Tenant) -> None:
    with pytest.raises(LookupError):
        investigations.investigate_again(tenant.id, uuid4(), asked_by="Alice")
    with pytest.raises(LookupError):
        investigations.mute(tenant.id, uuid4(), seconds=60, by="Alice")


def test_a_late_run_is_counted(tenant: Tenant, run: Run) -> None:
    assert flow.audit_late_runs() == 0
    with tenant_scope(tenant.id):
        Run.objects.update(created_at=timezone.now() - timedelta(seconds=config().run_late_seconds + 1))

    assert flow.audit_late_runs() == 1


def test_no_threads_are_left_behind(tenant: Tenant, run: Run) -> None:
    flow.advance(tenant.id, run.id)

    until(lambda: "heartbeat" not in {thread.name for thread in threading.enumerate()}, what="the heartbeat to end")


def test_hypotheses_of_another_tenant_are_not_read(tenant: Tenant, other_tenant: Tenant, run: Run) -> None:
    flow.advance(tenant.id, run.id)

    with pytest.raises(incident_reader.NoSuchIncident):
        incident_reader.read(other_tenant.id, run.incident_id)
    with tenant_scope(other_tenant.id):
        assert Hypothesis.objects.count() == 0
