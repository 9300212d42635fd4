"""PagerDuty's V3 webhooks: signatures, deliveries, and what each event type means."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest

from integrations.base import Action, BadPayload, Event, EventKind, Inbound, NotGenuine, ServiceReference
from integrations.pagerduty import PagerDuty, PagerDutyCredentials
from integrations.pagerduty.events import EVENT_TYPES

SECRET = "correct horse battery staple"
FIXTURES = Path(__file__).parent / "fixtures" / "pagerduty"
PAGERDUTY = PagerDuty()
RECEIVED = 1_800_000_000.0


def inbound(body: bytes, **headers: str) -> Inbound:
    return Inbound({name.replace("_", "-"): value for name, value in headers.items()}, body, RECEIVED)


def credentials(secret: str | None = SECRET) -> PagerDutyCredentials:
    return PagerDutyCredentials.model_validate({"webhook_secret": secret})


def signature(body: bytes, secret: str = SECRET) -> str:
    return "v1=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def parse(payload: object) -> Event:
    (event,) = PAGERDUTY.parse(inbound(json.dumps(payload).encode()))
    return event


def message(event_type: str, data: object, **envelope: object) -> dict[str, Any]:
    return {
        "event": {"id": "E1", "event_type": event_type, "occurred_at": "2026-11-20T10:00:00Z", "data": data, **envelope}
    }


def refused(body: bytes, header: str, secret: str | None = SECRET) -> bool:
    try:
        PAGERDUTY.verify(inbound(body, x_pagerduty_signature=header), credentials(secret))
    except NotGenuine:
        return True
    return False


# --- signatures ---------------------------------------------------------------------------------------------------------


def test_the_right_signature_is_accepted() -> None:
    assert not refused(b"{}", signature(b"{}"))


def test_any_of_several_v1_signatures_may_match_while_the_secret_is_rotated() -> None:
    right, old = signature(b"{}"), signature(b"{}", "old")
    assert not refused(b"{}", f"{old}, {right}")
    assert not refused(b"{}", f"{right},{old}")


def test_any_of_several_secrets_may_match_while_it_is_rotated_here() -> None:
    assert not refused(b"{}", signature(b"{}", "old"), secret=f"{SECRET}, old")


def test_other_versions_are_passed_over() -> None:
    right = signature(b"{}")
    assert not refused(b"{}", f"v2=abc,{right}")
    assert refused(b"{}", right.replace("v1=", "v2="))
    assert refused(b"{}", right.removeprefix("v1="))


def test_a_signature_of_another_body_is_refused() -> None:
    assert refused(b"{ }", signature(b"{}"))


@pytest.mark.parametrize("header", ["", "v1=", "v1=ü", "v1", ",,,", "v1=" + "0" * 64])
def test_a_wrong_or_missing_signature_is_refused(header: str) -> None:
    assert refused(b"{}", header)


@pytest.mark.parametrize("secret", [None, "", " , "])
def test_without_a_secret_nothing_is_genuine(secret: str | None) -> None:
    assert refused(b"{}", signature(b"{}", ""), secret=secret)


def test_the_vendors_own_test_vector_holds(shared: Path) -> None:
    vector = json.loads((shared / "vendor/payloads/pagerduty/golden_signature.json").read_text())
    body = vector["body"].encode()

    assert not refused(body, vector["valid_header"], vector["secret"])
    assert not refused(body, vector["rotated_header"], vector["secret"])
    assert refused(body, vector["invalid_header"], vector["secret"])
    assert refused(body + b" ", vector["valid_header"], vector["secret"])
    (event,) = PAGERDUTY.parse(inbound(body))
    assert (event.dedupe_key, event.action, event.priority) == ("PGR0VU2", Action.PRIORITY_CHANGED, "P1")


# --- deliveries ---------------------------------------------------------------------------------------------------------


def test_the_delivery_is_named_by_the_webhook_id_then_by_the_event_then_by_its_bytes() -> None:
    body = json.dumps({"event": {"id": "E1"}}).encode()

    assert PAGERDUTY.external_id(inbound(body, x_webhook_id="W1")) == "W1"
    assert PAGERDUTY.external_id(inbound(body)) == "E1"
    assert PAGERDUTY.external_id(inbound(b"no json")) == hashlib.sha256(b"no json").hexdigest()
    assert PAGERDUTY.external_id(inbound(body, x_webhook_id="W" * 201)) == hashlib.sha256(body).hexdigest()


# --- what events mean ---------------------------------------------------------------------------------------------------


def test_a_triggered_incident_is_read_whole() -> None:
    (event,) = PAGERDUTY.parse(inbound((FIXTURES / "incident.triggered.json").read_bytes()))

    assert event == Event(
        source="pagerduty",
        kind=EventKind.INCIDENT,
        event_type="incident.triggered",
        dedupe_key="Q1CHECKOUT0001",
        occurred_at=1795169107.25,
        started_at=1795169106.0,
        action=Action.TRIGGERED,
        status="triggered",
        title="[FIRING:1] CheckoutLatencyHigh p99 2.4s on checkout-7d9f8b6c5d-x2x4k",
        symptom="checkoutlatencyhigh p99 # on checkout-#",
        severity="critical",
        service=ServiceReference(vendor_id="PCHECK1", name="Checkout"),
        actor="Prometheus",
        url="https://shop.pagerduty.test/incidents/Q1CHECKOUT0001",
        number=412,
        assignees=("Ada Lovelace",),
        priority="",
        urgency="high",
        labels={"incident_key": "checkout-latency", "escalation_policy": "Shop on call", "teams": "Shop"},
    )


def test_a_note_belongs_to_the_incident_that_it_refers_to() -> None:
    (event,) = PAGERDUTY.parse(inbound((FIXTURES / "incident.annotated.json").read_bytes()))

    assert (event.dedupe_key, event.action, event.status) == ("Q1CHECKOUT0001", Action.ANNOTATED, None)
    assert event.text == "Connection pool of payments looks exhausted."
    assert event.actor == "Ada Lovelace"
    assert event.assignees is None
    assert event.priority is None


@pytest.mark.parametrize(
    ("event_type", "action", "status"),
    [
        ("incident.triggered", Action.TRIGGERED, "triggered"),
        ("incident.acknowledged", Action.ACKNOWLEDGED, "acknowledged"),
        ("incident.unacknowledged", Action.UNACKNOWLEDGED, "triggered"),
        ("incident.reassigned", Action.REASSIGNED, None),
        ("incident.escalated", Action.ESCALATED, None),
        ("incident.delegated", Action.DELEGATED, None),
        ("incident.priority_updated", Action.PRIORITY_CHANGED, None),
        ("incident.reopened", Action.REOPENED, "triggered"),
        ("incident.resolved", Action.RESOLVED, "resolved"),
        ("incident.service_updated", Action.UPDATED, None),
        ("incident.incident_type.changed", Action.UPDATED, None),
    ],
)
def test_a_bare_incident_is_enough(event_type: str, action: Action, status: str | None) -> None:
    event = parse(message(event_type, {"id": "P1"}))

    assert (event.dedupe_key, event.action, event.status) == ("P1", action, status)
    assert event.started_at == event.occurred_at


def test_the_status_in_the_data_wins_over_the_types_usual_one() -> None:
    assert parse(message("incident.reassigned", {"id": "P1", "status": "acknowledged"})).status == "acknowledged"
    assert parse(message("incident.resolved", {"id": "P1", "status": "odd"})).status == "resolved"


@pytest.mark.parametrize(
    ("priority", "urgency", "severity"),
    [
        ("P1", "low", "critical"),
        ("SEV-2", "high", "error"),
        ("p3", "high", "warning"),
        ("P5", "high", "info"),
        ("Urgent", "low", "warning"),
        (None, "high", "critical"),
        (None, None, ""),
    ],
)
def test_the_severity_follows_the_priority_then_the_urgency(
    priority: str | None, urgency: str | None, severity: str
) -> None:
    data = {"id": "P1", "priority": priority and {"summary": priority}, "urgency": urgency}
    assert parse(message("incident.triggered", data)).severity == severity


@pytest.mark.parametrize("number", [7, "7", 7.0])
def test_numbers_may_be_texts(number: object) -> None:
    assert parse(message("incident.triggered", {"id": "P1", "number": number})).number == 7


def test_null_objects_are_absent_ones() -> None:
    data = dict.fromkeys(
        ("title", "service", "assignees", "escalation_policy", "teams", "priority", "conference_bridge", "number"), None
    )
    event = parse(message("incident.triggered", {"id": "P1", **data}, agent=None, client=None))

    assert (event.title, event.service, event.actor, event.number) == ("", ServiceReference(), "", None)
    assert event.assignees == ()


def test_a_merged_incident_says_where_it_went() -> None:
    reason = {"type": "merge_resolve_reason", "incident": {"id": "P2", "summary": "The big one"}}
    assert parse(message("incident.resolved", {"id": "P1", "resolve_reason": reason})).text == "merged into The big one"


@pytest.mark.parametrize("event_type", ["pagey.ping", "incident.invented", "service.updated"])
def test_what_says_nothing_here_is_ignored_with_a_reason(event_type: str) -> None:
    event = parse({"event": {"id": "E9", "event_type": event_type}})

    assert event.kind is EventKind.IGNORED
    assert event.reason
    assert event.occurred_at == RECEIVED


def test_a_note_without_its_incident_is_ignored_with_a_reason() -> None:
    event = parse(message("incident.annotated", {"content": "words", "incident": None}))
    assert (event.kind, event.reason) == (EventKind.IGNORED, "incident.annotated names no incident")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "the body must be JSON"),
        (b"[1]", "the body must be a JSON object, got a list"),
        (b"{}", "`event` must be an object, and it is missing"),
        (b'{"event": 3}', "`event` must be an object, got 3"),
        (b'{"event": {}}', "`event.event_type` must be a non-empty text, and it is missing"),
        (b'{"event": {"event_type": "incident.triggered", "data": null}}', "`event.data` must be an object, got null"),
        (
            b'{"event": {"event_type": "incident.triggered", "data": {"id": ""}}}',
            "`event.data.id` must be a non-empty text, got ''",
        ),
        (
            b'{"event": {"event_type": "incident.triggered", "occurred_at": "soon", "data": {"id": "P"}}}',
            "`event.occurred_at` must be an RFC 3339 time or Unix seconds, got 'soon'",
        ),
        (b"[" * 100_000, "the body must be JSON"),
        (b"\xff\xfe\xfd", "the body must be JSON"),
        (b'{"event": NaN}', "the body must be JSON: NaN is not a JSON value"),
    ],
)
def test_a_broken_envelope_is_told_by_its_field(body: bytes, said: str) -> None:
    with pytest.raises(BadPayload) as caught:
        PAGERDUTY.parse(inbound(body))
    assert said in str(caught.value)


# --- the vendor's own payloads ------------------------------------------------------------------------------------------

BUMP, AN, TASK = "PGR0VU2", "PBAZLIU", "Q0SDD3HB6SGFTI"
COMPOSED: dict[str, tuple[Action | None, str | None, str, str]] = {
    "incident.acknowledged": (Action.ACKNOWLEDGED, "acknowledged", BUMP, ""),
    "incident.action_invocation.created": (Action.UPDATED, None, AN, "automation started: A Helpful Action (created)"),
    "incident.action_invocation.terminated": (Action.UPDATED, None, AN, "automation ended: A Helpful Action (created)"),
    "incident.action_invocation.updated": (Action.UPDATED, None, AN, "automation updated: A Helpful Action (created)"),
    "incident.annotated": (Action.ANNOTATED, None, BUMP, "I sure am glad we are using PagerDuty!"),
    "incident.conference_bridge.updated": (
        Action.UPDATED,
        None,
        BUMP,
        "conference bridge: https://example.com, +1-555-555-5555",
    ),
    "incident.custom_field_values.updated": (Action.UPDATED, None, AN, "environment: staging → production"),
    "incident.delegated": (Action.DELEGATED, "triggered", BUMP, ""),
    "incident.escalated": (Action.ESCALATED, "triggered", BUMP, ""),
    "incident.incident_type.changed": (Action.UPDATED, "triggered", BUMP, "the incident's type is now major"),
    "incident.priority_updated": (Action.PRIORITY_CHANGED, "triggered", BUMP, ""),
    "incident.reassigned": (Action.REASSIGNED, "triggered", BUMP, ""),
    "incident.reopened": (Action.REOPENED, "triggered", BUMP, ""),
    "incident.resolved": (Action.RESOLVED, "resolved", BUMP, ""),
    "incident.responder.added": (
        Action.UPDATED,
        None,
        BUMP,
        "Maeve was asked to help (pending): Please help me make the tests pass",
    ),
    "incident.responder.replied": (
        Action.UPDATED,
        None,
        BUMP,
        "Maeve replied pending: Please help me make the tests pass",
    ),
    "incident.role.assigned": (Action.UPDATED, None, AN, "Role Display Name: User 1810194"),
    "incident.service_updated": (Action.UPDATED, "triggered", BUMP, "moved to the service API Service"),
    "incident.status_update_published": (Action.UPDATED, None, BUMP, "A fix for this incident is being developed"),
    "incident.task.completed": (
        Action.UPDATED,
        None,
        TASK,
        "task completed: A thing that needs to be done (A description of the task)",
    ),
    "incident.task.created": (
        Action.UPDATED,
        None,
        TASK,
        "task created: A thing that needs to be done (A description of the task)",
    ),
    "incident.task.updated": (
        Action.UPDATED,
        None,
        TASK,
        "task updated: A thing that needs to be done (A description of the task)",
    ),
    "incident.triggered": (Action.TRIGGERED, "triggered", BUMP, ""),
    "incident.unacknowledged": (Action.UNACKNOWLEDGED, "triggered", BUMP, ""),
    "incident.workflow.completed": (Action.UPDATED, None, AN, "workflow completed: A Workflow Name"),
    "incident.workflow.started": (Action.UPDATED, None, AN, "workflow started: A Workflow Name"),
    "service.created": (None, None, "", ""),
    "service.custom_field_values.updated": (None, None, "", ""),
    "service.deleted": (None, None, "", ""),
    "service.updated": (None, None, "", ""),
}


def test_thirty_event_types_are_known() -> None:
    assert len(EVENT_TYPES) == 30
    assert set(COMPOSED) == EVENT_TYPES


def test_the_vendors_folder_has_no_type_that_is_not_known(shared: Path) -> None:
    folder = shared / "vendor/payloads/pagerduty/composed"
    assert {path.stem for path in folder.glob("*.json")} == EVENT_TYPES


@pytest.mark.parametrize("event_type", sorted(COMPOSED))
def test_each_documented_event_is_read(event_type: str, shared: Path) -> None:
    body = (shared / f"vendor/payloads/pagerduty/composed/{event_type}.json").read_bytes()
    action, status, key, said = COMPOSED[event_type]

    (event,) = PAGERDUTY.parse(inbound(body))

    assert event.event_type == event_type
    assert event.occurred_at == 1601664322.169
    assert event.actor == "Tenex Engineer"
    assert event.action is action
    if action is None:
        assert (event.kind, bool(event.reason)) == (EventKind.IGNORED, True)
    else:
        assert (event.kind, event.dedupe_key, event.status, event.text) == (EventKind.INCIDENT, key, status, said)
        assert event.reason == ""


def test_the_documentations_own_message_is_read(shared: Path) -> None:
    body = (shared / "vendor/payloads/pagerduty/verbatim/webhook.incident.priority_updated.json").read_bytes()

    (event,) = PAGERDUTY.parse(inbound(body))

    assert (event.number, event.priority, event.urgency, event.severity) == (2, "P1", "high", "critical")
    assert event.started_at == 1586445387.0
    assert (event.title, event.symptom) == ("A little bump in the road", "a little bump in the road")
    assert event.service == ServiceReference(vendor_id="PF9KMXH", name="API Service")
    assert event.assignees == ("User 123",)
    assert event.labels == {
        "incident_key": "d3640fbd41094207a1c11e58e46b1662",
        "escalation_policy": "Default",
        "teams": "Engineering",
    }


def test_a_service_message_of_the_documentation_is_ignored(shared: Path) -> None:
    body = (shared / "vendor/payloads/pagerduty/verbatim/webhook.service.updated.json").read_bytes()
    (event,) = PAGERDUTY.parse(inbound(body))
    assert event.kind is EventKind.IGNORED
