"""Tell which service a set of labels is about: its own name, else its workload's, else the scrape job's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from integrations.base import ServiceReference

if TYPE_CHECKING:
    from collections.abc import Mapping

# Labels that name the service, the surest first: Kubernetes' recommended ones, Prometheus practice, Datadog's tags.
_SERVICE = ("service", "app", "app_kubernetes_io_name", "app.kubernetes.io/name", "service_name", "application")
_WORKLOAD = (
    *("deployment", "statefulset", "daemonset", "workload", "cronjob", "job_name"),
    *("kube_deployment", "kube_stateful_set", "kube_daemon_set", "kube_cronjob"),
)
_NAMESPACE = ("namespace", "kubernetes_namespace", "exported_namespace", "kube_namespace")

# `job` and `service` often name the exporter that was scraped, not what the alert is about.
_EXPORTER = re.compile(r"(^|-)(kube-state-metrics|node-exporter|cadvisor|kubelet|blackbox(-exporter)?|pushgateway)$")

# A pod's name without what its ReplicaSet, StatefulSet or DaemonSet added to that of the workload.
_POD = re.compile(
    r"(?P<workload>.+?)-(?:[bcdfghjklmnpqrstvwxz2456789]{8,10}-[bcdfghjklmnpqrstvwxz2456789]{5}"
    r"|\d{1,4}|[bcdfghjklmnpqrstvwxz2456789]{5})"
)


def service_of(labels: Mapping[str, str], *, otherwise: str = "") -> ServiceReference:
    """Return what the labels say about the service; `otherwise` is its name where they do not name it."""
    names = [labels.get(label, "") for label in (*_SERVICE, *_WORKLOAD)]
    pod = labels.get("pod") or labels.get("pod_name") or ""
    match = _POD.fullmatch(pod)
    names += [match.group("workload") if match else pod, labels.get("job", "")]
    name = next((found for found in names if found and not _EXPORTER.search(found)), otherwise)
    namespace = next((labels[label] for label in _NAMESPACE if labels.get(label)), "")
    return ServiceReference(name=name, namespace=namespace, labels=labels)


def tagged(tags: object) -> dict[str, str]:
    """Return `key:value` tags as labels, given as a list or as one text with commas; those without a value are left out."""
    given = tags.split(",") if isinstance(tags, str) else tags if isinstance(tags, list) else []
    found: dict[str, str] = {}
    for tag in given:
        if isinstance(tag, str):
            key, colon, value = tag.replace("\x00", "").encode("utf-8", "replace").decode().strip().partition(":")
            if colon and key.strip() and value.strip():
                found.setdefault(key.strip(), value.strip())
    return found
