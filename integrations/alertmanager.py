"""Alertmanager: its webhook notifications, version 4, one event for each alert."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, SecretStr

from integrations.base import (
    Action,
    BadPayload,
    Credentials,
    Event,
    EventKind,
    Inbound,
    Integration,
    NotGenuine,
    ServiceReference,
)
from integrations.genuine import require_token
from integrations.payload import decode, given_time, link, part, seconds, shown, text, texts
from integrations.wording import symptom

if TYPE_CHECKING:
    from collections.abc import Mapping

# What Go writes for "no time yet".
_NO_TIME = "0001-01-01T"

_SEVERITIES: Mapping[str, str] = {
    **dict.fromkeys(("critical", "crit", "page", "emergency", "fatal", "disaster", "p1", "sev1", "s1"), "critical"),
    **dict.fromkeys(("error", "major", "high", "p2", "sev2", "s2"), "error"),
    **dict.fromkeys(("warning", "warn", "minor", "medium", "average", "ticket", "p3", "sev3", "s3"), "warning"),
    **dict.fromkeys(("info", "informational", "low", "notice", "none", "p4", "p5", "sev4", "s4"), "info"),
}

# Labels that name the service, the surest first.
_SERVICE = ("service", "app", "app_kubernetes_io_name", "app.kubernetes.io/name", "service_name", "application")
_WORKLOAD = ("deployment", "statefulset", "daemonset", "workload", "cronjob", "job_name")
_NAMESPACE = ("namespace", "kubernetes_namespace", "exported_namespace")

# `job` and `service` often name the exporter that was scraped, not what the alert is about.
_EXPORTER = re.compile(r"(^|-)(kube-state-metrics|node-exporter|cadvisor|kubelet|blackbox(-exporter)?|pushgateway)$")

# A pod's name without what its ReplicaSet, StatefulSet or DaemonSet added to that of the workload.
_POD = re.compile(
    r"(?P<workload>.+?)-(?:[bcdfghjklmnpqrstvwxz2456789]{8,10}-[bcdfghjklmnpqrstvwxz2456789]{5}"
    r"|\d{1,4}|[bcdfghjklmnpqrstvwxz2456789]{5})"
)

# Alerts that fire always, or only to silence others, by the conventions of kube-prometheus.
_PULSES: Mapping[str, str] = {
    "Watchdog": "Watchdog fires always, to prove that alerting works",
    "DeadMansSwitch": "DeadMansSwitch fires always, to prove that alerting works",
    "InfoInhibitor": "InfoInhibitor only silences other alerts",
}


class AlertmanagerCredentials(Credentials):
    """Hold the token that Alertmanager sends."""

    bearer_token: SecretStr | None = Field(
        default=None,
        title="Token",
        description="What Alertmanager sends in http_config, as bearer credentials or as the basic_auth password.",
    )


class Alertmanager(Integration):
    """Take Alertmanager's notifications in, one alert at a time.

    Alertmanager signs nothing, so a token in its `http_config` stands for a signature.
    """

    slug: ClassVar[str] = "alertmanager"
    title: ClassVar[str] = "Alertmanager"
    Credentials: ClassVar[type[Credentials]] = AlertmanagerCredentials
    gives: ClassVar[str] = "alerts as incidents, from firing to resolved, with their labels, severity and runbook"
    needs: ClassVar[str] = "a receiver in Alertmanager's configuration with the token; nothing is asked of Alertmanager"
    limits: ClassVar[str] = (
        "nothing is signed, so the address must be https; alerts over `max_alerts` of the receiver never arrive"
    )
    receives: ClassVar[bool] = True
    generated: ClassVar[tuple[str, ...]] = ("bearer_token",)

    def verify(self, inbound: Inbound, credentials: AlertmanagerCredentials) -> None:
        """Return if the request carries the token, as bearer or as the password of basic authentication.

        :raises NotGenuine: where it does not.
        """
        token = credentials.bearer_token.get_secret_value().strip() if credentials.bearer_token else ""
        if not token:
            raise NotGenuine("this Alertmanager connection has no token")
        require_token(inbound.headers.get("authorization", ""), token)

    def parse(self, inbound: Inbound) -> tuple[Event, ...]:
        """Return one event for each alert of the notification, in its order.

        https://prometheus.io/docs/alerting/latest/configuration/#webhook_config; unknown keys are passed over.

        :raises BadPayload: where the envelope is broken; the text names the field.
        """
        payload = decode(inbound.body)
        alerts = payload.get("alerts")
        if not isinstance(alerts, list):
            raise BadPayload(f"`alerts` must be a list, got {shown(alerts)}")
        return tuple(self._event(alert, index, payload, inbound.received_at) for index, alert in enumerate(alerts))

    def _event(self, alert: object, index: int, payload: Mapping[str, Any], received_at: float) -> Event:
        path = f"alerts[{index}]"
        if not isinstance(alert, dict):
            raise BadPayload(f"`{path}` must be an object, got {shown(alert)}")
        status = text(alert, "status").lower() or text(payload, "status").lower()
        if status not in {"firing", "resolved"}:
            raise BadPayload(f"`{path}.status` must be firing or resolved, got {shown(alert.get('status'))}")
        labels = texts(part(alert, "labels"))
        annotations = texts(part(alert, "annotations"))
        name = labels.get("alertname", "")
        title = annotations.get("summary") or annotations.get("title") or annotations.get("message") or name
        started_at = _moment(alert, "startsAt", f"{path}.startsAt", received_at)
        ended_at = _moment(alert, "endsAt", f"{path}.endsAt", received_at) if status == "resolved" else started_at
        runbook = link(annotations, "runbook_url", "runbook")
        return Event(
            source=self.slug,
            kind=EventKind.IGNORED if name in _PULSES else EventKind.INCIDENT,
            event_type=f"alert.{status}",
            dedupe_key=text(alert, "fingerprint")[:200] or _fingerprint(labels),
            occurred_at=ended_at,
            started_at=started_at,
            action=Action.TRIGGERED if status == "firing" else Action.RESOLVED,
            status="triggered" if status == "firing" else "resolved",
            title=title,
            symptom=name or symptom(title),
            severity=_severity(labels),
            service=_service(labels),
            url=link(alert, "generatorURL") or link(payload, "externalURL"),
            text=annotations.get("description", "") or annotations.get("message", ""),
            labels={**({"runbook_url": runbook} if runbook else {}), **labels},
            reason=_PULSES.get(name, ""),
        )


def _moment(alert: Mapping[str, Any], name: str, path: str, received_at: float) -> float:
    value = alert.get(name)
    if isinstance(value, str) and value.startswith(_NO_TIME) and seconds(value) is None:
        return received_at
    return given_time(alert, name, path, default=received_at)


def _severity(labels: Mapping[str, str]) -> str:
    found = (labels.get(name, "").lower().replace("-", "") for name in ("severity", "priority", "level"))
    return next((_SEVERITIES[word] for word in found if word in _SEVERITIES), "")


def _service(labels: Mapping[str, str]) -> ServiceReference:
    """Return what the labels say about the service: its own name, else its workload's, else the scrape job's."""
    names = [labels.get(label, "") for label in (*_SERVICE, *_WORKLOAD)]
    pod = labels.get("pod") or labels.get("pod_name") or ""
    match = _POD.fullmatch(pod)
    names += [match.group("workload") if match else pod, labels.get("job", "")]
    name = next((found for found in names if found and not _EXPORTER.search(found)), "")
    namespace = next((labels[label] for label in _NAMESPACE if labels.get(label)), "")
    return ServiceReference(name=name, namespace=namespace, labels=labels)


def _fingerprint(labels: Mapping[str, str]) -> str:
    """Return a key for an alert that came without a fingerprint: equal for equal labels."""
    return hashlib.sha256(json.dumps(labels, sort_keys=True).encode()).hexdigest()[:16]
