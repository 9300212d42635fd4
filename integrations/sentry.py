"""Sentry: issue alerts, metric alerts and what becomes of issues, from an internal integration's webhooks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, SecretStr

from integrations.base import Action, BadPayload, Credentials, Event, EventKind, Inbound, Integration, NotGenuine
from integrations.genuine import plain, require_signature, separated
from integrations.naming import service_of
from integrations.payload import decode, link, moment_of, part, required_part, required_text, text
from integrations.wording import severity, symptom

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PROJECT = re.compile(r"/projects/[^/]+/(?P<slug>[^/]+)/")
_LONGEST_ID = 190
# What becomes of an issue, and what that means for the incident that its alert began.
_ENDS = frozenset({"resolved", "archived", "ignored"})


class SentryCredentials(Credentials):
    """Hold the secret that Sentry signs with."""

    client_secret: SecretStr = Field(
        title="Client secret",
        description="The client secret of the internal integration. Several, separated by commas, while you rotate it.",
    )


class Sentry(Integration):
    """Take webhooks of a Sentry internal integration in: issue alerts, metric alerts, and the end of issues."""

    slug: ClassVar[str] = "sentry"
    title: ClassVar[str] = "Sentry"
    Credentials: ClassVar[type[Credentials]] = SentryCredentials
    gives: ClassVar[str] = (
        "issue alerts and metric alerts as incidents; they end when the issue is resolved or the metric recovers"
    )
    needs: ClassVar[str] = (
        "an internal integration with its client secret, permission Issue & Event: Read, and webhooks for issues"
    )
    limits: ClassVar[str] = (
        "an issue that no alert rule named begins no incident; events and their stack traces are not read"
    )
    setup: ClassVar[str] = """
        In Sentry: *Settings → Developer Settings → Custom Integrations → Create New Integration → Internal Integration*.

        1. *Webhook URL*: any address of yours at first; *Alert Rule Action* on; *Permissions*: *Issue & Event: Read*; *Webhooks*: *issue*.
           Save, and copy the *Client Secret*.
        2. `copilot connect acme sentry --set client_secret=@client-secret`, and enter the address that it prints as *Webhook URL*.
        3. In each alert rule: *Then perform these actions → Send a notification via* the integration.

        The service is found by the event's tags `service` and `app`, else it is the project; the severity by the event's level, or by
        whether the metric alert is critical or a warning.
    """
    trial: ClassVar[str] = (
        "in Sentry, Send Test Notification on the page of an alert rule that notifies the integration"
    )
    receives: ClassVar[bool] = True
    keeps: ClassVar[tuple[str, ...]] = ("sentry-hook-resource",)

    def verify(self, inbound: Inbound, credentials: SentryCredentials) -> None:
        """Return if `Sentry-Hook-Signature` is the hex HMAC-SHA256 of the body under the client secret.

        https://docs.sentry.io/organization/integrations/integration-platform/webhooks/

        :raises NotGenuine: where it is not.
        """
        secrets = separated(plain(credentials.client_secret))
        given = inbound.headers.get("sentry-hook-signature", "").strip()
        if not secrets or not given:
            raise NotGenuine("the Sentry-Hook-Signature header or the client secret is missing")
        require_signature(inbound.body, secrets=secrets, signatures=(given,))

    def parse(self, inbound: Inbound) -> tuple[Event, ...]:
        """Return the one event of a webhook; what tells of no alert is ignored, with the reason.

        :raises BadPayload: where a part is missing that such a webhook has; the text names the field.
        """
        payload = decode(inbound.body)
        data = required_part(payload, "data", "data")
        action = text(payload, "action").lower()
        resource = inbound.headers.get("sentry-hook-resource", "").strip().lower() or _resource(data)
        if resource == "metric_alert":
            return (_metric_alert(data, action, inbound.received_at, self.slug),)
        if resource == "event_alert":
            return (_issue_alert(data, inbound.received_at, self.slug),)
        if resource == "issue" and action in _ENDS:
            return (_issue_end(payload, data, action, inbound.received_at, self.slug),)
        return (
            Event(
                source=self.slug,
                kind=EventKind.IGNORED,
                event_type=f"{resource or 'unknown'}.{action}"[:80],
                dedupe_key=f"{resource}:{text(part(data, resource), 'id')}"[:_LONGEST_ID],
                occurred_at=inbound.received_at,
                started_at=inbound.received_at,
                reason=f"{resource[:60] or 'an unknown resource'} {action[:60]}: only alerts, and the end of issues, move incidents",
            ),
        )


def _resource(data: Mapping[str, Any]) -> str:
    """Return the resource that the header would name."""
    names = {"metric_alert": "metric_alert", "event": "event_alert", "issue": "issue"}
    return next((resource for name, resource in names.items() if isinstance(data.get(name), dict)), "")


def _metric_alert(data: Mapping[str, Any], action: str, received_at: float, source: str) -> Event:
    alert = required_part(data, "metric_alert", "data.metric_alert")
    if action not in {"critical", "warning", "resolved"}:
        raise BadPayload(f"`action` must be critical, warning or resolved for a metric alert, got {action[:60]!r}")
    rule = part(alert, "alert_rule")
    title = text(rule, "name") or text(data, "description_title") or text(alert, "title")
    started_at = moment_of(alert, "date_started", "date_detected") or received_at
    is_over = action == "resolved"
    projects = alert.get("projects")
    named = [one for one in projects if isinstance(one, str)] if isinstance(projects, list) else []
    return Event(
        source=source,
        kind=EventKind.INCIDENT,
        event_type=f"metric_alert.{action}",
        dedupe_key=f"metric:{required_text(alert, 'id', 'data.metric_alert.id', longest=_LONGEST_ID)}",
        # By our clock alone: a rule may go from warning to critical and back, and Sentry dates only its begin and end.
        occurred_at=received_at,
        started_at=started_at,
        action=Action.RESOLVED if is_over else Action.TRIGGERED,
        status="resolved" if is_over else "triggered",
        title=title or "Metric alert",
        symptom=symptom(title or "metric alert"),
        severity="" if is_over else action,
        service=service_of({}, otherwise=text({"name": named[0]}, "name") if len(named) == 1 else ""),
        url=link(data, "web_url"),
        text=text(data, "description_text"),
    )


def _issue_alert(data: Mapping[str, Any], received_at: float, source: str) -> Event:
    event = required_part(data, "event", "data.event")
    title = required_text(event, "title", "data.event.title", longest=2000)
    labels = dict(_tags(event))
    found = _PROJECT.search(text(event, "url"))
    project = text(event, "project_slug", "project_name") or (found["slug"] if found else "")
    at = moment_of(event, "datetime", "timestamp") or received_at
    rule = text(data, "triggered_rule")
    return Event(
        source=source,
        kind=EventKind.INCIDENT,
        event_type="event_alert.triggered",
        dedupe_key=f"issue:{required_text(event, 'issue_id', 'data.event.issue_id', longest=_LONGEST_ID)}",
        occurred_at=at,
        started_at=at,
        action=Action.TRIGGERED,
        status="triggered",
        title=title,
        symptom=symptom(title),
        severity=severity(text(event, "level") or labels.get("level", "")),
        service=service_of(labels, otherwise=project),
        url=link(event, "web_url"),
        text="; ".join(part for part in (text(event, "culprit"), rule and f"rule: {rule}") if part),
        labels={**({"project": project} if project else {}), **labels},
    )


def _issue_end(
    payload: Mapping[str, Any], data: Mapping[str, Any], action: str, received_at: float, source: str
) -> Event:
    issue = required_part(data, "issue", "data.issue")
    title = text(issue, "title")
    return Event(
        source=source,
        kind=EventKind.INCIDENT,
        event_type=f"issue.{action}",
        dedupe_key=f"issue:{required_text(issue, 'id', 'data.issue.id', longest=_LONGEST_ID)}",
        occurred_at=received_at,
        started_at=moment_of(issue, "firstSeen") or received_at,
        action=Action.RESOLVED,
        status="resolved",
        title=title,
        symptom=symptom(title),
        severity=severity(text(issue, "level")),
        service=service_of({}, otherwise=text(part(issue, "project"), "slug", "name")),
        actor=text(part(payload, "actor"), "name"),
        url=link(issue, "web_url", "permalink"),
    )


def _tags(event: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the event's tags, which Sentry sends as pairs."""
    tags = event.get("tags")
    for pair in tags if isinstance(tags, list) else []:
        if isinstance(pair, list | tuple) and len(pair) == 2:
            key, value = (text({"x": one}, "x") for one in pair)
            if key and value:
                yield key, value
