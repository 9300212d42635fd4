"""What webhooks of Datadog's monitors say, in a payload that this module words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from integrations.base import Action, Event, EventKind
from integrations.naming import service_of, tagged
from integrations.payload import link, moment_of, required_text, text
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

SOURCE = "datadog"


def event(payload: Mapping[str, Any], received_at: float) -> Event:
    """Return what a webhook tells.

    :raises BadPayload: where it has no title.
    """
    filled = {name: "" if _is_unfilled(value) else value for name, value in payload.items()}
    transition = text(filled, "alert_transition").lower()
    title = _PREFIX.sub("", required_text(filled, "alert_title", "alert_title", longest=2000)) if transition else ""
    at = moment_of(filled, "last_updated", "date") or received_at
    is_over = "recovered" in transition
    labels = tagged(filled.get("tags")) | tagged(filled.get("alert_scope"))
    host = text(filled, "host_name")
    reason = ""
    if not transition:
        reason = "no monitor's transition: $ALERT_TRANSITION is empty in events that no monitor sent"
    elif not is_over and transition not in _FIRES:
        reason = f"the transition {transition[:100]!r} neither begins nor ends an alert"
    status = "resolved" if is_over else "triggered"
    return Event(
        source=SOURCE,
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
