"""CloudWatch's alarms, as SNS delivers them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from integrations.base import Action, BadPayload, Event, EventKind
from integrations.naming import service_of
from integrations.payload import clean, part, parts, required_text, text, time_of
from integrations.wording import severity, symptom

if TYPE_CHECKING:
    from collections.abc import Mapping

_STATES: Mapping[str, tuple[Action, str]] = {
    "ALARM": (Action.TRIGGERED, "triggered"),
    "OK": (Action.RESOLVED, "resolved"),
}
# `service=checkout severity: critical` in the alarm's description, the one free text that CloudWatch sends along.
_SAID = re.compile(
    r"(?<![\w.-])(service|namespace|severity|priority|runbook_url|app)\s*[=:]\s*([^\s,;]+)", re.IGNORECASE
)
# Dimensions that name what an alarm is about, the surest first.
_DIMENSIONS = (
    *("ServiceName", "FunctionName", "ApiName", "Service", "StateMachineArn", "TargetGroup", "LoadBalancer"),
    *("DBInstanceIdentifier", "DBClusterIdentifier", "CacheClusterId", "TableName", "QueueName", "TopicName"),
    *("StreamName", "AutoScalingGroupName", "ClusterName", "InstanceId"),
)
_LOAD_BALANCER = re.compile(r"(?:app|net|gwy|targetgroup)/([^/]+)/[0-9a-f]+")


def event(message: Mapping[str, Any], *, source: str, received_at: float) -> Event:
    """Return the event of an alarm's new state.

    :raises BadPayload: where the alarm's name or state is missing; the text names the field.
    """
    name = required_text(message, "AlarmName", "Message.AlarmName")
    state = required_text(message, "NewStateValue", "Message.NewStateValue").upper()
    if state not in {*_STATES, "INSUFFICIENT_DATA"}:
        raise BadPayload(f"`Message.NewStateValue` must be ALARM, OK or INSUFFICIENT_DATA, got {state[:60]!r}")
    action, status = _STATES.get(state, (None, None))
    at = time_of(message, "StateChangeTime") or received_at
    description = text(message, "AlarmDescription")
    labels = _labels(message, description)
    reference = service_of(labels, otherwise=_named(labels))
    metric = text(part(message, "Trigger"), "MetricName")
    return Event(
        source=source,
        kind=EventKind.INCIDENT if action else EventKind.IGNORED,
        event_type=f"alarm.{state.lower()}",
        dedupe_key=_key(message, name),
        occurred_at=at,
        started_at=at,
        action=action,
        status=status,
        title=name,
        symptom=symptom(name),
        severity=severity(labels.get("severity", ""), labels.get("priority", "")),
        service=reference,
        url=_address(message, name),
        text="; ".join(said for said in (description, text(message, "NewStateReason")) if said),
        labels={**({"metric": metric} if metric else {}), **labels},
        reason="" if action else "INSUFFICIENT_DATA says neither that it broke nor that it works",
    )


def _labels(message: Mapping[str, Any], description: str) -> dict[str, str]:
    """Return the alarm's dimensions, and what its description says about itself."""
    labels: dict[str, str] = {}
    for one in parts(part(message, "Trigger"), "Dimensions"):
        key, value = text(one, "name", "Name"), text(one, "value", "Value")
        if key and value:
            labels[key] = value
    for key, value in _SAID.findall(description):
        labels[key.lower()] = clean(value)
    return labels


def _named(labels: Mapping[str, str]) -> str:
    found = next((labels[name] for name in _DIMENSIONS if labels.get(name)), "")
    match = _LOAD_BALANCER.fullmatch(found)
    return match[1] if match else found


def _key(message: Mapping[str, Any], name: str) -> str:
    """Return the alarm's ARN, else account, region and name, which are what makes one unique."""
    arn = text(message, "AlarmArn")
    return (arn or ":".join((text(message, "AWSAccountId"), text(message, "Region"), name)))[:200]


def _address(message: Mapping[str, Any], name: str) -> str:
    """Return the alarm's page in the console, where its ARN tells the region."""
    match = re.fullmatch(
        r"arn:aws(?:-cn|-us-gov)?:cloudwatch:([a-z0-9-]{1,30}):\d{12}:alarm:.*", text(message, "AlarmArn")
    )
    if not match:
        return ""
    region = match[1]
    console = f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#alarmsV2:alarm/"
    return (console + quote(name, safe=""))[:1000]
