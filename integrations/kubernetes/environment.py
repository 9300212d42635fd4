"""Who calls whom, as far as the environment of workloads tells it: values that hold another Service's DNS name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from integrations.cluster import fields
from integrations.kubernetes.snapshot import DAEMONSETS, DEPLOYMENTS, SERVICES, STATEFULSETS
from scoring.observations import Dependency, Entity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integrations.kubernetes.api import Object
    from integrations.kubernetes.ownership import Owners
    from integrations.kubernetes.snapshot import Snapshot

SOURCE = "kubernetes environment"
_HOST = re.compile(r"(?<![\w.-])([a-z](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9-]+)*)(:\d{1,5})?(?![\w.-])")
# A bare word is taken for a Service's name only where the variable says that it holds an address.
_ADDRESS = re.compile(
    r"(HOST|ADDR|ADDRESS|UR[LI]|ENDPOINT|SERVER|BROKER|UPSTREAM|DSN|TARGET|SERVICE)S?$", re.IGNORECASE
)


def dependencies(snapshot: Snapshot, owners: Owners) -> Iterator[Dependency]:
    """Yield the calls that environment variables give away, each once, in a stable order."""
    workloads = [one for kind in (DEPLOYMENTS, STATEFULSETS, DAEMONSETS) for one in snapshot.of(kind)]
    callees = {
        (fields.namespace(service), fields.name(service)): _behind(service, workloads, owners)
        for service in snapshot.of(SERVICES)
    }
    found: set[Dependency] = set()
    for workload in workloads:
        namespace = fields.namespace(workload)
        caller = owners.workload_entity(namespace, fields.name(workload), fields.labels(workload))
        for key, value in _variables(workload):
            for callee in _named(key, value, namespace, callees):
                if callee.service != caller.service:
                    found.add(Dependency(caller, callee, SOURCE))
    yield from sorted(found)


def _variables(workload: Object) -> Iterator[tuple[str, str]]:
    for container in fields.parts(workload, "spec", "template", "spec", "containers"):
        for variable in fields.parts(container, "env"):
            value = fields.text(variable, "value")
            if value:
                yield fields.text(variable, "name"), value


def _named(key: str, value: str, namespace: str, callees: dict[tuple[str, str], Entity]) -> Iterator[Entity]:
    for match in _HOST.finditer(value):
        name, _, rest = match[1].partition(".")
        where = rest.partition(".")[0] if rest else namespace
        if rest and rest.partition(".")[2].partition(".")[0] not in {"", "svc"}:
            continue
        callee = callees.get((where, name))
        before = value[: match.start()]
        is_address = bool(rest) or bool(match[2]) or before.endswith(("://", "@")) or bool(_ADDRESS.search(key))
        if callee is not None and is_address:
            yield callee


def _behind(service: Object, workloads: list[Object], owners: Owners) -> Entity:
    """Return whose pods a Service selects, by the name that people know; else the Service's own name."""
    namespace, selector = fields.namespace(service), fields.part(service, "spec", "selector")
    for workload in workloads:
        made = fields.part(workload, "spec", "template", "metadata", "labels")
        if selector and fields.namespace(workload) == namespace and selector.items() <= made.items():
            return owners.workload_entity(namespace, fields.name(workload), fields.labels(workload))
    return owners.workload_entity(namespace, fields.name(service), fields.labels(service))
