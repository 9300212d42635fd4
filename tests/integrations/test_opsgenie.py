"""Opsgenie and Jira Service Management: what each action does to an incident."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from integrations.base import Action, BadPayload, Event, EventKind, Inbound, NotGenuine
from integrations.opsgenie import Opsgenie, OpsgenieCredentials

CREATE = json.loads((Path(__file__).parent / "fixtures" / "opsgenie" / "create.json").read_text())
OPSGENIE = Opsgenie()


def event(action: str = "Create", **alert: Any) -> Event:
    payload = {**CREATE, "action": action, "alert": {**CREATE["alert"], **alert}}
    (found,) = OPSGENIE.parse(Inbound({}, json.dumps(payload).encode(), 1_800_000_000.0))
    return found


def test_the_token_comes_as_a_custom_header() -> None:
    held = OpsgenieCredentials.model_validate({"token": "right"})
    OPSGENIE.verify(Inbound({"x-copilot-token": "right"}, b"{}", 0.0), held)
    with pytest.raises(NotGenuine):
        OPSGENIE.verify(Inbound({"x-copilot-token": "right "[:4]}, b"{}", 0.0), held)
    with pytest.raises(NotGenuine, match="has no token"):
        OPSGENIE.verify(Inbound({"x-copilot-token": ""}, b"{}", 0.0), OpsgenieCredentials())


def test_a_created_alert_is_an_incident() -> None:
    found = event()
    assert (found.action, found.status, found.severity, found.priority) == (
        Action.TRIGGERED,
        "triggered",
        "critical",
        "P1",
    )
    assert (found.title, found.symptom) == ("Checkout p95 latency is high", "checkout p95 latency is high")
    assert (found.service.name, found.service.namespace) == ("checkout", "shop")
    assert (found.started_at, found.occurred_at) == (1795169106.0, 1795169106.5)
    assert found.labels == {"service": "checkout", "namespace": "shop", "region": "eu-1"}


@pytest.mark.parametrize(
    ("action", "done", "status"),
    [
        ("Acknowledge", Action.ACKNOWLEDGED, "acknowledged"),
        ("UnAcknowledge", Action.UNACKNOWLEDGED, "triggered"),
        ("Close", Action.RESOLVED, "resolved"),
        ("Delete", Action.RESOLVED, "resolved"),
        ("AssignOwnership", Action.REASSIGNED, None),
        ("EscalateNext", Action.ESCALATED, None),
        ("UpdatePriority", Action.PRIORITY_CHANGED, None),
        ("AddNote", Action.ANNOTATED, None),
    ],
)
def test_each_action_moves_the_alert_s_incident(action: str, done: Action, status: str | None) -> None:
    found = event(action, owner="dana@example.com", note="looking")
    assert (found.action, found.status, found.dedupe_key) == (done, status, event().dedupe_key)
    assert found.assignees == (("dana@example.com",) if done is Action.REASSIGNED else None)
    assert found.text == ("looking" if done is Action.ANNOTATED else "p95 is 2.4 s")


def test_other_actions_are_ignored() -> None:
    found = event("Snooze")
    assert (found.kind, found.action, found.reason) == (
        EventKind.IGNORED,
        None,
        "Snooze changes nothing that an incident follows",
    )


def test_the_entity_is_the_service_where_nothing_else_names_one() -> None:
    assert event(tags=["latency"], details={}).service.name == "checkout-api"


@pytest.mark.parametrize("missing", ["alertId", "message"])
def test_what_is_missing_is_named(missing: str) -> None:
    with pytest.raises(BadPayload, match=f"`alert.{missing}` must be a non-empty text"):
        event("Create", **dict.fromkeys([missing]))
