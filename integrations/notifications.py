"""Read notifications in Alertmanager's format, which Grafana Alerting sends too: one event for each alert."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from integrations.base import Action, BadPayload, Event, EventKind
from integrations.naming import service_of
from integrations.payload import decode, given_time, link, part, seconds, shown, text, texts
from integrations.wording import severity, symptom

if TYPE_CHECKING:
    from collections.abc import Mapping

    from integrations.base import Inbound

# What Go writes for "no time yet".
_NO_TIME = "0001-01-01T"

# Alerts that fire always, or only to silence others, by the conventions of kube-prometheus.
_PULSES: Mapping[str, str] = {
    "Watchdog": "Watchdog fires always, to prove that alerting works",
    "DeadMansSwitch": "DeadMansSwitch fires always, to prove that alerting works",
    "InfoInhibitor": "InfoInhibitor only silences other alerts",
}

# Grafana's alerts about a rule that could not be evaluated; `rulename` says which.
_BLIND: Mapping[str, str] = {"DatasourceNoData": "no data", "DatasourceError": "its query fails"}


def events(inbound: Inbound, *, source: str, links: tuple[str, ...] = ("generatorURL",)) -> tuple[Event, ...]:
    """Return one event for each alert of a notification, in its order; `links` are the alert's addresses, the best first.

    https://prometheus.io/docs/alerting/latest/configuration/#webhook_config; unknown keys are passed over.

    :raises BadPayload: where the envelope is broken; the text names the field.
    """
    payload = decode(inbound.body)
    alerts = payload.get("alerts")
    if not isinstance(alerts, list):
        raise BadPayload(f"`alerts` must be a list, got {shown(alerts)}")
    return tuple(
        _event(alert, f"alerts[{index}]", payload, inbound.received_at, source=source, links=links)
        for index, alert in enumerate(alerts)
    )


def _event(
    alert: object, path: str, payload: Mapping[str, Any], received_at: float, *, source: str, links: tuple[str, ...]
) -> Event:
    if not isinstance(alert, dict):
        raise BadPayload(f"`{path}` must be an object, got {shown(alert)}")
    status = text(alert, "status").lower() or text(payload, "status").lower()
    if status not in {"firing", "resolved"}:
        raise BadPayload(f"`{path}.status` must be firing or resolved, got {shown(alert.get('status'))}")
    labels = texts(part(alert, "labels"))
    annotations = texts(part(alert, "annotations"))
    name = labels.get("alertname", "")
    if name in _BLIND and labels.get("rulename"):
        name = f"{labels['rulename']}: {_BLIND[name]}"
    title = annotations.get("summary") or annotations.get("title") or annotations.get("message") or name
    started_at = _moment(alert, "startsAt", f"{path}.startsAt", received_at)
    ended_at = _moment(alert, "endsAt", f"{path}.endsAt", received_at) if status == "resolved" else started_at
    if status == "resolved" and ended_at <= started_at:
        # Whoever ends an alert by `endsAt` alone (`amtool --end`) has Alertmanager write that as its begin, too. When it began
        # is then not known, and an end of the past must not come before the begin that was told.
        ended_at = received_at
    runbook = link(annotations, "runbook_url", "runbook")
    return Event(
        source=source,
        kind=EventKind.IGNORED if name in _PULSES else EventKind.INCIDENT,
        event_type=f"alert.{status}",
        dedupe_key=text(alert, "fingerprint")[:200] or _fingerprint(labels),
        occurred_at=ended_at,
        started_at=started_at,
        action=Action.TRIGGERED if status == "firing" else Action.RESOLVED,
        status="triggered" if status == "firing" else "resolved",
        title=title,
        symptom=name or symptom(title),
        severity=severity(*(labels.get(label, "") for label in ("severity", "priority", "level"))),
        service=service_of(labels),
        url=link(alert, *links) or link(payload, "externalURL"),
        text=annotations.get("description", "") or annotations.get("message", ""),
        labels={**({"runbook_url": runbook} if runbook else {}), **labels},
        reason=_PULSES.get(name, ""),
    )


def _moment(alert: Mapping[str, Any], name: str, path: str, received_at: float) -> float:
    value = alert.get(name)
    if isinstance(value, str) and value.startswith(_NO_TIME) and seconds(value) is None:
        return received_at
    return given_time(alert, name, path, default=received_at)


def _fingerprint(labels: Mapping[str, str]) -> str:
    """Return a key for an alert that came without a fingerprint: equal for equal labels."""
    return hashlib.sha256(json.dumps(labels, sort_keys=True).encode()).hexdigest()[:16]
