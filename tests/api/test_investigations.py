"""Reporting a problem by REST: what the words are understood to say, and how its investigation is followed."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from django.utils import timezone

from copilot import flow, investigations, specialists
from copilot.guard.tenancy import tenant_scope
from copilot.llm import choosing
from copilot.models import AuditEntry, Incident, Run, Service, StageResult, Tenant
from copilot.stages import problems
from copilot.web.api import events
from scoring.indicators import fired_families

if TYPE_CHECKING:
    from tests.api.conftest import Client
    from tests.flow.admin_world import World

pytestmark = pytest.mark.usefixtures("hints")


@pytest.fixture
def shop(tenant: Tenant) -> Tenant:
    """A tenant with four services in two namespaces."""
    with tenant_scope(tenant.id):
        for name, namespace, workload in (
            ("checkout", "shop", "checkout"),
            ("payments", "shop", "payments-api"),
            ("front-end", "web", "front-end"),
            ("ledger", "finance", "ledger"),
        ):
            Service.objects.create(name=name, namespace=namespace, workload=workload)
    return tenant


@pytest.mark.parametrize(
    ("words", "service", "how"),
    [
        ("checkout answers with 5xx since the last deploy", "checkout", "the words name checkout"),
        ("Why is `payments-api` slow?", "payments", "the words name payments"),
        ("customers say the front end is down", "front-end", "the words name front-end"),
        (
            "payments-api-7d9f8b6c5d-x2k4q was OOM killed",
            "payments",
            "payments-api-7d9f8b6c5d-x2k4q is a pod of payments",
        ),
        ("shop/checkout-7d9f8b6c5d-x2k4q restarts", "checkout", "checkout-7d9f8b6c5d-x2k4q is a pod of checkout"),
        (
            "pods in namespace finance cannot pull their image",
            "ledger",
            "it is the only service in the namespace finance",
        ),
        (
            "kubectl -n finance get pods shows CrashLoopBackOff",
            "ledger",
            "it is the only service in the namespace finance",
        ),
    ],
)
def test_rules_find_the_service(shop: Tenant, words: str, service: str, how: str) -> None:
    with tenant_scope(shop.id):
        reading = problems.read(words)

    assert reading.service is not None
    assert (reading.service.name, reading.how, reading.choices) == (service, how, ())


@pytest.mark.parametrize(
    ("words", "choices"),
    [
        ("everything in namespace shop is slow", ["checkout", "payments"]),
        ("chekout is slow", ["checkout"]),
        ("zebra", ["checkout", "front-end", "ledger", "payments"]),
    ],
)
def test_where_several_may_be_meant_they_are_named(shop: Tenant, words: str, choices: list[str]) -> None:
    with tenant_scope(shop.id):
        reading = problems.read(words)

    assert reading.service is None
    assert [one.name for one in reading.choices] == choices


@pytest.mark.parametrize(
    ("words", "families", "domains"),
    [
        ("the pod was OOM killed", ("memory",), ("kubernetes",)),
        ("5xx since the deploy", ("errors",), ("changes", "metrics")),
        ("x509: certificate has expired", (), ("credentials",)),
        ("too many connections to postgres", ("connections",), ("database", "metrics")),
        ("dns lookups fail", ("network",), ("network",)),
        ("p95 latency is high", ("latency",), ("metrics",)),
        ("ImagePullBackOff", (), ("kubernetes",)),
        ("it is broken", (), ()),
    ],
)
def test_words_tell_the_sort_of_trouble(words: str, families: tuple[str, ...], domains: tuple[str, ...]) -> None:
    assert tuple(sorted(fired_families([words]))) == families
    assert specialists.domains(words) == domains


def test_a_problem_in_plain_words_is_accepted_and_investigated(acme: World, portal: Client) -> None:
    answer = portal.post("/investigations", json={"problem": "acme-payments answers 5xx since the deploy"})

    body = answer.json()
    assert (answer.status_code, answer.headers["Location"]) == (202, f"/api/v1/investigations/{body['id']}")
    assert body["understood"] == {
        "service": "acme-payments",
        "how": "the words name acme-payments",
        "namespace": "",
        "pods": [],
        "indicators": ["errors"],
        "domains": ["changes", "metrics"],
    }
    with tenant_scope(acme.tenant.id):
        run = Run.objects.select_related("incident__service").get(id=body["id"])
        entry = AuditEntry.objects.filter(action="investigate").get()
        assert (run.incident.title, run.incident.source) == ("acme-payments answers 5xx since the deploy", "asked")
        assert run.incident.service is not None
        assert run.incident.service.name == "acme-payments"
        assert (entry.actor, entry.target) == ("admin 0 (API)", body["incident"])
    shown = portal.get(f"/investigations/{body['id']}").json()
    assert (shown["stage"], shown["is_finished"], shown["verdict"]) == ("open", False, "")


def test_a_report_joins_the_open_incident_of_its_service_and_says_so(acme: World, portal: Client) -> None:
    first = portal.post("/investigations", json={"problem": "acme-payments answers 5xx"}).json()
    second = portal.post("/investigations", json={"problem": "acme-payments is slow"}).json()

    assert (first["joined"], first["incident_id"]) == ("", second["incident_id"])
    assert re.fullmatch(
        rf"{first['incident']} of acme-payments is open since \d{{4}}-\d\d-\d\d \d\d:\d\d UTC; `anew` opens another incident",
        second["joined"],
    )
    # A look that is under way, or of the last minutes, is the one to follow; an older one is not.
    assert second["id"] == first["id"]
    with tenant_scope(acme.tenant.id):
        Run.objects.filter(id=first["id"]).update(stage="done", created_at=timezone.now() - timedelta(minutes=6))
        entry = AuditEntry.objects.get(action="report")
        assert (entry.target, entry.detail["words"]) == (first["incident"], "acme-payments is slow")
    third = portal.post("/investigations", json={"service": "acme-payments"}).json()
    assert (third["incident_id"], third["id"] != first["id"]) == (first["incident_id"], True)
    assert portal.get(f"/investigations/{third['id']}").json()["sequence"] == 2


@pytest.mark.parametrize("why", ["anew", "window", "resolved", "other service"])
def test_a_report_opens_an_incident_of_its_own_where_it_must(why: str, acme: World, portal: Client) -> None:
    first = portal.post("/investigations", json={"problem": "acme-payments answers 5xx"}).json()
    told: dict[str, Any] = {"problem": "acme-payments answers 5xx"}
    if why == "resolved":
        investigations.resolve(acme.tenant.id, UUID(first["incident_id"]), by="Alice")
    elif why == "anew":
        told["anew"] = True
    elif why == "window":
        told["window"] = {"start": (timezone.now() - timedelta(hours=2)).isoformat()}
    else:
        told = {"problem": "the printer is on fire again and again"}

    second = portal.post("/investigations", json=told).json()

    assert (second["joined"], second["incident_id"] != first["incident_id"]) == ("", True)


def test_nobody_works_on_what_a_program_opened(acme: World, portal: Client) -> None:
    opened = portal.post("/investigations", json={"service": "acme-payments"}).json()

    shown = portal.get(f"/incidents/{opened['incident_id']}").json()
    assert (shown["status"], shown["acknowledged_at"], shown["acknowledged_by"]) == ("triggered", None, "")


def test_an_alerts_labels_and_window_bound_what_is_looked_at(acme: World, portal: Client) -> None:
    start = (timezone.now() - timedelta(hours=5)).replace(microsecond=0)
    answer = portal.post(
        "/investigations",
        json={
            "labels": {"alertname": "HighErrorRate", "severity": "critical", "service": "acme-payments"},
            "window": {"start": start.isoformat(), "end": (start + timedelta(hours=1)).isoformat()},
        },
    )

    assert answer.status_code == 202, answer.text
    with tenant_scope(acme.tenant.id):
        run = Run.objects.select_related("incident").get(id=answer.json()["id"])
    assert (run.incident.title, run.incident.symptom, run.incident.severity) == (
        "HighErrorRate", "HighErrorRate", "critical",
    )  # fmt: skip
    assert (run.incident.alert_at, run.plan["until"]) == (start, (start + timedelta(hours=1)).timestamp())
    assert answer.json()["understood"]["service"] == "acme-payments"


def test_where_the_words_are_unclear_the_choices_are_named_and_nothing_is_opened(acme: World, portal: Client) -> None:
    answer = portal.post("/investigations", json={"problem": "acme-paymnts is slow"})

    assert (answer.status_code, answer.headers["Content-Type"]) == (422, "application/problem+json")
    assert answer.json()["type"] == "urn:sre-copilot:problem:unclear"
    assert answer.json()["title"] == "Unprocessable Content"
    assert answer.json()["choices"][0] == {"service": "acme-payments", "why": "its name is like a word of yours"}
    with tenant_scope(acme.tenant.id):
        assert Incident.objects.count() == 1

    chosen = portal.post("/investigations", json={"problem": "acme-paymnts is slow", "service": "acme-payments"})
    assert chosen.json()["understood"]["how"] == "the scope names acme-payments"


def test_the_model_chooses_only_where_the_rules_leave_it_open(shop: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def choose(tenant_id: Any, **keywords: Any) -> str:
        asked.append(keywords)
        return "payments"

    monkeypatch.setattr(choosing, "choose", choose)
    scope = investigations.Scope()

    clear = investigations.understand(shop.id, words="checkout is slow", scope=scope)
    unclear = investigations.understand(shop.id, words="people in namespace shop cannot pay", scope=scope)

    assert clear.service is not None
    assert unclear.service is not None
    assert (clear.service.name, unclear.service.name, unclear.how) == ("checkout", "payments", "the model read it so")
    assert asked == [{"words": "people in namespace shop cannot pay", "names": ["checkout", "payments"]}]


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "body"),
        ({"problem": "   "}, "body"),
        ({"problem": "x", "window": {"start": "2020-01-01T00:00:00Z"}}, "body.window.start"),
        ({"problem": "x", "surprise": 1}, "body.surprise"),
        ({"problem": "nul \x00"}, "body.problem"),
    ],
)
def test_what_makes_no_sense_is_refused(portal: Client, body: dict[str, Any], where: str) -> None:
    answer = portal.post("/investigations", json=body)

    assert (answer.status_code, answer.json()["errors"][0]["where"]) == (422, where)


def test_looking_again_joins_a_look_that_is_under_way(acme: World, portal: Client) -> None:
    path = f"/incidents/{acme.incident.id}/investigations"

    first, second = portal.post(path).json(), portal.post(path).json()

    assert first["id"] == second["id"] != str(acme.run.id)
    assert [one["sequence"] for one in portal.get("/investigations").json()["items"]] == [2, 1]


def test_a_report_of_an_earlier_look_stays_that_looks(acme: World, portal: Client) -> None:
    later = portal.post(f"/incidents/{acme.incident.id}/investigations").json()["id"]

    earlier = portal.get(f"/investigations/{acme.run.id}/report").json()
    as_markdown = portal.get(f"/investigations/{acme.run.id}/report.md").text

    assert earlier["investigation"]["id"] == str(acme.run.id)
    assert earlier["verdict"] == "likely cause"
    assert "## Verdict: likely cause" in as_markdown
    assert portal.get(f"/investigations/{later}/report").json()["investigation"]["is_finished"] is False


# --- events ---------------------------------------------------------------------------------------------------------------


def told(text: str) -> list[tuple[str, str, Any]]:
    """The events of a stream: id, name, data."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if line and not line.startswith(":"))
        if "data" in fields:
            found.append((fields.get("id", ""), fields["event"], json.loads(fields["data"])))
    return found


def test_a_finished_investigation_is_told_from_its_beginning_to_its_result(acme: World, portal: Client) -> None:
    answer = portal.get(f"/investigations/{acme.run.id}/events")

    assert answer.headers["Content-Type"].startswith("text/event-stream")
    stages, (last, name, result) = told(answer.text)[:-1], told(answer.text)[-1]
    assert [(identifier, data["stage"]) for identifier, _, data in stages] == [
        ("1", "gather"),
        ("2", "propose"),
        ("3", "rank"),
    ]
    assert (last, name, result["stage"], result["verdict"]) == ("end", "result", "done", "likely cause")
    assert result["report"] == f"/api/v1/investigations/{acme.run.id}/report"


def test_after_a_break_only_the_rest_is_told_and_after_the_end_nothing(acme: World, portal: Client) -> None:
    path = f"/investigations/{acme.run.id}/events"

    rest = portal.get(path, headers={"Last-Event-ID": "2"})
    nothing = portal.get(path, headers={"Last-Event-ID": "end"})

    assert [identifier for identifier, _, _ in told(rest.text)] == ["3", "end"]
    assert (nothing.status_code, nothing.content) == (204, b"")


def test_stages_are_told_as_they_end_and_silence_is_kept_alive(
    acme: World, portal: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run moves on between two looks at its rows."""
    run_id = portal.post(f"/incidents/{acme.incident.id}/investigations").json()["id"]
    monkeypatch.setattr(events, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(events, "KEEP_ALIVE_SECONDS", 0.0)
    looks = 0
    read = events._read

    def moving(tenant_id: Any, identifier: Any) -> events.Told:
        nonlocal looks
        looks += 1
        with tenant_scope(tenant_id):
            run = Run.objects.filter(id=identifier)
            if looks in {3, 5}:
                stage = "open" if looks == 3 else "gather"
                now = datetime.now(UTC)
                StageResult.objects.create(run_id=identifier, stage=stage, started_at=now, finished_at=now)
                run.update(stage="gather" if looks == 3 else "propose")
            if looks == 7:
                run.update(stage=flow.ENDED[1], error="the work on this stage was lost too often")
        return read(tenant_id, identifier)

    monkeypatch.setattr(events, "_read", moving)

    answer = portal.get(f"/investigations/{run_id}/events")

    assert [(identifier, name) for identifier, name, _ in told(answer.text)] == [
        ("", "progress"), ("1", "stage"), ("", "progress"), ("2", "stage"), ("", "progress"), ("end", "result"),
    ]  # fmt: skip
    assert told(answer.text)[-1][2]["error"] == "the work on this stage was lost too often"
    assert ": still here\n\n" in answer.text
    assert looks == 7
    assert not events._listeners


def test_a_token_follows_only_so_many_at_once(acme: World, portal: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MOST_LISTENERS", 0)

    answer = portal.get(f"/investigations/{acme.run.id}/events")

    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "5")
