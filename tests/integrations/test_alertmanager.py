"""Alertmanager's notifications: the token, and one event for each alert."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from integrations.alertmanager import Alertmanager, AlertmanagerCredentials
from integrations.base import Action, BadPayload, Event, EventKind, Inbound, NotGenuine, ServiceReference

TOKEN = "a token with : in it"
FIXTURES = Path(__file__).parent / "fixtures" / "alertmanager"
ALERTMANAGER = Alertmanager()
RECEIVED = 1_800_000_000.0


def inbound(body: bytes, authorization: str = "") -> Inbound:
    return Inbound({"authorization": authorization}, body, RECEIVED)


def parse(*alerts: object, **payload: object) -> tuple[Event, ...]:
    return ALERTMANAGER.parse(inbound(json.dumps({"version": "4", "alerts": alerts, **payload}).encode()))


def firing(**labels: str) -> Event:
    (event,) = parse({"status": "firing", "labels": labels})
    return event


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("authorization", "genuine"),
    [
        (f"Bearer {TOKEN}", True),
        (f"bearer  {TOKEN} ", True),
        (basic("anyone", TOKEN), True),
        (basic("", TOKEN), True),
        ("", False),
        ("Bearer", False),
        (f"Bearer {TOKEN}x", False),
        (f"Token {TOKEN}", False),
        (TOKEN, False),
        (basic(TOKEN, ""), False),
        ("Basic !!!", False),
        ("Basic ü", False),
        ("Basic " + base64.b64encode(b"\xff:\xff").decode(), False),
        ("Bearer ü", False),
    ],
)
def test_the_token_comes_as_bearer_or_as_basic_password(authorization: str, genuine: bool) -> None:
    credentials = AlertmanagerCredentials.model_validate({"bearer_token": TOKEN})
    if genuine:
        ALERTMANAGER.verify(inbound(b"{}", authorization), credentials)
    else:
        with pytest.raises(NotGenuine):
            ALERTMANAGER.verify(inbound(b"{}", authorization), credentials)


@pytest.mark.parametrize("token", [None, ""])
def test_without_a_token_nothing_is_genuine(token: str | None) -> None:
    with pytest.raises(NotGenuine):
        ALERTMANAGER.verify(inbound(b"{}", "Bearer "), AlertmanagerCredentials.model_validate({"bearer_token": token}))


def test_the_product_makes_up_the_token() -> None:
    assert ALERTMANAGER.generated == ("bearer_token",)


def test_a_notification_is_one_event_for_each_alert() -> None:
    latency, pod = ALERTMANAGER.parse(inbound((FIXTURES / "firing.json").read_bytes()))

    assert latency == Event(
        source="alertmanager",
        kind=EventKind.INCIDENT,
        event_type="alert.firing",
        dedupe_key="045a4bd19bda6345",
        occurred_at=1795169106.434234,
        started_at=1795169106.434234,
        action=Action.TRIGGERED,
        status="triggered",
        title="Checkout answers slowly",
        symptom="CheckoutLatencyHigh",
        severity="critical",
        service=ServiceReference(
            name="checkout",
            namespace="shop",
            labels={
                "alertname": "CheckoutLatencyHigh",
                "service": "checkout",
                "namespace": "shop",
                "severity": "critical",
            },
        ),
        url="http://prometheus.shop.test/graph?g0.expr=x",
        text="The 99th percentile is 2.4 s.",
        labels={
            "runbook_url": "https://runbooks.shop.test/checkout",
            "alertname": "CheckoutLatencyHigh",
            "service": "checkout",
            "namespace": "shop",
            "severity": "critical",
        },
    )
    assert (pod.action, pod.status, pod.title) == (Action.RESOLVED, "resolved", "KubePodNotReady")
    assert (pod.started_at, pod.occurred_at) == (1795168800.0, 1795169040.0)
    assert (pod.service.name, pod.service.namespace) == ("payments", "shop")
    assert pod.url == "http://alertmanager.shop.test"


@pytest.mark.parametrize(
    ("labels", "name"),
    [
        ({"service": "cart", "app": "other", "job": "x"}, "cart"),
        ({"app": "cart", "job": "x"}, "cart"),
        ({"app_kubernetes_io_name": "cart"}, "cart"),
        ({"service": "monitoring-kube-state-metrics", "deployment": "cart"}, "cart"),
        ({"job": "kube-state-metrics", "statefulset": "cart-db"}, "cart-db"),
        ({"job": "kubelet", "pod": "cart-7d9f8b6c5d-x2x4k"}, "cart"),
        ({"pod": "cart-db-0"}, "cart-db"),
        ({"pod": "agent-x2x4k"}, "agent"),
        ({"pod": "lonely"}, "lonely"),
        ({"job": "cart"}, "cart"),
        ({"job": "node-exporter", "instance": "10.0.0.1:9100"}, ""),
        ({}, ""),
    ],
)
def test_the_service_is_told_by_the_labels(labels: dict[str, str], name: str) -> None:
    assert firing(**labels).service.name == name


@pytest.mark.parametrize(
    ("labels", "severity"),
    [
        ({"severity": "page"}, "critical"),
        ({"severity": "Critical"}, "critical"),
        ({"severity": "error"}, "error"),
        ({"severity": "warning"}, "warning"),
        ({"severity": "none"}, "info"),
        ({"severity": "odd", "priority": "P2"}, "error"),
        ({"severity": "odd"}, ""),
        ({}, ""),
    ],
)
def test_severities_have_four_words(labels: dict[str, str], severity: str) -> None:
    assert firing(**labels).severity == severity


@pytest.mark.parametrize("name", ["Watchdog", "InfoInhibitor"])
def test_what_fires_always_is_ignored_with_a_reason(name: str) -> None:
    event = firing(alertname=name)
    assert event.kind is EventKind.IGNORED
    assert name in event.reason


def test_a_repeat_with_another_end_is_the_same_alert() -> None:
    first, second = (
        parse({"status": "resolved", "fingerprint": "f", "startsAt": "2026-11-20T10:00:00Z", "endsAt": end})[0]
        for end in ("2026-11-20T10:04:00Z", "2026-11-20T10:05:00Z")
    )
    assert (first.dedupe_key, first.started_at) == (second.dedupe_key, second.started_at)
    assert second.occurred_at - first.occurred_at == 60


def test_an_alert_that_was_ended_by_its_end_alone_ended_when_that_was_told() -> None:
    (event,) = parse(
        {"status": "resolved", "fingerprint": "f", "startsAt": "2026-11-20T10:00:00Z", "endsAt": "2026-11-20T10:00:00Z"}
    )
    assert (event.occurred_at, event.started_at) == (RECEIVED, 1_795_168_800.0)


def test_an_alert_without_a_fingerprint_is_known_by_its_labels() -> None:
    one, same, other = (
        firing(**labels).dedupe_key for labels in ({"a": "1", "b": "2"}, {"b": "2", "a": "1"}, {"a": "2"})
    )
    assert one == same
    assert one != other


def test_addresses_that_are_none_are_left_out() -> None:
    (event,) = parse({"status": "firing", "generatorURL": "javascript:alert(1)"}, externalURL="ftp://x")
    assert event.url == ""


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("{}", "`alerts` must be a list, got null"),
        ('{"alerts": {}}', "`alerts` must be a list, got an object"),
        ('{"alerts": [1]}', "`alerts[0]` must be an object, got 1"),
        ('{"alerts": [{"status": "odd"}]}', "`alerts[0].status` must be firing or resolved, got 'odd'"),
        (
            '{"alerts": [{"status": "firing", "startsAt": "now"}]}',
            "`alerts[0].startsAt` must be an RFC 3339 time or Unix seconds, got 'now'",
        ),
    ],
)
def test_a_broken_notification_is_told_by_its_field(body: str, said: str) -> None:
    with pytest.raises(BadPayload) as caught:
        ALERTMANAGER.parse(inbound(body.encode()))
    assert str(caught.value) == said


def test_an_empty_notification_says_nothing() -> None:
    assert parse() == ()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("REAL_alertmanager_0.25_firing", ("PromUp", "self", "triggered", 1795214885.125, "warning")),
        ("REAL_alertmanager_0.33.1_firing", ("PaymentErrors", "payments", "triggered", 1795216684.434234, "critical")),
        ("REAL_alertmanager_0.33.1_resolved", ("PaymentErrors", "payments", "resolved", 1795216650.0, "critical")),
    ],
)
def test_notifications_of_real_servers_are_read(name: str, expected: tuple[object, ...], shared: Path) -> None:
    (event,) = ALERTMANAGER.parse(inbound((shared / f"vendor/payloads/alertmanager/{name}.json").read_bytes()))
    assert (event.symptom, event.service.name, event.status, event.started_at, event.severity) == expected
