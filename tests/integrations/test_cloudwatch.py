"""AWS CloudWatch: SNS' signature and certificate, its subscription, and alarms."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from integrations.base import Action, BadPayload, Event, EventKind, Inbound, NotGenuine, SourceError
from integrations.cloudwatch import CloudWatch, CloudWatchCredentials
from tests.integrations.door import Answer, FakeDoor, unreachable
from tests.integrations.signers import CERTIFICATE, HOST, TOPIC, Amazon

NOW = 1_795_169_200.0
ALARM = json.loads(
    json.loads((Path(__file__).parent / "fixtures" / "cloudwatch" / "alarm.json").read_text())["Message"]
)
HELD = CloudWatchCredentials(topics=TOPIC)


def amazon(**changed: Any) -> Amazon:
    return Amazon(starts=datetime.fromtimestamp(NOW, UTC) - timedelta(days=1), **changed)


def check(message: dict[str, Any], one: Amazon, *, at: float = NOW, to: CloudWatch | None = None) -> None:
    body = json.dumps(message).encode()
    (to or CloudWatch()).verify_by_asking(one.door(), Inbound({}, body, at), HELD)


def event(**changed: Any) -> Event:
    message = amazon().message({**ALARM, **changed}, at=NOW)
    (found,) = CloudWatch().parse(Inbound({}, json.dumps(message).encode(), NOW))
    return found


@pytest.mark.parametrize("version", ["1", "2"])
def test_both_versions_of_the_signature_are_checked_against_amazon_s_certificate(version: str) -> None:
    one = amazon()
    check(one.message("x", at=NOW, SignatureVersion=version), one)
    assert one.fetched == [CERTIFICATE]


@pytest.mark.parametrize("name", ["Message", "MessageId", "Subject", "Timestamp", "Type"])
def test_nothing_that_is_signed_can_be_changed(name: str) -> None:
    one = amazon()
    message = one.message("x", at=NOW)
    changed = {"Timestamp": "2026-11-20T10:05:00.000Z", "Type": "UnsubscribeConfirmation"}.get(name, "y")
    with pytest.raises(NotGenuine):
        check({**message, name: changed}, one)
    with pytest.raises(NotGenuine):
        check({key: value for key, value in message.items() if key != name}, one)


def test_a_message_without_a_subject_is_signed_without_it() -> None:
    one = amazon()
    check(one.message("x", at=NOW, Subject=None), one)


@pytest.mark.parametrize(
    "address",
    [
        "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem",
        "https://sns.eu-west-1.amazonaws.com.evil.example/SimpleNotificationService-1.pem",
        "https://sns.eu-west-1.amazonaws.com@evil.example/SimpleNotificationService-1.pem",
        "https://evil.example/sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/SimpleNotificationService-1.pem",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-1.pem",
        "https://s3.eu-west-1.amazonaws.com/bucket/mine.pem",
        "https://sns.eu-west-1.amazonaws.com/../x.pem",
        "https://sns.eu-west-1.amazonaws.com/x.pem?x=.pem",
        "https://sns.eu-west-1.amazonaws.com/x.pem#x",
        "https://sns.eu-west-1.amazonaws.com/x.txt",
        "https://[::1/x.pem",
        "",
    ],
)
def test_a_certificate_is_fetched_from_sns_alone(address: str) -> None:
    one = amazon()
    with pytest.raises(NotGenuine, match="SigningCertURL is no certificate of SNS"):
        check(one.message("x", at=NOW, SigningCertURL=address), one)
    assert one.fetched == []


def test_only_the_named_topics_count_and_nobody_is_asked_for_another() -> None:
    one = amazon()
    with pytest.raises(NotGenuine, match="a topic that this connection does not name"):
        check(one.message("x", at=NOW, TopicArn=TOPIC + "2"), one)
    assert one.fetched == []


@pytest.mark.parametrize("age", [3901, -301, 10 * 86_400])
def test_an_old_message_is_not_taken_again(age: float) -> None:
    one = amazon()
    with pytest.raises(NotGenuine, match="Timestamp is not of the last hour"):
        check(one.message("x", at=NOW - age), one)
    check(one.message("x", at=NOW - 3600), one)
    check(one.message("x", at=NOW + 200), one)


def test_a_certificate_is_fetched_once_a_day_and_must_be_valid() -> None:
    one, integration = amazon(lasts=timedelta(days=3)), CloudWatch()
    for _ in range(3):
        check(one.message("x", at=NOW), one, to=integration)
    assert len(one.fetched) == 1
    later = NOW + 86_401
    check(one.message("x", at=later), one, at=later, to=integration)
    assert len(one.fetched) == 2
    expired = NOW + 3 * 86_400
    with pytest.raises(NotGenuine, match="not valid now"):
        check(one.message("x", at=expired), one, at=expired, to=integration)


def test_what_cannot_be_asked_is_no_forgery() -> None:
    message = json.dumps(amazon().message("x", at=NOW)).encode()
    with pytest.raises(SourceError):
        CloudWatch().verify_by_asking(FakeDoor(unreachable), Inbound({}, message, NOW), HELD)

    def cut(*_: object) -> Answer:
        raise httpx.ReadError("cut off")

    with pytest.raises(SourceError, match=r"gave no answer when asked for the certificate \(ReadError\)"):
        CloudWatch().verify_by_asking(FakeDoor(cut), Inbound({}, message, NOW), HELD)
    with pytest.raises(SourceError, match="answered 403 when asked for the certificate"):
        CloudWatch().verify_by_asking(FakeDoor(lambda *_: (403, {}, "")), Inbound({}, message, NOW), HELD)
    with pytest.raises(NotGenuine, match="is no certificate"):
        CloudWatch().verify_by_asking(FakeDoor(lambda *_: (200, {}, "<html>")), Inbound({}, message, NOW), HELD)


@pytest.mark.parametrize(
    "address",
    [
        f"https://evil.example/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=1",
        f"http://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=1",
        f"{HOST}/?Action=DeleteTopic&TopicArn={TOPIC}",
        f"{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}2&Token=1",
        f"{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}&TopicArn={TOPIC}2&Token=1",
    ],
)
def test_a_subscription_is_confirmed_at_sns_for_its_own_topic_alone(address: str) -> None:
    one = amazon()
    with pytest.raises(NotGenuine, match="SubscribeURL"):
        check(one.message("x", at=NOW, kind="SubscriptionConfirmation", SubscribeURL=address), one)
    assert one.confirmed == []


def test_a_subscription_is_confirmed_once_its_message_is_genuine() -> None:
    one = amazon()
    message = one.message("x", at=NOW, kind="SubscriptionConfirmation")
    with pytest.raises(NotGenuine, match="does not match"):
        check({**message, "Token": "other"}, one)
    assert one.confirmed == []
    check(message, one)
    assert one.confirmed == [message["SubscribeURL"]]
    (found,) = CloudWatch().parse(Inbound({}, json.dumps(message).encode(), NOW))
    assert (found.kind, found.reason) == (EventKind.IGNORED, "the subscription was confirmed")


@pytest.mark.parametrize("topics", ["", "alarms", "arn:aws:sqs:eu-west-1:123456789012:alarms", f"{TOPIC},x"])
def test_a_topic_is_named_by_its_arn(topics: str) -> None:
    with pytest.raises(ValidationError, match="topic"):
        CloudWatchCredentials(topics=topics)


def test_the_message_s_id_is_the_delivery_s() -> None:
    message = amazon().message("x", at=NOW)
    assert CloudWatch().external_id(Inbound({}, json.dumps(message).encode(), NOW)) == message["MessageId"]
    assert len(CloudWatch().external_id(Inbound({}, b"{}", NOW))) == 64


# --- alarms -------------------------------------------------------------------------------------------------------------


def test_an_alarm_is_an_incident_with_what_its_description_says() -> None:
    found = event()
    assert (found.action, found.status, found.severity) == (Action.TRIGGERED, "triggered", "critical")
    assert (found.title, found.symptom) == ("checkout-p95-latency", "checkout-p95-latency")
    assert (found.service.name, found.service.namespace) == ("checkout", "shop")
    assert found.started_at == 1795169106.0
    assert found.url == (
        "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#alarmsV2:alarm/checkout-p95-latency"
    )
    assert (found.labels["metric"], found.labels["LoadBalancer"]) == (
        "TargetResponseTime",
        "app/shop/50dc6c495c0c9188",
    )
    ended = event(NewStateValue="OK")
    assert (ended.action, ended.status, ended.dedupe_key) == (Action.RESOLVED, "resolved", found.dedupe_key)


@pytest.mark.parametrize(
    ("dimensions", "name"),
    [
        ([{"name": "LoadBalancer", "value": "app/shop/50dc6c495c0c9188"}], "shop"),
        ([{"name": "ClusterName", "value": "prod"}, {"name": "ServiceName", "value": "checkout"}], "checkout"),
        ([{"name": "FunctionName", "value": "resize"}], "resize"),
        ([{"name": "DBInstanceIdentifier", "value": "orders-db"}], "orders-db"),
        ([{"name": "Currency", "value": "EUR"}], ""),
        (None, ""),
    ],
)
def test_without_a_description_a_dimension_names_the_service(dimensions: Any, name: str) -> None:
    found = event(AlarmDescription=None, Trigger={"MetricName": "x", "Dimensions": dimensions})
    assert (found.service.name, found.severity) == (name, "")


def test_what_says_nothing_about_an_alarm_is_ignored() -> None:
    unknown = event(NewStateValue="INSUFFICIENT_DATA")
    assert (unknown.kind, unknown.action) == (EventKind.IGNORED, None)
    for text in ("hello", '{"detail-type": "EC2 State-change"}', "[]"):
        message = amazon().message(text, at=NOW)
        (found,) = CloudWatch().parse(Inbound({}, json.dumps(message).encode(), NOW))
        assert (found.kind, found.reason) == (EventKind.IGNORED, "the message is no CloudWatch alarm")


def test_a_broken_alarm_is_told_by_its_field() -> None:
    with pytest.raises(BadPayload, match=r"`Message\.NewStateValue` must be ALARM, OK or INSUFFICIENT_DATA, got 'BAD'"):
        event(NewStateValue="BAD")
