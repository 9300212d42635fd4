"""A customer of a running stack: set up by the command line, paged by PagerDuty, met in Slack."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx

from tests.e2e.stack import Stack
from tests.waiting import PATIENCE, until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from copilot.replay.world import Deploy

Message = dict[str, Any]
SECRET = "pagerduty-webhook-secret"
CHANNEL = "incidents"
TITLE = "High p95 latency on checkout"


@dataclass
class Customer:
    """One tenant with its PagerDuty and its Slack workspace."""

    stack: Stack
    slug: str
    path: str
    secret: str = SECRET
    hooks: dict[str, str] = field(default_factory=dict)

    # PagerDuty ---------------------------------------------------------------------------------------------------

    def event(
        self,
        event_type: str = "incident.triggered",
        *,
        incident: str,
        service: str = "PCHK001",
        title: str = TITLE,
        at: float | None = None,
        created_at: float | None = None,
        **data: object,
    ) -> dict[str, Any]:
        """Return an event as PagerDuty's V3 webhooks send it; times are Unix seconds, now where none is given."""
        at = at or time.time()
        status = {"incident.acknowledged": "acknowledged", "incident.resolved": "resolved"}.get(event_type, "triggered")
        person = {"id": "PTUXL6G", "summary": "Alice Nguyen", "type": "user_reference"}
        return {
            "event": {
                "id": uuid.uuid4().hex,
                "event_type": event_type,
                "resource_type": "incident",
                "occurred_at": _stamp(at),
                "agent": None if event_type == "incident.triggered" else person,
                "client": None,
                "data": {
                    "id": incident,
                    "type": "incident",
                    "html_url": f"https://{self.slug}.pagerduty.com/incidents/{incident}",
                    "number": 2,
                    "status": status,
                    "created_at": _stamp(created_at or at),
                    "title": title,
                    "service": {"id": service, "summary": service, "type": "service_reference"},
                    "assignees": [person],
                    "priority": None,
                    "urgency": "high",
                    "conference_bridge": None,
                    "resolve_reason": None,
                    **data,
                },
            }
        }

    def signed(self, body: bytes, *, delivery: str = "", secret: str = "") -> dict[str, str]:
        """Return the headers of a delivery."""
        signature = hmac.new((secret or self.secret).encode(), body, hashlib.sha256).hexdigest()
        return {
            "X-PagerDuty-Signature": f"v1={signature}",
            "X-Webhook-Id": delivery or str(uuid.uuid4()),
            "Content-Type": "application/json",
        }

    def send(
        self, event: dict[str, Any], *, delivery: str = "", secret: str = "", path: str = "", timeout: float = PATIENCE
    ) -> httpx.Response:
        """Deliver an event."""
        body = json.dumps(event).encode()
        return httpx.post(
            f"{self.stack.api}{path or self.path}",
            content=body,
            headers=self.signed(body, delivery=delivery, secret=secret),
            timeout=timeout,
        )

    def page(self, event_type: str = "incident.triggered", **event: Any) -> str:
        """Deliver an event, which must be accepted; return PagerDuty's id of the incident."""
        incident = str(event.setdefault("incident", f"Q{uuid.uuid4().hex[:13].upper()}"))
        answer = self.send(self.event(event_type, **event))
        assert (answer.status_code, answer.json()) == (202, {"status": "accepted"})
        return incident

    # Its CI ------------------------------------------------------------------------------------------------------

    def tell_of_deploy(self, deploy: Deploy, *, alert_at: float) -> httpx.Response:
        """Tell of a deployment, as a CI's curl line does."""
        body = {
            "service": deploy.service,
            "version": deploy.version,
            "environment": deploy.environment,
            "status": deploy.status,
            "deployed_at": alert_at - deploy.before_alert,
            "author": deploy.author,
            "url": deploy.url,
            "description": deploy.description,
        }
        return httpx.post(f"{self.stack.api}{self.hooks['deploys']}", json=body, timeout=PATIENCE)

    # What became of it -------------------------------------------------------------------------------------------

    def incident(self, pagerduty_id: str) -> dict[str, Any] | None:
        """Return the row of the incident that a PagerDuty incident began, with its newest run's stage."""
        found = self.stack.rows(
            "SELECT i.*, r.id AS run_id, r.stage, r.attempt, r.stage_attempts FROM copilot_incident i"
            " JOIN copilot_tenant t ON t.id = i.tenant_id"
            " LEFT JOIN copilot_run r ON r.incident_id = i.id WHERE t.slug = %s AND i.dedupe_key = %s"
            " ORDER BY r.sequence DESC LIMIT 1",
            self.slug,
            pagerduty_id,
        )
        return found[0] if found else None

    def wait_for(self, pagerduty_id: str, *stages: str) -> dict[str, Any]:
        """Wait until the incident's newest run is in one of these stages (`done` where none is given); return its row."""

        def there() -> dict[str, Any] | None:
            row = self.incident(pagerduty_id)
            return row if row and row["stage"] in (stages or ("done",)) else None

        row: dict[str, Any] = until(there, what=f"a run in {stages or 'done'}")
        return row

    def wait_until_shown(self, pagerduty_id: str) -> dict[str, Any]:
        """Wait until the run is done and Slack shows all there is to show; return the incident's row."""
        row = self.wait_for(pagerduty_id)

        def shown() -> bool:
            (left,) = self.stack.rows(
                "SELECT count(*) AS n FROM copilot_incident i LEFT JOIN slackbot_slackpost p"
                " ON p.incident_id = i.id AND p.key = 'root' WHERE i.id = %s"
                " AND (i.publish_wanted_at IS NOT NULL OR p.id IS NULL OR p.shown < p.wanted OR p.holder IS NOT NULL)",
                row["id"],
            )
            return not left["n"]

        until(shown, what=f"INC-{row['number']} to be shown")
        return row

    # Slack -------------------------------------------------------------------------------------------------------

    def channel_id(self, name: str = CHANNEL) -> str:
        """Return a channel's id."""
        channels = self.stack.slack(self.slug).conversations_list(limit=200)["channels"]
        return next(str(one["id"]) for one in channels if one["name"] == name)

    def messages(self, channel: str = CHANNEL) -> list[Message]:
        """Return a channel's messages, the oldest first, as the Web API gives them."""
        answer = self.stack.slack(self.slug).conversations_history(
            channel=self.channel_id(channel), limit=200, include_all_metadata=True
        )
        return list(reversed(answer["messages"]))

    def roots(self, number: int, channel: str = CHANNEL) -> list[Message]:
        """Return the messages in the channel that are about an incident."""
        return [one for one in self.messages(channel) if f"INC-{number} " in words(one)]

    def thread(self, root: Message, channel: str = CHANNEL) -> list[Message]:
        """Return the replies in a message's thread."""
        answer = self.stack.slack(self.slug).conversations_replies(
            channel=self.channel_id(channel), ts=root["ts"], limit=200, include_all_metadata=True
        )
        return [one for one in answer["messages"] if one["ts"] != root["ts"]]

    def act(self, kind: str, *, person: str, **more: object) -> dict[str, Any]:
        """Do in Slack what a person does."""
        body = {"team": self.slug, "as": person, "type": kind, **more}
        answer = httpx.post(f"{self.stack.slack_url}/local/act", json=body, timeout=PATIENCE)
        shown: dict[str, Any] = answer.json()
        assert shown.get("ok"), shown
        return shown


def join(
    stack: Stack, slug: str, *connections: Sequence[str | int], services: Sequence[Sequence[str]] = ()
) -> Customer:
    """Make a tenant as an operator does, on the command line: PagerDuty and the local Slack, and what else is given."""
    calls: list[Sequence[str | int]] = [
        ["tenant", "create", slug],
        ["connect", slug, "pagerduty", "--set", f"webhook_secret={SECRET}", "--json"],
        ["connect", slug, "slack", "--local", "--set", f"default_channel={CHANNEL}", "--json"],
        *(["connect", slug, *rest, "--json"] for rest in connections),
        *(["service", "add", slug, *rest] for rest in services),
    ]
    said = stack.copilot(*calls)
    wrong = [(call, one) for call, one in zip(calls, said, strict=True) if one.code]
    assert not wrong, wrong
    opened = [one.json for one in said[3 : 3 + len(connections)]]
    hooks = {
        str(kind): made["webhook_url"].removeprefix(stack.api)
        for (kind, *_), made in zip(connections, opened, strict=True)
        if made.get("webhook_url")
    }
    customer = Customer(stack, slug, said[1].json["webhook_url"].removeprefix(stack.api), hooks=hooks)
    httpx.post(
        f"{stack.slack_url}/local/channels", json={"team": slug, "name": CHANNEL}, timeout=PATIENCE
    ).raise_for_status()
    return customer


def words(message: Message) -> str:
    """Return all text of a message, that of its blocks included."""
    found: list[str] = [str(message.get("text") or "")]

    def walk(part: Any) -> None:
        if isinstance(part, dict):
            found.extend(part[key] for key in ("text", "url") if isinstance(part.get(key), str))
            for value in part.values():
                walk(value)
        elif isinstance(part, list):
            for one in part:
                walk(one)

    walk(message.get("blocks") or [])
    return "\n".join(found)


def post_ids(messages: Sequence[Message]) -> list[str]:
    """Return which of our intents each message carries; twice the same is a duplicate."""
    metadata = [one.get("metadata") or {} for one in messages]
    return [str(one["event_payload"]["post"]) for one in metadata if one.get("event_type") == "sre_copilot_post"]


def _stamp(at: float) -> str:
    return datetime.fromtimestamp(at, tz=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
