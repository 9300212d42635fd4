"""PagerDuty's side of a page: V3 webhooks as PagerDuty builds, signs and delivers them."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from copilot.replay.world import World

_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Webhook:
    """Hold one delivery: headers and the raw body that they sign."""

    headers: dict[str, str]
    body: bytes


def new_id(prefix: str = "Q") -> str:
    """Return an id as PagerDuty makes them."""
    return prefix + "".join(secrets.choice(_LETTERS) for _ in range(13))


def webhook(
    world: World, event_type: str, *, incident_id: str, number: int, created_at: float, occurred_at: float, secret: str
) -> Webhook:
    """Return a signed delivery about the world's page; `event_type` is one such as `incident.triggered`."""
    site = f"https://{world.tenant.slug}.pagerduty.com"
    page, service = world.page, world.service(world.page.service)
    assignee = _reference(site, "user", "users", "P" + _stable(page.assignee), page.assignee)
    event = {
        "id": new_id("01"),
        "event_type": event_type,
        "resource_type": "incident",
        "occurred_at": _stamp(occurred_at),
        "agent": assignee if event_type != "incident.triggered" else None,
        "client": None,
        "data": {
            "id": incident_id,
            "type": "incident",
            "self": f"https://api.pagerduty.com/incidents/{incident_id}",
            "html_url": f"{site}/incidents/{incident_id}",
            "number": number,
            "status": event_type.rpartition(".")[2],
            "incident_key": hashlib.sha256(incident_id.encode()).hexdigest()[:32],
            "created_at": _stamp(created_at),
            "title": page.title,
            "service": _reference(site, "service", "service-directory", service.pagerduty_id, service.name),
            "assignees": [assignee] if page.assignee else [],
            "escalation_policy": _reference(
                site,
                "escalation_policy",
                "escalation_policies",
                "P" + _stable(page.escalation_policy),
                page.escalation_policy,
            ),
            "teams": [],
            "priority": _reference(site, "priority", "priorities", "P" + _stable(page.priority), page.priority)
            if page.priority
            else None,
            "urgency": page.urgency,
            "conference_bridge": None,
            "resolve_reason": None,
        },
    }
    body = json.dumps({"event": event}).encode()
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "PagerDuty-Webhook/V3.0",
        "X-PagerDuty-Signature": f"v1={signature}",
        "X-Webhook-Id": new_id("D"),
    }
    return Webhook(headers, body)


def _reference(site: str, kind: str, plural: str, identifier: str, summary: str) -> dict[str, Any]:
    return {
        "id": identifier,
        "type": f"{kind}_reference",
        "summary": summary,
        "self": f"https://api.pagerduty.com/{plural}/{identifier}",
        "html_url": f"{site}/{plural}/{identifier}",
    }


def _stable(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:6].upper()


def _stamp(at: float) -> str:
    return datetime.fromtimestamp(at, tz=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
