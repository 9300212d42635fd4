"""Datadog: the token in its custom headers, and the payload that its documentation page words."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from integrations.base import Action, BadPayload, Event, EventKind, Inbound, NotGenuine
from integrations.datadog import TEMPLATE, Datadog, DatadogCredentials
from tests.integrations.signers import bearer

TRIGGERED = json.loads((Path(__file__).parent / "fixtures" / "datadog" / "triggered.json").read_text())
DATADOG = Datadog()


def event(**changed: Any) -> Event:
    (found,) = DATADOG.parse(Inbound({}, json.dumps({**TRIGGERED, **changed}).encode(), 1_800_000_000.0))
    return found


def test_the_template_of_the_page_has_just_what_is_read() -> None:
    assert set(TEMPLATE) == set(TRIGGERED)
    page = (Path(__file__).parents[2] / "docs" / "integrations" / "datadog.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^```json\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert json.loads(shown) == TEMPLATE


@pytest.mark.parametrize(
    ("headers", "genuine"),
    [
        (bearer("right"), True),
        ({"X-Copilot-Token": "right"}, True),
        ({"X-Copilot-Token": "wrong"}, False),
        ({"X-Copilot-Token": ""}, False),
        ({**bearer("right"), "X-Copilot-Token": "wrong"}, True),
        ({}, False),
    ],
)
def test_the_token_comes_in_either_header(headers: dict[str, str], genuine: bool) -> None:
    inbound = Inbound({name.lower(): value for name, value in headers.items()}, b"{}", 0.0)
    held = DatadogCredentials.model_validate({"token": "right"})
    if genuine:
        DATADOG.verify(inbound, held)
    else:
        with pytest.raises(NotGenuine):
            DATADOG.verify(inbound, held)
    with pytest.raises(NotGenuine, match="has no token"):
        DATADOG.verify(inbound, DatadogCredentials())


def test_a_trigger_is_an_incident_of_the_tagged_service() -> None:
    found = event()
    assert (found.action, found.status, found.severity) == (Action.TRIGGERED, "triggered", "critical")
    assert (found.title, found.symptom) == ("Checkout p95 latency is high", "checkout p95 latency is high")
    assert (found.service.name, found.service.namespace) == ("checkout", "shop")
    assert (found.started_at, found.dedupe_key) == (1795169106.0, "8123456789012345678")
    assert found.url == "https://app.datadoghq.com/event/event?id=6212345678901234567"
    assert found.labels["team"] == "shop"


def test_a_recovery_has_the_trigger_s_key() -> None:
    recovered = event(alert_transition="Recovered", alert_type="success")
    assert (recovered.action, recovered.status) == (Action.RESOLVED, "resolved")
    assert recovered.dedupe_key == event().dedupe_key
    without = {"alert_cycle_key": "$ALERT_CYCLE_KEY"}
    assert event(**without).dedupe_key == "7912345:service:checkout,kube_namespace:shop"
    assert event(**without, alert_transition="Recovered").dedupe_key == event(**without).dedupe_key


@pytest.mark.parametrize(
    ("changed", "severity"),
    [
        ({"alert_priority": "P3"}, "warning"),
        ({"alert_priority": ""}, "error"),
        ({"alert_priority": "$ALERT_PRIORITY", "alert_transition": "Warn"}, "warning"),
        ({"alert_priority": "normal", "alert_transition": "No Data"}, "warning"),
        ({"alert_priority": "", "alert_transition": "Re-Triggered"}, "error"),
    ],
)
def test_the_severity_is_the_priority_s_or_the_kind_s(changed: dict[str, str], severity: str) -> None:
    assert event(**changed).severity == severity
    assert event(**changed).action is Action.TRIGGERED


def test_what_no_monitor_sent_is_ignored() -> None:
    for transition in ("", "$ALERT_TRANSITION", None, "Muted"):
        found = event(alert_transition=transition)
        assert (found.kind, found.action) == (EventKind.IGNORED, None)
        assert found.reason


def test_a_monitor_without_a_title_is_told() -> None:
    with pytest.raises(BadPayload, match="`alert_title` must be a non-empty text"):
        event(alert_title="$ALERT_TITLE")


def test_the_prefix_of_a_state_is_no_part_of_the_title() -> None:
    assert event(alert_title="[P2] [Re-Triggered on {host:a}] Disk is full").title == "Disk is full"


def test_the_template_that_the_vendor_s_own_documents_show_is_read(shared: Path) -> None:
    written = (shared / "vendor/payloads/datadog/webhook_template_variables.json").read_text()
    values = {f"${key.upper()}": str(value) for key, value in TRIGGERED.items()} | {
        "$ALERT_TRANSITION": "Triggered", "$EVENT_MSG": "p95 over 1 s", "$EVENT_TITLE": "[Triggered] x", "$TAGS": "service:checkout",
    }  # fmt: skip
    filled = re.sub(r"\$[A-Z_]+", lambda match: json.dumps(values.get(match[0], ""))[1:-1], written)
    (found,) = DATADOG.parse(Inbound({}, filled.encode(), 1_800_000_000.0))
    assert (found.title, found.service.name, found.severity) == ("Checkout p95 latency is high", "checkout", "critical")
