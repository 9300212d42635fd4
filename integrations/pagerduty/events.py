"""Read PagerDuty's V3 webhook events: what each of the 30 types means for an incident."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from integrations.base import Action, Event, EventKind, ServiceReference
from integrations.payload import clean, given_time, link, part, parts, required_part, required_text, text, whole
from integrations.wording import symptom

Data = Mapping[str, Any]

# The types whose data is the whole incident, and the incident's status after each where the data does not say it.
_WHOLE: Mapping[str, tuple[Action, str | None]] = {
    "incident.triggered": (Action.TRIGGERED, "triggered"),
    "incident.acknowledged": (Action.ACKNOWLEDGED, "acknowledged"),
    "incident.unacknowledged": (Action.UNACKNOWLEDGED, "triggered"),
    "incident.reassigned": (Action.REASSIGNED, None),
    "incident.escalated": (Action.ESCALATED, None),
    "incident.delegated": (Action.DELEGATED, None),
    "incident.priority_updated": (Action.PRIORITY_CHANGED, None),
    "incident.reopened": (Action.REOPENED, "triggered"),
    "incident.resolved": (Action.RESOLVED, "resolved"),
    "incident.incident_type.changed": (Action.UPDATED, None),
    "incident.service_updated": (Action.UPDATED, None),
}

_STATUSES = frozenset({"triggered", "acknowledged", "resolved"})

# https://support.pagerduty.com/main/docs/incident-priority: P1 and SEV-1 are the gravest of the default schemes.
_PRIORITIES: Mapping[str, str] = {"1": "critical", "2": "error", "3": "warning", "4": "info", "5": "info"}
_URGENCIES: Mapping[str, str] = {"high": "critical", "low": "warning"}

_IGNORED: Mapping[str, str] = {
    "service.created": "a service was created at PagerDuty; no incident and no change of the running system",
    "service.updated": "a service's settings changed at PagerDuty; no incident and no change of the running system",
    "service.deleted": "a service was deleted at PagerDuty; no incident and no change of the running system",
    "service.custom_field_values.updated": "a service's custom fields changed at PagerDuty; no incident",
    "pagey.ping": "a test of the webhook subscription",
}


def read(payload: Data, *, received_at: float, source: str) -> Event:
    """Return the event of a webhook body.

    :raises BadPayload: where the envelope is broken; the text names the field.
    """
    envelope = required_part(payload, "event", "event")
    event_type = required_text(envelope, "event_type", "event.event_type", longest=200)
    occurred_at = given_time(envelope, "occurred_at", "event.occurred_at", default=received_at)
    if event_type in _WHOLE:
        data = required_part(envelope, "data", "event.data")
        return _whole(envelope, data, event_type, occurred_at=occurred_at, source=source)
    if event_type in _SAYS:
        return _partial(envelope, part(envelope, "data"), event_type, occurred_at=occurred_at, source=source)
    reason = _IGNORED.get(event_type, f"PagerDuty's event type {event_type} is not known here")
    return _ignored(envelope, event_type, reason, occurred_at=occurred_at, source=source)


def _whole(envelope: Data, data: Data, event_type: str, *, occurred_at: float, source: str) -> Event:
    action, usual = _WHOLE[event_type]
    title = text(data, "title", "summary")
    urgency = text(data, "urgency").lower()
    priority = _priority(data)
    service = part(data, "service")
    status = text(data, "status").lower()
    return Event(
        source=source,
        kind=EventKind.INCIDENT,
        event_type=event_type,
        dedupe_key=required_text(data, "id", "event.data.id", longest=200),
        occurred_at=occurred_at,
        started_at=given_time(data, "created_at", "event.data.created_at", default=occurred_at),
        action=action,
        status=status if status in _STATUSES else usual,
        title=title,
        symptom=symptom(title),
        severity=_severity(priority, urgency),
        service=ServiceReference(vendor_id=text(service, "id"), name=text(service, "summary", "name")),
        actor=_actor(envelope),
        url=link(data, "html_url"),
        number=whole(data, "number"),
        assignees=tuple(_name(item) for item in parts(data, "assignees")) if "assignees" in data else None,
        priority=priority,
        urgency=urgency or None,
        text=_said_by_incident(event_type, data),
        labels=_labels(data),
    )


def _partial(envelope: Data, data: Data, event_type: str, *, occurred_at: float, source: str) -> Event:
    incident = _reference(data)
    key = text(incident, "id")
    if not key or len(key) > 200:
        reason = f"{event_type} names no incident"
        return _ignored(envelope, event_type, reason, occurred_at=occurred_at, source=source)
    title = text(incident, "summary")
    service = part(data, "service")
    return Event(
        source=source,
        kind=EventKind.INCIDENT,
        event_type=event_type,
        dedupe_key=key,
        occurred_at=occurred_at,
        # A reference does not say when the incident began: such an event belongs to whatever incident has its key.
        started_at=occurred_at,
        action=Action.ANNOTATED if event_type == "incident.annotated" else Action.UPDATED,
        title=title,
        symptom=symptom(title),
        service=ServiceReference(vendor_id=text(service, "id"), name=text(service, "summary", "name")),
        actor=_actor(envelope),
        url=link(incident, "html_url"),
        text=_SAYS[event_type](data),
    )


def _ignored(envelope: Data, event_type: str, reason: str, *, occurred_at: float, source: str) -> Event:
    return Event(
        source=source,
        kind=EventKind.IGNORED,
        event_type=event_type,
        dedupe_key=text(envelope, "id")[:200],
        occurred_at=occurred_at,
        started_at=occurred_at,
        actor=_actor(envelope),
        reason=reason,
    )


def _reference(data: Data) -> Data:
    """Return the reference to the incident; role assignments keep theirs one level deeper."""
    direct = part(data, "incident")
    nested = (part(item, "incident") for item in parts(data, "incident_role_assignments"))
    return direct or next((found for found in nested if found), {})


def _priority(data: Data) -> str | None:
    """Return the priority's name, an empty text where it was taken away, None where the event does not say."""
    if "priority" not in data:
        return None
    return text(part(data, "priority"), "summary", "name")


def _severity(priority: str | None, urgency: str) -> str:
    """Return the severity by the priority's rank where it has one, else by the urgency.

    PagerDuty's incidents carry no severity of their own: that is a matter of their alerts.
    """
    rank = (priority or "").strip().lower().replace("-", "").replace(" ", "")
    for prefix in ("p", "sev"):
        if rank.startswith(prefix) and (known := _PRIORITIES.get(rank.removeprefix(prefix))):
            return known
    return _URGENCIES.get(urgency, "")


def _labels(data: Data) -> dict[str, str]:
    found = {
        "incident_key": text(data, "incident_key"),
        "incident_type": text(part(data, "incident_type"), "name"),
        "escalation_policy": _name(part(data, "escalation_policy")),
        "teams": ", ".join(name for item in parts(data, "teams") if (name := _name(item))),
    }
    return {name: value for name, value in found.items() if value}


def _actor(envelope: Data) -> str:
    return _name(part(envelope, "agent")) or text(part(envelope, "client"), "name")


def _name(reference: Data) -> str:
    return text(reference, "summary", "name", "id")


def _said_by_incident(event_type: str, data: Data) -> str:
    if event_type == "incident.service_updated":
        return f"moved to the service {_name(part(data, 'service'))}".rstrip()
    if event_type == "incident.incident_type.changed":
        return f"the incident's type is now {text(part(data, 'incident_type'), 'name')}".rstrip()
    merged = part(part(data, "resolve_reason"), "incident")
    return f"merged into {_name(merged)}" if event_type == "incident.resolved" and merged else ""


def _note(data: Data) -> str:
    return text(data, "content")


def _status_update(data: Data) -> str:
    return text(data, "message")


def _responder(data: Data) -> str:
    """Say who was asked; PagerDuty puts a user, an escalation policy or both."""
    asked = _name(part(data, "user")) or _name(part(data, "escalation_policy")) or "a responder"
    state = text(data, "state")
    message = text(data, "message")
    return f"{asked} was asked to help" + (f" ({state})" if state else "") + (f": {message}" if message else "")


def _responder_replied(data: Data) -> str:
    asked = _name(part(data, "user")) or _name(part(data, "escalation_policy")) or "a responder"
    message = text(data, "message")
    return f"{asked} replied {text(data, 'state')}".rstrip() + (f": {message}" if message else "")


def _bridge(data: Data) -> str:
    numbers = [text(item, "number") for item in parts(data, "conference_numbers")]
    found = [item for item in (text(data, "conference_url"), *numbers) if item]
    return f"conference bridge: {', '.join(found)}" if found else "the conference bridge was taken away"


def _fields(data: Data) -> str:
    """Say the custom fields that changed, before and after: PagerDuty lists the old values as the changed ones."""
    now = {text(item, "name"): _value(item) for item in parts(data, "custom_fields")}
    before = {text(item, "name"): _value(item) for item in parts(data, "changed_custom_fields")}
    changes = [f"{name}: {old} → {now.get(name, 'nothing')}" for name, old in before.items() if name]
    return "; ".join(changes or [f"{name}: {value}" for name, value in now.items() if name])


def _value(item: Data) -> str:
    value = item.get("value")
    if isinstance(value, list):
        return ", ".join(clean(str(entry)) for entry in value if isinstance(entry, str | int | float)) or "nothing"
    return text(item, "value") or "nothing"


def _roles(data: Data) -> str:
    said = []
    for item in parts(data, "incident_role_assignments"):
        role = _name(part(item, "role")) or "a role"
        holder = _name(part(item, "assignee"))
        said.append(f"{role}: {holder}" if holder else f"{role}: nobody")
    return "; ".join(said)


def _task(verb: str) -> Callable[[Data], str]:
    def say(data: Data) -> str:
        description = text(data, "description")
        said = f"task {verb}: {text(data, 'name', 'summary')}"
        return said + (f" ({description})" if description else "")

    return say


def _workflow(verb: str) -> Callable[[Data], str]:
    return lambda data: f"workflow {verb}: {_name(part(data, 'incident_workflow')) or text(data, 'summary')}"


def _action(verb: str) -> Callable[[Data], str]:
    def say(data: Data) -> str:
        state = text(data, "state")
        return f"automation {verb}: {_name(part(data, 'action'))}" + (f" ({state})" if state else "")

    return say


# The types whose data is something about an incident, with what each says in words.
_SAYS: Mapping[str, Callable[[Data], str]] = {
    "incident.annotated": _note,
    "incident.status_update_published": _status_update,
    "incident.responder.added": _responder,
    "incident.responder.replied": _responder_replied,
    "incident.conference_bridge.updated": _bridge,
    "incident.custom_field_values.updated": _fields,
    "incident.role.assigned": _roles,
    "incident.task.created": _task("created"),
    "incident.task.updated": _task("updated"),
    "incident.task.completed": _task("completed"),
    "incident.workflow.started": _workflow("started"),
    "incident.workflow.completed": _workflow("completed"),
    "incident.action_invocation.created": _action("started"),
    "incident.action_invocation.updated": _action("updated"),
    "incident.action_invocation.terminated": _action("ended"),
}

# Every documented event type (2026-08), for the tests and the documentation.
EVENT_TYPES: frozenset[str] = frozenset({*_WHOLE, *_SAYS, *(name for name in _IGNORED if name.startswith("service."))})
