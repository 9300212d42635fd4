"""Alerts from every source that sends them: signed webhook, incident, resolution; and a wrong signature."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.db import OperationalError

from copilot import connections
from copilot.guard.tenancy import tenant_scope
from copilot.models import Delivery, EventRecord, Incident, Service
from copilot.stages.ingest import ingest
from copilot.web import webhooks
from copilot.web.inbox import Inbox
from integrations import registry
from tests.integrations.signers import TOPIC, Amazon, bearer, hexed

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.testclient import TestClient

    from copilot.models import Tenant

pytestmark = pytest.mark.usefixtures("hints")

FIXTURES = Path(__file__).parents[1] / "integrations" / "fixtures"
NOW = time.time()
BEGAN = datetime.fromtimestamp(NOW - 120, UTC).isoformat()
ENDED = datetime.fromtimestamp(NOW - 30, UTC).isoformat()
AMAZON = Amazon()
SECRET = "a secret of the test"


def fixture(name: str) -> Any:
    return json.loads((FIXTURES / name).read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Source:
    """How a source is connected, what it sends when something fires and ends, and what the incident is then."""

    kind: str
    values: dict[str, str]
    sign: Callable[[dict[str, str], bytes], dict[str, str]]
    fires: Callable[[], Any]
    ends: Callable[[], Any]
    title: str
    severity: str
    symptom: str


def by_token(field: str = "token", header: str = "Authorization") -> Callable[[dict[str, str], bytes], dict[str, str]]:
    return lambda made, _: bearer(made[field]) if header == "Authorization" else {header: made[field]}


def grafana(status: str) -> Any:
    body = fixture("grafana/firing.json")
    alert = {**body["alerts"][0], "status": status, "startsAt": BEGAN}
    if status == "resolved":
        alert["endsAt"] = ENDED
    return {**body, "status": status, "alerts": [alert]}


def datadog(transition: str, at: float) -> Any:
    moment = f"{at * 1000:.0f}"
    return {**fixture("datadog/triggered.json"), "alert_transition": transition, "date": moment, "last_updated": moment}


def opsgenie(action: str, at: float) -> Any:
    body = fixture("opsgenie/create.json")
    began = int((NOW - 120) * 1000)
    return {**body, "action": action, "alert": {**body["alert"], "createdAt": began, "updatedAt": int(at * 1000)}}


def sentry_issue() -> Any:
    body = fixture("sentry/event_alert.json")
    body["data"]["event"] |= {"datetime": BEGAN, "timestamp": NOW - 120}
    return body


def sentry_metric(action: str) -> Any:
    body = fixture("sentry/metric_alert.json")
    body["action"] = action
    body["data"]["metric_alert"] |= {"date_started": BEGAN, "date_closed": ENDED if action == "resolved" else None}
    return body


def cloudwatch(state: str, at: float) -> Any:
    alarm = json.loads(fixture("cloudwatch/alarm.json")["Message"])
    alarm |= {"NewStateValue": state, "StateChangeTime": datetime.fromtimestamp(at, UTC).isoformat()}
    return AMAZON.message(alarm, at=at)


def cloud_event(word: str, at: str) -> Any:
    event = fixture("cloudevents/structured.json")
    return {**event, "id": word, "type": f"com.example.alert.{word}", "time": at}


def jira(category: str, at: float) -> Any:
    body = fixture("jira/created.json")
    body["issue"]["fields"] |= {"created": BEGAN, "status": {"statusCategory": {"key": category}}}
    changed = {"webhookEvent": "jira:issue_updated", "changelog": {"items": [{"field": "status"}]}}
    return {**body, "timestamp": int(at * 1000), **(changed if category == "done" else {})}


def plain(status: str) -> Any:
    return {**fixture("webhook/firing.json"), "status": status, "started_at": BEGAN, "service": "checkout"}


SOURCES = [
    Source(
        "grafana", {}, by_token("bearer_token"), lambda: grafana("firing"), lambda: grafana("resolved"),
        "Checkout answers slowly", "critical", "Checkout p95 latency",
    ),
    Source(
        "grafana", {"hmac_secret": SECRET}, lambda _, body: {"X-Grafana-Alerting-Signature": hexed(SECRET, body)},
        lambda: grafana("firing"), lambda: grafana("resolved"),
        "Checkout answers slowly", "critical", "Checkout p95 latency",
    ),
    Source(
        "datadog", {}, by_token(), lambda: datadog("Triggered", NOW - 120), lambda: datadog("Recovered", NOW - 30),
        "Checkout p95 latency is high", "critical", "checkout p95 latency is high",
    ),
    Source(
        "opsgenie", {}, by_token(header="X-Copilot-Token"), lambda: opsgenie("Create", NOW - 120),
        lambda: opsgenie("Close", NOW - 30),
        "Checkout p95 latency is high", "critical", "checkout p95 latency is high",
    ),
    Source(
        "jira", {"webhook_secret": SECRET}, lambda _, body: {"X-Hub-Signature": f"sha256={hexed(SECRET, body)}"},
        lambda: jira("new", NOW - 120), lambda: jira("done", NOW - 30),
        "Checkout p95 latency is high", "critical", "checkout p95 latency is high",
    ),
    Source(
        "sentry", {"client_secret": SECRET}, lambda _, body: {"Sentry-Hook-Signature": hexed(SECRET, body)},
        sentry_issue, lambda: fixture("sentry/issue.resolved.json"),
        "PoolTimeout: no connection within 30 s", "error", "pooltimeout: no connection within #",
    ),
    Source(
        "sentry", {"client_secret": SECRET}, lambda _, body: {"Sentry-Hook-Signature": hexed(SECRET, body)},
        lambda: sentry_metric("critical"), lambda: sentry_metric("resolved"),
        "Too many errors", "critical", "too many errors",
    ),
    Source(
        "cloudwatch", {"topics": TOPIC}, lambda *_: {}, lambda: cloudwatch("ALARM", NOW - 120),
        lambda: cloudwatch("OK", NOW - 30),
        "checkout-p95-latency", "critical", "checkout-p95-latency",
    ),
    Source(
        "cloudevents", {}, by_token(), lambda: cloud_event("firing", BEGAN), lambda: cloud_event("resolved", ENDED),
        "Checkout p95 latency is high", "critical", "checkout p95 latency is high",
    ),
    Source(
        "webhook", {}, by_token(header="X-Copilot-Token"), lambda: plain("firing"), lambda: plain("ok"),
        "Backup of orders failed", "error", "backup of orders failed",
    ),
]  # fmt: skip
WRONG = {
    **bearer("wrong"),
    "X-Copilot-Token": "wrong",
    "Sentry-Hook-Signature": hexed("guessed", b""),
    "X-Grafana-Alerting-Signature": hexed("guessed", b""),
    "X-Hub-Signature": f"sha256={hexed('guessed', b'')}",
}
EVERY = pytest.mark.parametrize("source", [pytest.param(one, id=f"{one.kind}-{one.title[:9]}") for one in SOURCES])


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "inbox", Inbox())
    monkeypatch.setattr(webhooks, "way_out", AMAZON.door)


@dataclass(frozen=True)
class Connected:
    path: str
    made: dict[str, str]


def connect(tenant: Tenant, kind: str, values: dict[str, str]) -> Connected:
    opened = connections.connect(tenant.id, kind, values, actor="test")
    return Connected(opened.webhook_url.removeprefix("http://127.0.0.1:8000"), opened.generated)


def send(api: TestClient, source: Source, door: Connected, payload: Any, headers: dict[str, str] | None = None) -> Any:
    body = json.dumps(payload).encode()
    sent = source.sign(door.made, body) if headers is None else headers
    return api.post(door.path, content=body, headers={"Content-Type": "application/json", **sent})


def forged(source: Source) -> Any:
    """What the source would send, changed where the signature is in the body itself."""
    payload = source.fires()
    if source.kind == "cloudwatch":
        payload["Message"] = payload["Message"].replace("critical", "info")
    return payload


@EVERY
def test_a_signed_alert_becomes_an_incident_and_its_end_resolves_it(
    source: Source, committed_db: str, tenant: Tenant, checkout: Service, api: TestClient
) -> None:
    door = connect(tenant, source.kind, source.values)

    for wrong in (WRONG, {}):
        assert send(api, source, door, forged(source), wrong).status_code == 401
    assert ingest(tenant.id).handled == 0

    assert send(api, source, door, source.fires()).status_code == 202
    begun = ingest(tenant.id)
    with tenant_scope(tenant.id):
        incident = Incident.objects.select_related("service").get()
    assert (incident.title, incident.severity, incident.symptom) == (source.title, source.severity, source.symptom)
    assert (incident.service, incident.status, incident.source) == (checkout, "triggered", source.kind)
    assert abs(incident.started_at.timestamp() - (NOW - 120)) < 2
    assert len(begun.runs) == 1

    assert send(api, source, door, source.ends()).status_code == 202
    ingest(tenant.id)
    with tenant_scope(tenant.id):
        resolved = Incident.objects.select_related("service").get()
        assert not Delivery.objects.exclude(error="").exists()
    assert (resolved.id, resolved.status) == (incident.id, "resolved")
    assert resolved.resolved_at is not None


def test_the_same_symptom_from_two_sources_is_one_incident(
    committed_db: str, tenant: Tenant, checkout: Service, api: TestClient
) -> None:
    two = [one for one in SOURCES if one.symptom == "checkout p95 latency is high"]
    assert {one.kind for one in two} == {"datadog", "opsgenie", "jira", "cloudevents"}
    for source in two:
        assert send(api, source, connect(tenant, source.kind, source.values), source.fires()).status_code == 202
    ingest(tenant.id)

    with tenant_scope(tenant.id):
        incident = Incident.objects.select_related("service").get()
        assert set(EventRecord.objects.values_list("source", "incident_id")) == {(one.kind, incident.id) for one in two}


def test_every_source_of_alerts_is_here() -> None:
    known = {slug for slug, one in registry.integrations().items() if one.receives and "incidents" in one.gives}
    assert known - {"pagerduty", "alertmanager"} == {one.kind for one in SOURCES}


# --- what some vendors ask first ----------------------------------------------------------------------------------------


def test_a_subscription_of_sns_is_confirmed_for_the_topic_that_is_named_alone(
    committed_db: str, tenant: Tenant, api: TestClient
) -> None:
    door = connect(tenant, "cloudwatch", {"topics": TOPIC})
    source = next(one for one in SOURCES if one.kind == "cloudwatch")
    AMAZON.confirmed.clear()
    other = TOPIC.replace("alarms", "others")
    url = f"https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={other}&Token=1"
    stranger = AMAZON.message("hello", at=NOW, kind="SubscriptionConfirmation", TopicArn=other, SubscribeURL=url)

    assert send(api, source, door, stranger).status_code == 401
    assert AMAZON.confirmed == []

    asked = AMAZON.message("hello", at=NOW, kind="SubscriptionConfirmation")
    assert send(api, source, door, asked).status_code == 202
    assert AMAZON.confirmed == [asked["SubscribeURL"]]
    ingest(tenant.id)
    with tenant_scope(tenant.id):
        record = EventRecord.objects.get()
    assert (record.kind, record.envelope["reason"]) == ("ignored", "the subscription was confirmed")


def test_sns_is_told_to_send_again_where_its_certificate_cannot_be_had(
    committed_db: str, tenant: Tenant, api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.integrations.door import FakeDoor, unreachable

    door = connect(tenant, "cloudwatch", {"topics": TOPIC})
    source = next(one for one in SOURCES if one.kind == "cloudwatch")
    monkeypatch.setattr(webhooks, "way_out", lambda: FakeDoor(unreachable))
    monkeypatch.setattr(registry.get("cloudwatch").certificates, "kept", {})  # type: ignore[attr-defined]

    answer = send(api, source, door, source.fires())

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")


def test_a_binary_cloud_event_keeps_the_headers_that_say_what_it_is(
    committed_db: str, tenant: Tenant, checkout: Service, api: TestClient
) -> None:
    door = connect(tenant, "cloudevents", {})
    headers = {
        **bearer(door.made["token"]), "Content-Type": "application/json", "ce-specversion": "1.0", "ce-id": "1",
        "ce-source": "/shop/monitor", "ce-type": "com.example.alert.firing", "ce-subject": "checkout", "ce-time": BEGAN,
    }  # fmt: skip

    assert api.post(door.path, content=b'{"title": "Slow%20"}', headers=headers).status_code == 202
    ingest(tenant.id)

    with tenant_scope(tenant.id):
        incident = Incident.objects.select_related("service").get()
        assert set(Delivery.objects.get().headers) >= {"ce-id", "ce-type", "content-type"}
        assert "authorization" not in Delivery.objects.get().headers
    assert (incident.title, incident.service) == ("Slow%20", checkout)


def test_a_source_of_cloud_events_may_ask_whether_it_may_send(
    committed_db: str, tenant: Tenant, api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = connect(tenant, "cloudevents", {})
    asked = {"WebHook-Request-Origin": "eventemitter.example.com", "WebHook-Request-Rate": "120"}

    answer = api.options(door.path, headers=asked)

    assert answer.status_code == 200
    assert answer.headers["WebHook-Allowed-Origin"] == "eventemitter.example.com"
    assert answer.headers["WebHook-Allowed-Rate"] == "120"
    assert api.options(door.path).status_code == 405
    assert api.options("/hooks/cloudevents/unknown-key", headers=asked).status_code == 404
    assert api.options(connect(tenant, "datadog", {}).path, headers=asked).status_code == 405

    async def gone(_: str) -> None:
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(webhooks.inbox, "door", gone)
    assert api.options(door.path, headers=asked).status_code == 503


def test_a_mapping_reads_what_a_sender_calls_otherwise_and_says_what_it_misses(
    committed_db: str, tenant: Tenant, checkout: Service, api: TestClient
) -> None:
    written = "title: trigger.name\nstatus: event.value\nstatuses: {1: triggered, 0: resolved}\nservice: host\n"
    door = connect(tenant, "webhook", {"mapping": written})
    headers = {"X-Copilot-Token": door.made["token"]}
    body = {"trigger": {"name": "Too slow"}, "event": {"value": "1"}, "host": "checkout"}

    refused = api.post(door.path, json={**body, "event": {"value": "9"}}, headers=headers)
    assert refused.status_code == 422
    assert refused.json()["detail"] == (
        "`status` (looked for at `event.value`) is '9', which is no known word; say in `statuses` what it means"
    )
    assert api.post(door.path, json=body, headers=headers).status_code == 202
    assert api.post(door.path, json={**body, "event": {"value": 0}}, headers=headers).status_code == 202
    ingest(tenant.id)
    with tenant_scope(tenant.id):
        incident = Incident.objects.select_related("service").get()
    assert (incident.title, incident.service, incident.status) == ("Too slow", checkout, "resolved")
