"""AWS CloudWatch: alarms, delivered by an SNS topic."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, field_validator

from integrations.base import (
    BadPayload,
    Credentials,
    Door,
    Event,
    EventKind,
    Inbound,
    Integration,
    NotGenuine,
)
from integrations.cloudwatch import alarms, sns
from integrations.genuine import separated
from integrations.payload import decode, decode_value, required_text, seconds, text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


class CloudWatchCredentials(Credentials):
    """Hold the topics whose messages are taken; there is no secret, for SNS signs with a key of its own."""

    topics: str = Field(
        title="Topic ARNs",
        description=(
            "The ARN of the SNS topic that the alarms notify; several, separated by commas. Messages of others are refused."
        ),
    )

    @field_validator("topics")
    @classmethod
    def _are_topics(cls, value: str) -> str:
        named = separated(value)
        for one in named:
            if not sns.TOPIC.fullmatch(one):
                raise ValueError(f"a topic is written arn:aws:sns:REGION:ACCOUNT:NAME, got {one[:300]!r}")
        if not named:
            raise ValueError("name the topic's ARN")
        return ",".join(named)


class CloudWatch(Integration):
    """Take CloudWatch's alarms in, as an SNS topic delivers them.

    Each message is checked against AWS's certificate, which is fetched from `https://sns.REGION.amazonaws.com` alone, in the topic's
    region. The subscription is confirmed by itself, for the topics that the connection names and no other.
    """

    slug: ClassVar[str] = "cloudwatch"
    title: ClassVar[str] = "AWS CloudWatch"
    Credentials: ClassVar[type[Credentials]] = CloudWatchCredentials
    gives: ClassVar[str] = (
        "alarms as incidents, from ALARM to OK, with their dimensions, reason and address in the console"
    )
    needs: ClassVar[str] = (
        "an SNS topic that the alarms notify, with an HTTPS subscription; the way out to `sns.REGION.amazonaws.com`"
    )
    limits: ClassVar[str] = (
        "metrics are not asked for; messages older than 65 minutes, with raw delivery, or of no alarm do not count"
    )
    setup: ClassVar[str] = """
        1. `copilot connect acme cloudwatch --set topics=arn:aws:sns:eu-west-1:123456789012:alarms`, with your topic's ARN.
        2. Subscribe the address that it prints; it is confirmed within seconds:

           ```sh
           aws sns set-topic-attributes --topic-arn ARN --attribute-name SignatureVersion --attribute-value 2
           aws sns subscribe --topic-arn ARN --protocol https --notification-endpoint ADDRESS
           ```

           Leave *raw message delivery* off: raw messages are not signed. Signature version 1 (SHA-1, the default) is taken too.
        3. Let the alarms notify the topic in the states `ALARM` and `OK`.

        CloudWatch knows neither services nor severities: write them into the alarm's description, as `service=checkout
        severity=critical`; `namespace`, `priority` and `runbook_url` are read too. Without, the service is the dimension that names one
        (`ServiceName`, `FunctionName`, `LoadBalancer`, `DBInstanceIdentifier` …).
    """
    trial: ClassVar[str] = "`aws cloudwatch set-alarm-state --alarm-name … --state-value ALARM --state-reason test`"
    receives: ClassVar[bool] = True
    asks_to_verify: ClassVar[bool] = True

    def __init__(self) -> None:
        self.certificates = sns.Certificates()

    def verify(self, inbound: Inbound, credentials: CloudWatchCredentials) -> None:
        """Refuse: without a way to AWS's certificate nothing can be told genuine.

        :raises NotGenuine: always.
        """
        del inbound, credentials
        raise NotGenuine("an SNS message is told genuine by AWS's certificate alone")

    def verify_by_asking(self, door: Door, inbound: Inbound, credentials: CloudWatchCredentials) -> None:
        """Return if SNS signed the message for one of the topics; a subscription's confirmation is confirmed with it.

        :raises NotGenuine: where it did not.
        :raises SourceError: where SNS cannot be asked.
        """
        try:
            message = decode(inbound.body)
        except BadPayload:
            raise NotGenuine("the body is no SNS message") from None
        topics = separated(credentials.topics)
        sns.require_genuine(door, self.certificates, message, topics=topics, now=inbound.received_at)
        if text(message, "Type") == sns.CONFIRMATION:
            sns.confirm(door, message)

    def external_id(self, inbound: Inbound) -> str:
        """Return the message's id, which SNS repeats when it sends again, else a hash of the body."""
        try:
            found = text(decode(inbound.body), "MessageId")
        except BadPayload:
            found = ""
        return found if 0 < len(found) <= 200 else hashlib.sha256(inbound.body).hexdigest()

    def parse(self, inbound: Inbound) -> tuple[Event, ...]:
        """Return the one event of a message; what is no alarm is ignored, with the reason.

        :raises BadPayload: where the message or the alarm in it is broken; the text names the field.
        """
        message = decode(inbound.body)
        kind = required_text(message, "Type", "Type", longest=60)
        if kind != sns.NOTIFICATION:
            said = {
                sns.CONFIRMATION: "the subscription was confirmed",
                sns.ENDED: "the subscription was ended in AWS: no alarms come from this topic any more",
            }
            return (self._ignored(message, kind, inbound, said.get(kind, f"{kind} is no notification")),)
        try:
            alarm = decode_value(required_text(message, "Message", "Message", longest=1_000_000))
        except BadPayload:
            alarm = None
        if not isinstance(alarm, dict) or "AlarmName" not in alarm:
            return (self._ignored(message, kind, inbound, "the message is no CloudWatch alarm"),)
        return (alarms.event(alarm, source=self.slug, received_at=inbound.received_at),)

    def _ignored(self, message: Mapping[str, Any], kind: str, inbound: Inbound, reason: str) -> Event:
        at = seconds(message.get("Timestamp")) or inbound.received_at
        return Event(
            source=self.slug,
            kind=EventKind.IGNORED,
            event_type=f"sns.{kind}"[:80],
            dedupe_key=text(message, "MessageId")[:200],
            occurred_at=at,
            started_at=at,
            title=text(message, "Subject"),
            reason=reason,
        )
