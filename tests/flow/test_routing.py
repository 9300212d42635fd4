"""Which sources a run asks: the router's choice, the run's budget of calls, and what people are told of both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from copilot import connections, flow
from copilot.conversation import rules
from copilot.conversation.matching import Topic
from copilot.guard.tenancy import tenant_scope
from copilot.knowledge import incident_reader, report
from copilot.models import AuditEntry, LimitReached, Run, SourceCall, StageResult
from integrations.base import Action
from integrations.registry import integrations
from scoring.observations import State
from tests.flow.test_correlate import event, happen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from copilot.knowledge.briefing import Briefing
    from copilot.models import Tenant

pytestmark = pytest.mark.usefixtures("hints")
KINDS = ("elasticsearch", "kubernetes", "loki", "prometheus")
VALUES = {
    "elasticsearch": {"url": "http://es.example.org", "index": "logs-*"},
    "kubernetes": {"url": "https://kube.example.org", "token": "t"},
    "loki": {"url": "http://loki.example.org"},
    "prometheus": {"url": "http://prometheus.example.org"},
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Who was asked, each of whom has nothing to tell."""
    who: list[str] = []
    for kind in KINDS:

        def gather(*_: Any, kind: str = kind) -> Iterator[State]:
            who.append(kind)
            yield from ()

        monkeypatch.setattr(integrations()[kind], "gather", gather, raising=False)
    return who


def investigate(tenant: Tenant, title: str, *, calls: int = 0) -> Briefing:
    for kind in KINDS:
        connections.connect(tenant.id, kind, VALUES[kind], actor="test")
    happen(tenant, event(Action.TRIGGERED, symptom=title, title=title))
    with tenant_scope(tenant.id):
        run = Run.objects.get()
        run.plan["calls"] = calls
        run.save()
    flow.advance(tenant.id, run.id)
    return incident_reader.read(tenant.id, run.incident_id)


@pytest.mark.usefixtures("checkout")
def test_who_can_know_nothing_is_not_asked(committed_db: str, tenant: Tenant, asked: list[str]) -> None:
    briefing = investigate(tenant, "a pod of checkout is Pending")

    assert sorted(asked) == ["kubernetes", "prometheus"]
    assert [one.name for one in briefing.sources] == ["Kubernetes", "Prometheus"]
    assert briefing.routing.startswith("kubernetes + changes + metrics first because of “pod of checkout is Pending”")
    assert briefing.gaps == ()
    # A reader who asks what is missing, or who reads the report, is told.
    assert any("not logs or network" in line.text for line in rules.answer(Topic.GAPS, briefing).lines)
    assert "a pod that was never placed has written no log" in report.write(briefing)
    with tenant_scope(tenant.id):
        entry = AuditEntry.objects.get(action="ask sources")
        assert entry.target == f"INC-{briefing.number}"
        assert entry.detail["sources_asked"] == ["kubernetes", "prometheus"]
        assert (entry.detail["left_out"], entry.detail["calls"]) == (["logs", "network"], 120)
        assert StageResult.objects.get(stage="gather").output["routing"] == briefing.routing


@pytest.mark.usefixtures("checkout")
def test_a_budget_is_spent_in_the_routers_order_and_the_rest_is_told(
    committed_db: str,
    tenant: Tenant,
    asked: list[str],
    tool_calls: Callable[[], dict[tuple[str, ...], float]],
) -> None:
    briefing = investigate(tenant, "too many connections to postgres", calls=90)

    # Prometheus (60 calls) knows of databases; one log store (24) still fits, the other and Kubernetes (60) do not.
    assert sorted(asked) == ["elasticsearch", "prometheus"]
    refusal = "was not asked: the run's budget of 90 calls is used up, and the router put others first"
    assert [(one.name, one.status, one.detail) for one in briefing.sources if one.status == "failed"] == [
        ("Kubernetes", "failed", refusal),
        ("Loki", "failed", refusal),
    ]
    assert {f"kubernetes: Kubernetes – {refusal}", f"loki: Loki – {refusal}"} <= set(briefing.gaps)
    with tenant_scope(tenant.id):
        reached = LimitReached.objects.get()
        assert (reached.limit, reached.times, reached.detail) == ("calls_per_run", 2, f"Loki {refusal}")
    assert tool_calls() == {
        ("called", "logs", "run", "answered"): 1,
        ("called", "metrics", "run", "answered"): 1,
        ("refused", "kubernetes", "run", "budget"): 1,
        ("refused", "logs", "run", "budget"): 1,
    }


@pytest.mark.usefixtures("checkout")
def test_without_a_class_all_are_asked(committed_db: str, tenant: Tenant, asked: list[str]) -> None:
    briefing = investigate(tenant, "it is broken")

    assert sorted(asked) == sorted(KINDS)
    assert briefing.routing == "all: nothing in the alert names a sort of trouble"
    with tenant_scope(tenant.id):
        assert SourceCall.objects.count() == len(KINDS)
