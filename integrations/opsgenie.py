"""Opsgenie and Jira Service Management: what happens to their alerts, from outgoing webhooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, SecretStr

from integrations.base import Action, Credentials, Event, EventKind, Inbound, Integration, NotGenuine
from integrations.genuine import plain, require_header
from integrations.naming import service_of, tagged
from integrations.payload import decode, moment_of, part, required_part, required_text, text, texts
from integrations.wording import severity, symptom

if TYPE_CHECKING:
    from collections.abc import Mapping

# Opsgenie's actions, in lower case: what each does to an incident, and the status that it leaves.
_ACTIONS: Mapping[str, tuple[Action, str | None]] = {
    "create": (Action.TRIGGERED, "triggered"),
    "acknowledge": (Action.ACKNOWLEDGED, "acknowledged"),
    "unacknowledge": (Action.UNACKNOWLEDGED, "triggered"),
    "close": (Action.RESOLVED, "resolved"),
    "delete": (Action.RESOLVED, "resolved"),
    "assignownership": (Action.REASSIGNED, None),
    "takeownership": (Action.REASSIGNED, None),
    "escalate": (Action.ESCALATED, None),
    "escalatenext": (Action.ESCALATED, None),
    "updatepriority": (Action.PRIORITY_CHANGED, None),
    "addnote": (Action.ANNOTATED, None),
}


class OpsgenieCredentials(Credentials):
    """Hold the token that is sent as a header."""

    token: SecretStr | None = Field(
        default=None,
        title="Token",
        description=(
            "What the webhook's custom headers send: `X-Copilot-Token`, or `Authorization` as bearer or basic password."
        ),
    )


class Opsgenie(Integration):
    """Take the alerts of Opsgenie, or of Jira Service Management's operations, in.

    Both send the same webhook and sign nothing, so a token in a custom header stands for a signature.
    """

    slug: ClassVar[str] = "opsgenie"
    title: ClassVar[str] = "Opsgenie, Jira Service Management"
    Credentials: ClassVar[type[Credentials]] = OpsgenieCredentials
    gives: ClassVar[str] = "alerts as incidents, with acknowledgement, owner, priority and close"
    needs: ClassVar[str] = "an outgoing webhook integration with the token as a header; nothing is asked of Atlassian"
    limits: ClassVar[str] = (
        "other actions (tags, snooze, custom ones) are ignored; the webhook tells no address of the alert"
    )
    setup: ClassVar[str] = """
        In Jira Service Management: *Operations → Integrations → Add integration → Webhook (outgoing)*; in Opsgenie: *Settings →
        Integrations → Add → Webhook*.

        1. *Webhook URL*: the address; *Custom headers*: `X-Copilot-Token` with the token that `connect` printed.
        2. Tick *Add alert description* and *Add alert details* to the payload.
        3. Send at least *created*, *acknowledged*, *unacknowledged*, *closed* and *deleted*; owner, escalation, priority and notes too,
           if you want them followed. Turn the integration on.

        The service is found by the alert's details and its tags `key:value` (`service`, `app`, the workload's), else it is the
        *entity*; the severity by the priority: P1 critical, P2 error, P3 warning, P4 and P5 info.
    """
    trial: ClassVar[str] = "create an alert for a team that the integration is of, and close it again"
    receives: ClassVar[bool] = True
    generated: ClassVar[tuple[str, ...]] = ("token",)

    def verify(self, inbound: Inbound, credentials: OpsgenieCredentials) -> None:
        """Return if the request carries the token.

        :raises NotGenuine: where it does not.
        """
        token = plain(credentials.token)
        if not token:
            raise NotGenuine("this connection has no token")
        require_header(inbound.headers, token)

    def parse(self, inbound: Inbound) -> tuple[Event, ...]:
        """Return the one event of a webhook.

        :raises BadPayload: where the action, the alert, or its id or message is missing; the text names the field.
        """
        payload = decode(inbound.body)
        named = required_text(payload, "action", "action", longest=60)
        action, status = _ACTIONS.get(named.lower(), (None, None))
        alert = required_part(payload, "alert", "alert")
        title = required_text(alert, "message", "alert.message", longest=2000)
        created_at = moment_of(alert, "createdAt") or inbound.received_at
        owner = text(alert, "owner") if action is Action.REASSIGNED else ""
        labels = tagged(alert.get("tags")) | texts(part(alert, "details"))
        return (
            Event(
                source=self.slug,
                kind=EventKind.INCIDENT if action else EventKind.IGNORED,
                event_type=f"alert.{named}"[:80],
                dedupe_key=required_text(alert, "alertId", "alert.alertId", longest=200),
                occurred_at=moment_of(alert, "updatedAt") or inbound.received_at,
                started_at=created_at,
                action=action,
                status=status,
                title=title,
                symptom=symptom(title),
                severity=severity(text(alert, "priority")),
                service=service_of(labels, otherwise=text(alert, "entity")),
                actor=text(alert, "username"),
                assignees=(owner,) if owner else None,
                priority=text(alert, "priority") or None,
                text=_words(payload, alert, action),
                labels=labels,
                reason="" if action else f"{named} changes nothing that an incident follows",
            ),
        )


def _words(payload: Mapping[str, Any], alert: Mapping[str, Any], action: Action | None) -> str:
    return text(alert, "note") or text(payload, "note") if action is Action.ANNOTATED else text(alert, "description")
