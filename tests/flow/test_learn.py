"""What people say of hypotheses, and how it moves the next similar incident."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest

from copilot.guard.tenancy import tenant_scope
from copilot.knowledge import incident_reader
from copilot.knowledge.precedents import acceptances, precedents
from copilot.models import AuditEntry, Confirmation, EvidenceRecord, Feedback, Hypothesis, Incident, Run
from copilot.stages import learn
from integrations.base import Action
from scoring.evidence import Acceptance, CauseKind, Direction, Evidence, EvidenceKind, Precedent
from scoring.frozen import plain
from scoring.observations import Entity, EntityKind
from scoring.similarity import similarity
from tests.flow.test_correlate import event, happen

if TYPE_CHECKING:
    from collections.abc import Callable

    from copilot.models import Service, Tenant

pytestmark = pytest.mark.usefixtures("hints")

POOL = ("payments", CauseKind.CONNECTION_SATURATION)
DEPLOY = ("catalog", CauseKind.BAD_DEPLOY)
POOL_IS_FULL = Evidence(
    id="E1",
    kind=EvidenceKind.METRIC,
    entity=Entity(EntityKind.SERVICE, "payments", "shop", "payments"),
    indicator="pool_utilisation",
    statement="pool full",
    severity=1.0,
    direction=Direction.FOR,
    source="prometheus",
)


@pytest.fixture
def past(tenant: Tenant, checkout: Service) -> Callable[..., tuple[UUID, list[UUID]]]:
    """Make an incident whose run ended with two hypotheses; gives its id and theirs."""

    def make(key: str, *, minute: float = 0, symptom: str = "high p95 latency") -> tuple[UUID, list[UUID]]:
        (moved,) = happen(tenant, event(key=key, minute=minute, started_minute=minute, symptom=symptom))
        happen(tenant, event(Action.RESOLVED, key=key, minute=minute + 1))
        with tenant_scope(tenant.id):
            assert moved.run_id is not None
            run = Run.objects.get(id=moved.run_id)
            EvidenceRecord.objects.create(
                run=run, reference="E1", position=1, kind="metric", service="payments", entity="payments",
                indicator="pool_utilisation", statement="pool full", severity=1, direction="for", source="prometheus",
                payload=plain(POOL_IS_FULL),
            )  # fmt: skip
            ids = [
                Hypothesis.objects.create(
                    run=run, rank=rank, service=service, entity=service, cause_kind=kind.value, statement=f"{service}: {kind}",
                    origin="rule", confidence=0.6, low=0.5, high=0.7,
                ).id
                for rank, (service, kind) in enumerate((POOL, DEPLOY), start=1)
            ]  # fmt: skip
        assert moved.incident_id is not None
        return moved.incident_id, ids

    return make


def verdict(tenant: Tenant, hypothesis: UUID, value: str, person: str = "U1", **others: str) -> UUID:
    return learn.give_verdict(tenant.id, hypothesis, person=person, person_name=person, value=value, **others)


def history(tenant: Tenant, incident_id: UUID) -> tuple[Precedent, ...]:
    with tenant_scope(tenant.id):
        incident = Incident.objects.select_related("service").get(id=incident_id)
        return precedents(incident, frozenset({("payments", "pool_utilisation")}))


def test_one_verdict_a_person_and_it_can_be_changed_and_taken_back(
    tenant: Tenant, past: Callable[..., tuple[UUID, list[UUID]]]
) -> None:
    incident_id, (first, _) = past("P1")
    verdict(tenant, first, "up")
    verdict(tenant, first, "down", reason="wrong cause", words="it was DNS")
    verdict(tenant, first, "up", person="U2")

    line = incident_reader.read(tenant.id, incident_id).hypotheses[0]
    assert (line.verdicts.up, line.verdicts.down, line.verdicts.reasons) == (
        ("U2",),
        ("U1",),
        ("wrong cause: it was DNS",),
    )

    learn.withdraw_verdict(tenant.id, first, person="U1")
    with tenant_scope(tenant.id):
        assert [(f.person, f.value) for f in Feedback.objects.all()] == [("U2", "up")]
        assert Incident.objects.get(id=incident_id).publish_wanted_at is not None
        assert [e.action for e in AuditEntry.objects.order_by("id")] == [
            "verdict up", "verdict down", "verdict up", "verdict withdrawn",
        ]  # fmt: skip


@pytest.mark.parametrize(("value", "reason"), [("maybe", ""), ("up", "I felt like it")])
def test_an_unknown_verdict_or_reason_is_refused_and_changes_nothing(
    tenant: Tenant, past: Callable[..., tuple[UUID, list[UUID]]], value: str, reason: str
) -> None:
    _, (first, _) = past("P1")

    with pytest.raises(ValueError, match="is one of"):
        verdict(tenant, first, value, reason=reason)
    with tenant_scope(tenant.id):
        assert Feedback.objects.count() == 0


def test_another_tenants_hypothesis_cannot_be_judged(
    tenant: Tenant, other_tenant: Tenant, past: Callable[..., tuple[UUID, list[UUID]]]
) -> None:
    incident_id, (first, _) = past("P1")

    with pytest.raises(learn.UnknownHypothesis):
        verdict(other_tenant, first, "up")
    with pytest.raises(learn.UnknownHypothesis):
        learn.confirm(other_tenant.id, incident_id, hypothesis_id=first, person="U1", person_name="")


def test_a_cause_is_confirmed_changed_and_taken_back(
    tenant: Tenant, past: Callable[..., tuple[UUID, list[UUID]]]
) -> None:
    incident_id, (first, second) = past("P1")
    learn.confirm(tenant.id, incident_id, hypothesis_id=first, person="U1", person_name="Alice")
    learn.confirm(tenant.id, incident_id, hypothesis_id=second, person="U2", person_name="Bob")

    briefing = incident_reader.read(tenant.id, incident_id)
    assert [one.is_confirmed for one in briefing.hypotheses] == [False, True]
    assert briefing.confirmed_by == "Bob"

    learn.withdraw_confirmation(tenant.id, incident_id, person="U2")
    with tenant_scope(tenant.id):
        assert Confirmation.objects.count() == 0


def test_something_else_needs_words(tenant: Tenant, past: Callable[..., tuple[UUID, list[UUID]]]) -> None:
    incident_id, _ = past("P1")

    with pytest.raises(ValueError, match="what else in words"):
        learn.confirm(tenant.id, incident_id, hypothesis_id=None, person="U1", person_name="Alice")
    learn.confirm(tenant.id, incident_id, hypothesis_id=None, person="U1", person_name="Alice", words="a cron job")
    assert incident_reader.read(tenant.id, incident_id).confirmed_words == "a cron job"


def test_a_hypothesis_of_another_incident_is_refused(
    tenant: Tenant, past: Callable[..., tuple[UUID, list[UUID]]]
) -> None:
    one, _ = past("P1")
    _, (foreign, _) = past("P2", minute=60)

    with pytest.raises(learn.UnknownHypothesis, match="another incident"):
        learn.confirm(tenant.id, one, hypothesis_id=foreign, person="U1", person_name="Alice")
    with pytest.raises(learn.UnknownHypothesis):
        verdict(tenant, uuid4(), "up")


def test_a_confirmed_cause_is_a_precedent_of_the_next_similar_incident(
    tenant: Tenant, past: Callable[..., tuple[UUID, list[UUID]]]
) -> None:
    before, (first, second) = past("P1")
    verdict(tenant, second, "down")
    learn.confirm(tenant.id, before, hypothesis_id=first, person="U1", person_name="Alice")
    now, _ = past("P2", minute=24 * 60)

    assert history(tenant, now) == (
        Precedent(*DEPLOY, similarity=1.0, age_days=1.0, confirmed=False, reference="INC-1"),
        Precedent(*POOL, similarity=1.0, age_days=1.0, confirmed=True, reference="INC-1"),
    )


def test_without_a_confirmation_the_majority_of_verdicts_counts(
    tenant: Tenant, past: Callable[..., tuple[UUID, list[UUID]]]
) -> None:
    _, (first, second) = past("P1")
    verdict(tenant, first, "up", person="U1")
    verdict(tenant, second, "up", person="U1")
    verdict(tenant, second, "down", person="U2")
    now, _ = past("P2", minute=60)

    assert [(p.service, p.confirmed) for p in history(tenant, now)] == [("payments", True)]


def test_what_came_later_or_is_unlike_is_no_precedent(
    tenant: Tenant, other_tenant: Tenant, past: Callable[..., tuple[UUID, list[UUID]]]
) -> None:
    early, _ = past("P1")
    late, (first, _) = past("P2", minute=60)
    learn.confirm(tenant.id, late, hypothesis_id=first, person="U1", person_name="Alice")

    assert history(tenant, early) == ()
    with tenant_scope(other_tenant.id):
        assert Hypothesis.objects.count() == 0


def test_acceptance_counts_by_service_by_kind_and_in_all_without_the_incident_itself(
    tenant: Tenant, past: Callable[..., tuple[UUID, list[UUID]]]
) -> None:
    before, (first, second) = past("P1")
    verdict(tenant, first, "up", person="U1")
    verdict(tenant, first, "up", person="U2")
    verdict(tenant, second, "down", person="U1")
    learn.confirm(tenant.id, before, hypothesis_id=first, person="U1", person_name="Alice")
    now, (own, _) = past("P2", minute=60)
    verdict(tenant, own, "down", person="U1")

    with tenant_scope(tenant.id):
        counts = acceptances(Incident.objects.get(id=now))
    assert counts == (
        Acceptance("", None, 2, 1),
        Acceptance("", CauseKind.BAD_DEPLOY, 0, 1),
        Acceptance("", CauseKind.CONNECTION_SATURATION, 2, 0),
        Acceptance("catalog", CauseKind.BAD_DEPLOY, 0, 1),
        Acceptance("payments", CauseKind.CONNECTION_SATURATION, 2, 0),
    )


@pytest.mark.parametrize(
    ("same_service", "same_symptom", "signature", "other", "expected"),
    [
        (True, True, {("a", "x")}, {("a", "x")}, 1.0),
        (True, False, {("a", "x")}, {("a", "x")}, 0.8),
        (True, True, set(), set(), 0.4),
        (False, False, {("a", "x"), ("b", "y")}, {("a", "x")}, 0.3),
        (False, False, set(), set(), 0.0),
    ],
)
def test_how_alike_two_incidents_are(
    same_service: bool,
    same_symptom: bool,
    signature: set[tuple[str, str]],
    other: set[tuple[str, str]],
    expected: float,
) -> None:
    score, reasons = similarity(
        same_service=same_service, same_symptom=same_symptom, signature=frozenset(signature), other=frozenset(other)
    )

    assert score == pytest.approx(expected)
    assert bool(reasons) == bool(expected)


def test_times_are_in_utc(tenant: Tenant, past: Callable[..., tuple[UUID, list[UUID]]]) -> None:
    incident_id, _ = past("P1")

    assert incident_reader.read(tenant.id, incident_id).started_at == datetime(2026, 11, 21, 3, 0, tzinfo=UTC)


def test_similar_incidents_are_shown_by_kind_of_cause_too_which_the_confirmed_one_decides(
    tenant: Tenant, past: Callable[..., tuple[UUID, list[UUID]]]
) -> None:
    before, (_, deploy) = past("P1")
    now, _ = past("P2", minute=600, symptom="errors")
    with tenant_scope(tenant.id):
        # Nothing is left in common but the service and what is suspected: not enough for the ranking's precedents.
        EvidenceRecord.objects.filter(run__incident=before).delete()
        Incident.objects.filter(id=before).update(title="A wholly other thing", symptom="disk")
    (found,) = incident_reader.read(tenant.id, now).similar

    assert found.why == "same service, same kind of cause (connection saturation)"
    assert found.similarity == pytest.approx(0.4)
    assert history(tenant, now) == ()

    learn.confirm(tenant.id, before, hypothesis_id=deploy, person="U1", person_name="Alice")
    assert incident_reader.read(tenant.id, now).similar == ()


def test_similar_incidents_are_shown_by_their_words_too(
    tenant: Tenant, past: Callable[..., tuple[UUID, list[UUID]]]
) -> None:
    before, _ = past("P1")
    now, _ = past("P2", minute=600)
    with tenant_scope(tenant.id):
        EvidenceRecord.objects.all().delete()
        Hypothesis.objects.all().delete()
    (found,) = incident_reader.read(tenant.id, now).similar

    assert found.why == "same service, same symptom, alike in words"
    with tenant_scope(tenant.id):
        Incident.objects.filter(id=before).update(title="A wholly other thing", symptom="disk")
    assert incident_reader.read(tenant.id, now).similar == ()
