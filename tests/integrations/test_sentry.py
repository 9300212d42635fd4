"""Sentry: the signature, issue alerts, metric alerts, and the end of issues."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from integrations.base import Action, BadPayload, Event, EventKind, Inbound, NotGenuine
from integrations.sentry import Sentry, SentryCredentials
from tests.integrations.signers import hexed

FIXTURES = Path(__file__).parent / "fixtures" / "sentry"
NOW = 1_795_169_400.0
SENTRY = Sentry()


def load(name: str) -> Any:
    return json.loads((FIXTURES / f"{name}.json").read_text())


def event(payload: Any, resource: str = "") -> Event:
    headers = {"sentry-hook-resource": resource} if resource else {}
    (found,) = SENTRY.parse(Inbound(headers, json.dumps(payload).encode(), NOW))
    return found


def test_the_signature_is_the_body_s_under_the_client_secret() -> None:
    held = SentryCredentials.model_validate({"client_secret": "new,old"})
    for secret, genuine in (("new", True), ("old", True), ("other", False)):
        inbound = Inbound({"sentry-hook-signature": hexed(secret, b"{}")}, b"{}", NOW)
        if genuine:
            SENTRY.verify(inbound, held)
        else:
            with pytest.raises(NotGenuine):
                SENTRY.verify(inbound, held)
    with pytest.raises(NotGenuine, match="missing"):
        SENTRY.verify(Inbound({}, b"{}", NOW), held)
    with pytest.raises(NotGenuine, match="missing"):
        SENTRY.verify(inbound, SentryCredentials.model_validate({"client_secret": " "}))


@pytest.mark.parametrize("resource", ["event_alert", ""])
def test_an_issue_alert_begins_an_incident_that_the_issue_s_end_resolves(resource: str) -> None:
    begun = event(load("event_alert"), resource)
    assert (begun.action, begun.title, begun.severity) == (
        Action.TRIGGERED,
        "PoolTimeout: no connection within 30 s",
        "error",
    )
    assert (begun.service.name, begun.started_at) == ("checkout", 1795169106.0)
    assert begun.labels["project"] == "checkout-python"
    assert begun.text == "checkout.orders in place; rule: Many pool time-outs"
    ended = event(load("issue.resolved"), "issue" if resource else "")
    assert (ended.action, ended.status, ended.actor) == (Action.RESOLVED, "resolved", "Dana")
    assert ended.dedupe_key == begun.dedupe_key == "issue:1170820242"
    assert ended.symptom == begun.symptom


def test_without_a_tag_the_project_is_the_service() -> None:
    payload = load("event_alert")
    payload["data"]["event"]["tags"] = [["level"], "odd", ["environment", None]]
    assert event(payload).service.name == "checkout-python"


def test_a_metric_alert_follows_its_states() -> None:
    payload = load("metric_alert")
    critical = event(payload)
    payload["action"] = "resolved"
    resolved = event(payload)
    assert (critical.title, critical.severity, critical.service.name) == ("Too many errors", "critical", "checkout")
    assert (critical.started_at, critical.occurred_at) == (1795169106.0, NOW)
    assert (resolved.action, resolved.dedupe_key) == (Action.RESOLVED, critical.dedupe_key)
    payload["data"]["metric_alert"]["projects"] = ["cart", "checkout"]
    assert event(payload).service.name == ""


@pytest.mark.parametrize(
    ("resource", "action"),
    [("issue", "created"), ("issue", "assigned"), ("installation", "created"), ("comment", "created")],
)
def test_what_is_no_alert_is_ignored_with_a_reason(resource: str, action: str) -> None:
    found = event({"action": action, "data": {resource: {"id": "1"}}}, resource)
    assert found.kind is EventKind.IGNORED
    assert found.reason == f"{resource} {action}: only alerts, and the end of issues, move incidents"


def test_a_broken_alert_is_told_by_its_field() -> None:
    with pytest.raises(
        BadPayload, match="`action` must be critical, warning or resolved for a metric alert, got 'odd'"
    ):
        event({"action": "odd", "data": {"metric_alert": {"id": "1"}}})
    with pytest.raises(BadPayload, match=r"`data\.event\.issue_id` must be a non-empty text, and it is missing"):
        event({"action": "triggered", "data": {"event": {"title": "x"}}})


def test_the_vendor_s_own_example_is_read(shared: Path) -> None:
    body = (shared / "vendor/payloads/sentry/metric_alert.resolved.json").read_bytes()
    (found,) = SENTRY.parse(Inbound({"sentry-hook-resource": "metric_alert"}, body, NOW))
    assert (found.action, found.title, found.dedupe_key) == (Action.RESOLVED, "Too many errors", "metric:4")
    assert (found.service.name, found.url) == ("bar", "https://sentry.io/organizations/baz/alerts/1/")
