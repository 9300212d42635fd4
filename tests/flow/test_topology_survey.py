"""Surveys: a tenant's connections are asked, directly or through an agent, and what they say is written down with its age."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import pytest

from copilot import celery, connections, tasks
from copilot.agent.protocol import Surveyed
from copilot.cli import topology as command
from copilot.guard.tenancy import tenant_scope
from copilot.models import Connection, Service, Tenant, TopologySurvey
from copilot.relay import asking
from copilot.topology import reading, surveys
from integrations import registry
from integrations.base import Integration, Rejected, SourceError, Unreachable
from integrations.survey import Call, Survey, Thing
from scoring.observations import EntityKind, Gap
from tests.flow.test_agent import SCOPE, WINDOW, Played, fresh_pace, inside, line, played  # noqa: F401 (fixtures)
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from integrations.base import Door, Scope

CHECKOUT, PAYMENTS = Thing("checkout", namespace="shop", workload="checkout"), Thing("payments")
SEEN = Survey(
    (CHECKOUT,), (Call(CHECKOUT, PAYMENTS, "prometheus istio", "password=hunter2secret"),), (Gap("prometheus", "calls by linkerd", "too many"),)
)  # fmt: skip


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What each kind of source tells, or raises; and which scopes they were asked about."""
    answers: dict[str, Any] = {"scopes": []}

    for kind in ("prometheus", "kubernetes"):

        def survey(door: Door, credentials: Any, scope: Scope, window: Any, kind: str = kind) -> Survey:
            answers["scopes"].append(scope)
            answer = answers.get(kind, Survey())
            if isinstance(answer, Exception):
                raise answer
            assert isinstance(answer, Survey)
            return answer

        monkeypatch.setattr(registry.get(kind), "survey", survey)
    return answers


@pytest.fixture
def connected(tenant: Tenant, committed_db: str) -> Tenant:
    connections.connect(tenant.id, "prometheus", {"url": "http://127.0.0.1:9"}, actor="test")
    connections.connect(tenant.id, "kubernetes", {"url": "https://127.0.0.1:9", "token": "t"}, actor="test")
    return tenant


def rows(tenant: Tenant) -> list[tuple[str, bool, int, int, str]]:
    with tenant_scope(tenant.id):
        return [
            (one.connection.kind, one.answered_at is not None, one.services, one.arrows, one.detail)
            for one in TopologySurvey.objects.select_related("connection").order_by("connection__kind")
        ]


def test_every_connection_is_asked_about_what_is_set_up_first_and_its_answer_written_down(
    connected: Tenant, told: dict[str, Any]
) -> None:
    with tenant_scope(connected.id):
        Service.objects.create(name="aaa", origin="jaeger")
        Service.objects.create(name="web", namespace="shop")
        Service.objects.create(name="api.bank.io", kind="external")
    told.update(prometheus=SEEN, kubernetes=Unreachable("no answer from 127.0.0.1"))

    first = surveys.survey(connected.id)
    told.update(kubernetes=Survey((CHECKOUT,), namespaces=("shop",)), prometheus=RuntimeError("odd"))
    surveys.survey(connected.id)

    assert [[one.name for one in scope.neighbours] for scope in told["scopes"][:1]] == [["web", "aaa"]]
    assert [(one.connection, one.recorded is not None) for one in first] == [
        ("kubernetes", False),
        ("prometheus", True),
    ]
    # What failed the second time keeps when it last answered.
    assert rows(connected) == [
        ("kubernetes", True, 1, 0, ""), ("prometheus", True, 2, 1, "answered something unexpected (RuntimeError)"),
    ]  # fmt: skip
    edge = reading.read(connected.id).edge("checkout", "payments")
    assert edge is not None
    assert [one.source for one in edge.sightings] == ["prometheus istio"]


def test_what_was_never_answered_has_no_age_and_says_why(connected: Tenant, told: dict[str, Any]) -> None:
    told.update(
        kubernetes=Unreachable("no answer from 127.0.0.1"), prometheus=Rejected("token=hunter2secretvalue is wrong")
    )

    surveys.survey(connected.id)

    found = rows(connected)
    assert found[0] == ("kubernetes", False, 0, 0, "no answer from 127.0.0.1")
    assert "hunter2secretvalue" not in found[1][4]


def test_a_disabled_connection_is_not_asked(connected: Tenant, told: dict[str, Any]) -> None:
    with tenant_scope(connected.id):
        Connection.objects.update(is_enabled=False)

    assert surveys.survey(connected.id) == []


def test_the_command_tells_what_was_found_and_what_could_not_be_seen(
    connected: Tenant, told: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    told.update(prometheus=SEEN, kubernetes=Unreachable("no answer from 127.0.0.1"))

    assert command.survey(argparse.Namespace(slug=connected.slug, json=False)) == 0

    assert capsys.readouterr().out.splitlines() == [
        "kubernetes: nothing: no answer from 127.0.0.1",
        "prometheus: 2 services, 2 of them new; 1 arrows, 1 of them new",
        "  could not see: prometheus did not answer calls by linkerd: too many",
    ]


def test_beat_hands_every_tenant_to_a_worker_each_hour(connected: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    handed: list[str] = []
    monkeypatch.setattr(tasks.survey_topology, "delay", handed.append)

    tasks.survey_topologies()

    entry = celery.app.conf.beat_schedule["survey-topologies"]
    assert (handed, entry["task"], entry["schedule"]) == (
        [str(connected.id)],
        "copilot.tasks.survey_topologies",
        3600.0,
    )


# --- through an agent ------------------------------------------------------------------------------------------------


def ask(played: Played) -> Survey:
    played.agent.turn()
    with played.asked(what=lambda: asking.survey(played.way, SCOPE, WINDOW, seconds=PATIENCE)) as answer:
        played.agent.turn()
        found: Survey = answer.result(PATIENCE)
    return found


def surveying(told: Survey) -> Any:
    return lambda *_: told


def test_an_agent_surveys_and_keeps_secrets_in(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(played.inside), "surveys", True)
    monkeypatch.setattr(played.inside, "survey", surveying(SEEN))

    found = ask(played)

    assert found.things == SEEN.things
    assert "hunter2secret" not in repr(found)
    assert [(one.caller, one.callee, one.source) for one in found.calls] == [(CHECKOUT, PAYMENTS, "prometheus istio")]


def test_an_agent_whose_source_tells_nothing_of_it_refuses(played: Played) -> None:
    with pytest.raises(SourceError, match="prometheus does not tell who needs whom"):
        ask(played)


@pytest.mark.parametrize(
    "strange",
    [
        Survey(calls=(Call(CHECKOUT, PAYMENTS, "jaeger"),)),
        Survey(things=(Thing("web", entrance="kubernetes ingress"),)),
        Survey(calls=(Call(CHECKOUT, PAYMENTS, "declared"),)),
    ],
)
def test_an_agent_cannot_speak_in_anothers_name(strange: Survey) -> None:
    with pytest.raises(ValueError, match="an agent's prometheus speaks for itself alone"):
        Surveyed.of(strange).survey(kind="prometheus")


def test_a_survey_comes_over_the_wire_as_it_was() -> None:
    told = Survey((CHECKOUT, Thing("db", EntityKind.DATABASE)), SEEN.calls, SEEN.gaps, ("shop",))

    assert Surveyed.model_validate_json(Surveyed.of(told).model_dump_json()).survey(kind="prometheus") == told


def test_only_integrations_that_survey_say_so() -> None:
    says = {slug for slug, one in registry.integrations().items() if one.surveys}
    does = {slug for slug, one in registry.integrations().items() if type(one).survey is not Integration.survey}

    assert says == does == {"jaeger", "kubernetes", "prometheus", "tempo"}
