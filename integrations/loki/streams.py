"""Which log streams are a service's: by the tenant's own selector, or by the labels that streams carry."""

from __future__ import annotations

import re
from string import Template
from typing import TYPE_CHECKING

from integrations.loki.api import ask, nanoseconds
from integrations.matchers import POD_SUFFIX, equal, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from integrations.base import ServiceScope
    from integrations.server import Server
    from scoring.observations import Window

# Labels that collectors (Alloy, Promtail, the OpenTelemetry Collector, Fluent Bit, Vector) put a service's name into, the
# surest first. OpenTelemetry's resource attributes come with underscores for dots.
NAMING = (
    "service_name", "app", "app_kubernetes_io_name", "k8s_deployment_name", "k8s_statefulset_name", "deployment",
    "container", "container_name", "k8s_container_name", "service", "name", "compose_service", "job",
)  # fmt: skip
NAMESPACES = ("namespace", "k8s_namespace_name", "service_namespace", "kubernetes_namespace_name")
PODS = ("pod", "k8s_pod_name", "pod_name")


def written(template: str, service: ServiceScope) -> str:
    """Return the tenant's selector for one service."""
    return Template(template).safe_substitute(
        name=quoted(service.name), workload=quoted(_workload(service)), namespace=quoted(service.namespace)
    )


def known(server: Server, services: Sequence[ServiceScope], window: Window) -> dict[str, str]:
    """Return the selectors of the services that have streams in the window, by name.

    One question is asked for all: which label sets name any of them.

    :raises SourceError: where it has no answer.
    """
    if not services:
        return {}
    answer = ask(
        server,
        "series",
        form={
            "match[]": list(_census(services)),
            "start": nanoseconds(window.start),
            "end": nanoseconds(window.end),
        },
    )
    listed = answer if isinstance(answer, list) else []
    streams = [{str(key): str(value) for key, value in one.items()} for one in listed if isinstance(one, dict)]
    selectors = {service.name: _selector(service, streams) for service in services}
    return {name: selector for name, selector in selectors.items() if selector}


def _workload(service: ServiceScope) -> str:
    return (service.workload or service.name).rpartition("/")[2]


def _words(service: ServiceScope) -> tuple[str, ...]:
    return tuple(dict.fromkeys((service.name, _workload(service))))


def _census(services: Iterable[ServiceScope]) -> Iterable[str]:
    words = sorted({word for service in services for word in _words(service)})
    jobs = sorted(
        {f"{service.namespace}/{word}" for service in services if service.namespace for word in _words(service)}
    )
    for label in NAMING:
        yield f'{{{label}=~"{_any([*words, *jobs] if label == "job" else words)}"}}'
    spaces = sorted({service.namespace for service in services if service.namespace})
    for namespace, pod in zip(NAMESPACES, PODS, strict=False):
        if spaces:
            yield f'{{{namespace}=~"{_any(spaces)}",{pod}=~"({_any(words)}){quoted(POD_SUFFIX)}"}}'


def _any(words: Iterable[str]) -> str:
    return quoted("|".join(re.escape(word).replace("\\-", "-") for word in words))


def _selector(service: ServiceScope, streams: Sequence[Mapping[str, str]]) -> str:
    """Return the surest selector that finds streams of the service and of no other namespace, or an empty text."""
    mine = [one for one in streams if _space(one) in {"", service.namespace or _space(one)}]
    for word in _words(service):
        for label in NAMING:
            values = (word, f"{service.namespace}/{word}") if label == "job" and service.namespace else (word,)
            for stream in mine:
                if stream.get(label) in values:
                    labels = {**_namespace_label(service, stream), label: stream[label]}
                    return f"{{{equal(labels)}}}"
    for word in _words(service):
        pattern = re.escape(word).replace("\\-", "-") + POD_SUFFIX
        for stream in mine:
            pod = next((label for label in PODS if re.fullmatch(pattern, stream.get(label, ""))), "")
            labels = _namespace_label(service, stream)
            if pod and labels:
                return f'{{{equal(labels)},{pod}=~"{quoted(pattern)}"}}'
    return ""


def _space(stream: Mapping[str, str]) -> str:
    return next((stream[label] for label in NAMESPACES if stream.get(label)), "")


def _namespace_label(service: ServiceScope, stream: Mapping[str, str]) -> dict[str, str]:
    label = next((label for label in NAMESPACES if service.namespace and stream.get(label) == service.namespace), "")
    return {label: service.namespace} if label else {}
