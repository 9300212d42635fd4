"""Who is asked about: each service of the scope, and the label matchers that find its metrics."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from integrations.matchers import POD_SUFFIX, equal, quoted
from scoring.observations import Entity, EntityKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from integrations.base import ServiceScope
    from integrations.prometheus.api import Api

IDENTIFYING = ("service", "job", "app", "service_name", "app_kubernetes_io_name", "container")
WORKLOAD = "copilot_workload"


@dataclass(frozen=True, slots=True)
class Subject:
    """Hold one service, the matchers that find its own metrics ("" where none do), and the metrics it was seen to have.

    `metrics` is None where nobody looked: then every convention is asked for. `tried` are matchers that found nothing.
    `exporter` are the matchers of the exporters that speak of it as a database, and `exporters` of which sorts these are.
    """

    scope: ServiceScope
    matchers: str = ""
    metrics: frozenset[str] | None = None
    tried: tuple[str, ...] = ()
    exporter: str = ""
    exporters: frozenset[str] = frozenset()

    @property
    def entity(self) -> Entity:
        """Return the service as an entity."""
        return Entity(EntityKind.SERVICE, self.scope.name)

    @property
    def workload(self) -> str:
        """Return the workload's bare name: `deployment/payments` is `payments`."""
        return (self.scope.workload or self.scope.name).rpartition("/")[2]

    def placeholders(self) -> dict[str, str]:
        """Return the values of the pack's placeholders; what is unknown is absent."""
        namespace = f'namespace="{quoted(self.scope.namespace)}",' if self.scope.namespace else ""
        workload = quoted(self.workload)
        pattern = quoted(re.escape(self.workload).replace("\\-", "-"))
        name = re.escape(self.scope.name).replace("\\-", "-")
        found = {
            "name": quoted(self.scope.name),
            "name_regex": quoted(f"(.*[-_./@])?{name}([-_./:@].*)?"),
            "workload": workload,
            "pods": f'{namespace}pod=~"{pattern}{quoted(POD_SUFFIX)}"',
            "deployment": f'{namespace}deployment="{workload}"',
            "statefulset": f'{namespace}statefulset="{workload}"',
            "daemonset": f'{namespace}daemonset="{workload}"',
            "hpa": f'{namespace}horizontalpodautoscaler=~"{pattern}(-hpa)?"',
            "claims": f'{namespace}persistentvolumeclaim=~"(.*-)?{pattern}(-.*)?"',
            "istio": f'destination_workload="{workload}"',
            "istio_source": f'source_workload="{workload}"',
        }
        if self.scope.namespace:
            found["namespace"] = quoted(self.scope.namespace)
            found["istio"] += f',destination_workload_namespace="{found["namespace"]}"'
            found["istio_source"] += f',source_workload_namespace="{found["namespace"]}"'
        if self.matchers:
            found["service"] = self.matchers
        if self.exporter:
            found["exporter"] = self.exporter
        return found


def bare_selector(selector: str) -> str:
    """Return a selector's matchers without braces and trailing comma: `{job="checkout"}` is `job="checkout"`."""
    return selector.strip().removeprefix("{").removesuffix("}").strip().rstrip(",")


def identified(
    subjects: tuple[Subject, ...],
    api: Api,
    names: frozenset[str] | None,
    wanted: tuple[str, ...],
    *,
    start: float,
    end: float,
) -> tuple[Subject, ...]:
    """Return the subjects with the matchers that find them: their selector, or else the labels that name them.

    `names` are the metrics that exist (None: unknown), `wanted` those found by a service's own labels. One question is
    asked for all services: which combinations of identifying labels these metrics carry.

    :raises SourceError: where the question has no answer.
    """
    named = tuple(replace(one, matchers=bare_selector(one.scope.selector)) for one in subjects)
    unknown = [one for one in named if not one.matchers]
    present = counted(wanted) if names is None else tuple(name for name in counted(wanted) if name in names)
    if not unknown or not present:
        return named
    groups = [
        dict(row.get("metric") or {})
        for row in api.range(_census(unknown, present), start=start, end=end, step=max(1.0, (end - start) / 4))
    ]
    found = frozenset(wanted)
    return tuple(one if one.matchers else _identify(one, groups, found) for one in named)


def counted(metrics: tuple[str, ...]) -> tuple[str, ...]:
    """Return the metrics with histograms' buckets replaced by their counts, which are many times fewer series."""
    return tuple(dict.fromkeys(re.sub(r"_bucket$", "_count", metric) for metric in metrics))


def _census(subjects: list[Subject], metrics: tuple[str, ...]) -> str:
    names = "|".join(metrics)
    words = sorted({word for one in subjects for word in (one.scope.name, one.workload)})
    jobs = sorted({*words, *(f"{one.scope.namespace}/{one.scope.name}" for one in subjects if one.scope.namespace)})
    namespaces = sorted({one.scope.namespace for one in subjects if one.scope.namespace})
    where: list[tuple[str, list[str]]] = [("namespace", namespaces)] if namespaces else []
    where += [(label, jobs if label == "job" else words) for label in IDENTIFYING]
    labels = ", ".join(("__name__", "namespace", *IDENTIFYING, WORKLOAD))
    parts = []
    for label, values in where:
        pattern = quoted("|".join(re.escape(value) for value in values))
        selector = f'{{__name__=~"{names}",{label}=~"{pattern}"}}'
        replaced = f'label_replace({selector}, "{WORKLOAD}", "$1", "pod", "(.+?){POD_SUFFIX}")'
        parts.append(f"count by ({labels}) ({replaced})")
    return " or ".join(parts)


def _identify(subject: Subject, groups: list[dict[str, str]], wanted: frozenset[str]) -> Subject:
    tried: list[str] = []
    for matchers, labels in _options(subject):
        metrics = {
            group.get("__name__", "")
            for group in groups
            if all(group.get(label) == value for label, value in labels.items())
            and group.get("namespace", "") in {"", subject.scope.namespace or group.get("namespace", "")}
        }
        if metrics:
            buckets = {re.sub(r"_count$", "_bucket", metric) for metric in metrics}
            return replace(subject, matchers=matchers, metrics=frozenset(metrics | buckets & wanted))
        tried.append(matchers)
    return replace(subject, tried=tuple(tried))


def _options(subject: Subject) -> list[tuple[str, Mapping[str, str]]]:
    """Return the ways to name a service, the surest first: matchers, and the labels that a group must then have."""
    namespace, name, workload = subject.scope.namespace, subject.scope.name, subject.workload
    spaces = [{"namespace": namespace}, {}] if namespace else [{}]
    options: list[tuple[str, Mapping[str, str]]] = []
    if namespace:
        options.append((subject.placeholders()["pods"], {"namespace": namespace, WORKLOAD: workload}))
    for space in spaces:
        for word in dict.fromkeys((name, workload)):
            for label in IDENTIFYING:
                labels = {**space, label: word}
                options.append((equal(labels), labels))
    if namespace:
        # OpenTelemetry's `service.namespace` and `service.name` become one job.
        job = f"{namespace}/{name}"
        options.append((f'job="{quoted(job)}"', {"job": job}))
    return options
