"""Incidents by REST: pages that hold still, filters, reports in both forms, and answers that need not be sent twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from copilot.guard.tenancy import tenant_scope
from copilot.models import Incident
from tests.flow.admin_world import World, incident_of

if TYPE_CHECKING:
    from tests.api.conftest import Client

AT = datetime(2026, 11, 21, 3, tzinfo=UTC)


def more_incidents(acme: World, *numbers: int) -> None:
    with tenant_scope(acme.tenant.id):
        for number in numbers:
            incident_of(acme.service, "acme", number=number, at=AT + timedelta(minutes=number))


def numbers(answer: Any) -> list[int]:
    assert answer.status_code == 200, answer.text
    return [one["number"] for one in answer.json()["items"]]


def test_pages_hold_still_while_incidents_come_in(acme: World, portal: Client) -> None:
    more_incidents(acme, 2, 3, 4, 5)

    first = portal.get("/incidents?limit=2")
    more_incidents(acme, 6)
    second = portal.get(f"/incidents?limit=2&cursor={first.json()['next_cursor']}")
    third = portal.get(f"/incidents?limit=2&cursor={second.json()['next_cursor']}")

    assert [numbers(first), numbers(second), numbers(third)] == [[5, 4], [3, 2], [1]]
    assert third.json()["next_cursor"] is None


@pytest.mark.parametrize("cursor", ["x", "bnVsbA", "WyJzZXJ2aWNlcyIsICJhIl0", "WyJpbmNpZGVudHMiLCAieCJd", "é"])
def test_a_cursor_of_elsewhere_is_refused(portal: Client, cursor: str) -> None:
    answer = portal.get(f"/incidents?{urlencode({'cursor': cursor})}")

    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {"where": "query.cursor", "message": "is none of this list's: take it from `next_cursor` as it is"}
    ]


def test_filters(acme: World, portal: Client) -> None:
    more_incidents(acme, 2, 3)
    with tenant_scope(acme.tenant.id):
        Incident.objects.filter(number=2).update(status="resolved", service=None, service_name="Billing")

    assert numbers(portal.get("/incidents?status=resolved")) == [2]
    assert numbers(portal.get("/incidents?status=open")) == [3, 1]
    assert numbers(portal.get("/incidents?service=billing")) == [2]
    assert numbers(portal.get("/incidents?number=3")) == [3]
    window = urlencode({"started_after": "2026-11-21T03:02:00Z", "started_before": "2026-11-21T03:03:00Z"})
    assert numbers(portal.get(f"/incidents?{window}")) == [2]


def test_an_incident_with_its_investigations(acme: World, portal: Client) -> None:
    body = portal.get(f"/incidents/{acme.incident.id}").json()

    assert (body["name"], body["service"], body["status"]) == ("INC-1", "acme-checkout", "triggered")
    assert [(one["id"], one["stage"], one["is_finished"]) for one in body["investigations"]] == [
        (str(acme.run.id), "done", True)
    ]


def test_the_report_as_json_and_as_markdown(acme: World, portal: Client) -> None:
    path = f"/incidents/{acme.incident.id}/report"

    as_json = portal.get(path, headers={"Accept": "application/json"})
    as_markdown = portal.get(path, headers={"Accept": "text/markdown, application/json;q=0.5"})
    by_address = portal.get(f"{path}.md")

    lead = as_json.json()["hypotheses"][0]
    assert lead["id"] == str(acme.hypothesis.id)
    assert [factor["name"] for factor in lead["factors"]][:2] == ["signal strength", "temporal correlation"]
    assert {one["id"] for one in as_json.json()["evidence"]} >= set(lead["supporting"])
    assert as_markdown.headers["Content-Type"] == "text/markdown; charset=utf-8"
    assert as_markdown.text == by_address.text
    assert by_address.text.startswith("# INC-1 acme-checkout\n\n**High p95 latency on checkout (acme)**\n")
    assert "| signal strength | 0.30 | 0.82 | pool waits ×14 over baseline |" in by_address.text


def test_the_timeline_and_the_post_mortem(acme: World, portal: Client) -> None:
    told = portal.get(f"/incidents/{acme.incident.id}/timeline").json()["items"]
    draft = portal.get(f"/incidents/{acme.incident.id}/postmortem.md")

    assert [one["at"] for one in told] == sorted(one["at"] for one in told)
    assert {"text": "Paged: High p95 latency on checkout (acme)", "source": "pagerduty"}.items() <= told[1].items()
    assert draft.text.startswith("# Post-mortem: INC-1 acme-checkout\n")


def test_what_a_client_has_already_is_not_sent_again(acme: World, portal: Client) -> None:
    path = f"/incidents/{acme.incident.id}"
    tag = portal.get(path).headers["ETag"]

    same = portal.get(path, headers={"If-None-Match": f'"other", W/{tag}'})
    with tenant_scope(acme.tenant.id):
        Incident.objects.update(severity="warning")
    changed = portal.get(path, headers={"If-None-Match": tag})

    assert (same.status_code, same.content) == (304, b"")
    assert (changed.status_code, changed.json()["severity"]) == (200, "warning")


def test_what_is_not_there_is_a_problem(portal: Client) -> None:
    answers = {
        path: portal(method, path)
        for method, path in (
            ("GET", "/incidents/00000000-0000-0000-0000-000000000000"),
            ("GET", "/nothing"),
            ("GET", "/services/%0A4"),
            ("DELETE", "/incidents"),
            ("GET", "/incidents?limit=1000"),
        )
    }

    assert [answer.status_code for answer in answers.values()] == [404, 404, 422, 405, 422]
    assert all(answer.headers["Content-Type"] == "application/problem+json" for answer in answers.values())
    assert answers["/incidents"].headers["Allow"] == "GET"
