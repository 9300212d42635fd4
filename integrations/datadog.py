"""Datadog: webhooks of its monitors, in a payload that this module words."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, SecretStr

from integrations.base import Action, Credentials, Event, EventKind, Inbound, Integration, NotGenuine
from integrations.genuine import plain, require_header
from integrations.naming import service_of, tagged
from integrations.payload import decode, link, moment_of, required_text, text
from integrations.wording import severity, symptom

if TYPE_CHECKING:
    from collections.abc import Mapping

# What is entered as the webhook's payload in Datadog; the variables are those of
# https://docs.datadoghq.com/integrations/webhooks/#usage. Other keys are passed over, so it may be added to.
TEMPLATE: Mapping[str, str] = {
    "alert_id": "$ALERT_ID",
    "alert_cycle_key": "$ALERT_CYCLE_KEY",
    "alert_transition": "$ALERT_TRANSITION",
    "alert_title": "$ALERT_TITLE",
    "alert_status": "$ALERT_STATUS",
    "alert_type": "$ALERT_TYPE",
    "alert_priority": "$ALERT_PRIORITY",
    "alert_metric": "$ALERT_METRIC",
    "alert_scope": "$ALERT_SCOPE",
    "body": "$TEXT_ONLY_MSG",
    "date": "$DATE",
    "event_type": "$EVENT_TYPE",
    "host_name": "$HOSTNAME",
    "id": "$ID",
    "last_updated": "$LAST_UPDATED",
    "link": "$LINK",
    "tags": "$TAGS",
    "title": "$EVENT_TITLE",
}

# A variable that Datadog did not know, or did not fill.
_UNFILLED = re.compile(r"\$[A-Z_]+")
# What Datadog puts before a monitor's name: "[P1] [Triggered on {service:checkout}] …".
_PREFIX = re.compile(
    r"^\s*(?:\[P[1-5]\]\s*|\[(?:re-)?(?:triggered|warn|no data|recovered|renotify)\b[^\]]*\]\s*)+", re.IGNORECASE
)
_FIRES = frozenset({"triggered", "re-triggered", "warn", "re-warn", "no data", "re-no data", "renotify"})


class DatadogCredentials(Credentials):
    """Hold the token that Datadog sends."""

    token: SecretStr | None = Field(
        default=None,
        title="Token",
        description="What the webhook's custom headers send, as `Authorization: Bearer …` or as `X-Copilot-Token`.",
    )


class Datadog(Integration):
    """Take webhooks of Datadog's monitors in. Datadog signs nothing, so a token in its custom headers stands for a signature."""

    slug: ClassVar[str] = "datadog"
    title: ClassVar[str] = "Datadog"
    Credentials: ClassVar[type[Credentials]] = DatadogCredentials
    gives: ClassVar[str] = "monitors' alerts as incidents, from trigger to recovery, with tags, priority and link"
    needs: ClassVar[str] = (
        "a webhook with the payload below and the token as a header, named by the monitors as `@webhook-…`"
    )
    limits: ClassVar[str] = (
        "metrics, logs and traces are not asked for; a message without a monitor's transition is ignored"
    )
    setup: ClassVar[str] = """
        In Datadog: *Integrations → Webhooks → New*, a name (`sre-copilot`), the address as *URL*, *Encode as form* off, and

        - *Custom Headers*: `{{"Authorization": "Bearer TOKEN"}}`, with the token that `connect` printed;
        - *Payload*:

        ```json
        {template}
        ```

        Then write `@webhook-sre-copilot` into the message of each monitor whose alerts shall come here, outside of `{{{{#is_alert}}}}`
        blocks, so that the recovery comes as well. The service is found by the tags `service`, `app`, `kube_deployment`, `pod_name` and
        others, the severity by the monitor's priority (P1 critical, P2 error, P3 warning, P4 and P5 info), else by its kind.
    """.format(template=json.dumps(TEMPLATE, indent=2).replace("\n", "\n        "))
    receives: ClassVar[bool] = True
    generated: ClassVar[tuple[str, ...]] = ("token",)

    def verify(self, inbound: Inbound, credentials: DatadogCredentials) -> None:
        """Return if the request carries the token.

        :raises NotGenuine: where it does not.
        """
        token = plain(credentials.token)
        if not token:
            raise NotGenuine("this Datadog connection has no token")
        require_header(inbound.headers, token)

    def parse(self, inbound: Inbound) -> tuple[Event, ...]:
        """Return the one event of a webhook.

        :raises BadPayload: where it has no title, or is no JSON object.
        """
        payload = decode(inbound.body)
        filled = {name: "" if _is_unfilled(value) else value for name, value in payload.items()}
        transition = text(filled, "alert_transition").lower()
        title = _PREFIX.sub("", required_text(filled, "alert_title", "alert_title", longest=2000)) if transition else ""
        at = moment_of(filled, "last_updated", "date") or inbound.received_at
        is_over = "recovered" in transition
        labels = tagged(filled.get("tags")) | tagged(filled.get("alert_scope"))
        host = text(filled, "host_name")
        reason = ""
        if not transition:
            reason = "no monitor's transition: $ALERT_TRANSITION is empty in events that no monitor sent"
        elif not is_over and transition not in _FIRES:
            reason = f"the transition {transition[:100]!r} neither begins nor ends an alert"
        status = "resolved" if is_over else "triggered"
        return (
            Event(
                source=self.slug,
                kind=EventKind.IGNORED if reason else EventKind.INCIDENT,
                event_type=f"monitor.{transition.replace(' ', '_') or 'event'}"[:80],
                dedupe_key=_key(filled),
                occurred_at=at,
                started_at=at,
                action=None if reason else Action.RESOLVED if is_over else Action.TRIGGERED,
                status=None if reason else status,
                title=title,
                symptom=symptom(title),
                severity=_severity(filled, transition),
                service=service_of(labels),
                url=link(filled, "link"),
                text=text(filled, "body"),
                labels={**({"host": host} if host else {}), **labels},
                reason=reason,
            ),
        )


def _is_unfilled(value: object) -> bool:
    return value is None or (isinstance(value, str) and bool(_UNFILLED.fullmatch(value.strip())))


def _key(filled: Mapping[str, Any]) -> str:
    """Return what a trigger and its recovery share: the cycle, else the monitor and its group."""
    whole = text(filled, "alert_cycle_key")
    if not whole:
        whole = ":".join(part for part in (text(filled, "alert_id"), text(filled, "alert_scope")) if part)
    return (whole or text(filled, "id") or "no key")[:200]


def _severity(filled: Mapping[str, Any], transition: str) -> str:
    by_priority = severity(text(filled, "alert_priority"))
    if by_priority or "recovered" in transition:
        return by_priority
    return "warning" if "warn" in transition or "no data" in transition else severity(text(filled, "alert_type"))
