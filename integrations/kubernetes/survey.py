"""Who needs whom in a cluster, as its objects tell: addresses in environments and config maps, ingresses, network policies."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from integrations.base import SourceError
from integrations.cluster import Cluster, addresses, fields, selectors
from integrations.cluster.references import template
from integrations.kubernetes import versions
from integrations.kubernetes.snapshot import (
    CRON_JOBS,
    DAEMONSETS,
    DEPLOYMENTS,
    GATEWAYS,
    INGRESSES,
    KINDS,
    POLICIES,
    ROUTES,
    SERVICES,
    SOURCE,
    STATEFULSETS,
    Snapshot,
    take,
)
from integrations.survey import Call, Survey, Thing
from scoring.observations import EntityKind, Gap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integrations.cluster.fields import Object
    from integrations.kubernetes.api import Api

RESOURCES = (DEPLOYMENTS, STATEFULSETS, DAEMONSETS, SERVICES, INGRESSES, POLICIES, ROUTES, GATEWAYS, CRON_JOBS)
# What says where users come in, and what stands behind that.
_LET_IN = frozenset({"Service", "Ingress", "Deployment", "StatefulSet", "DaemonSet"})
ENVIRONMENT, POLICY = f"{SOURCE} environment", f"{SOURCE} network policy"
_KINDS = ("Deployment", "StatefulSet", "DaemonSet", "CronJob")
# What an image is by the last part of its name; the rest of the field says no more than that it is a service.
_DATABASES = frozenset(
    {
        "postgres", "postgresql", "mysql", "mariadb", "mongo", "mongodb", "redis", "valkey", "memcached", "cassandra",
        "elasticsearch", "opensearch", "clickhouse", "clickhouse-server", "cockroach", "etcd", "timescaledb", "mssql",
    }
)  # fmt: skip
_QUEUES = frozenset({"kafka", "rabbitmq", "nats", "activemq", "pulsar", "redpanda"})
_STORES = {
    "postgres": EntityKind.DATABASE, "postgresql": EntityKind.DATABASE, "mysql": EntityKind.DATABASE,
    "mongodb": EntityKind.DATABASE, "redis": EntityKind.DATABASE, "rediss": EntityKind.DATABASE,
    "amqp": EntityKind.QUEUE, "amqps": EntityKind.QUEUE, "nats": EntityKind.QUEUE, "kafka": EntityKind.QUEUE,
}  # fmt: skip
_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^\s,;\"']+", re.IGNORECASE)
_DOMAIN = re.compile(r"(?=.{4,120}$)([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,24}", re.IGNORECASE)
# Domains that mean this cluster, this machine, or nobody.
_NOBODY = re.compile(r"(\.local|\.svc|\.internal|\.localhost|\.invalid|\.test|(^|\.)example\.(com|org|net))$")


def surveyed(api: Api, namespaces: tuple[str, ...], *, config_maps: bool) -> Survey:
    """Return the workloads of the namespaces, who needs whom, and where users come in.

    Of config maps only the names of services in them are used, and only where they may be read.

    :raises SourceError: where the API server does not answer at all.
    """
    snapshot = take(api, namespaces, namespaced=RESOURCES, whole=())
    if not snapshot.answered and snapshot.failures:
        raise snapshot.failures[0]
    objects = {KINDS[plural]: items for plural, items in snapshot.objects.items() if plural in KINDS}
    gaps = list(snapshot.gaps)
    if config_maps:
        objects["ConfigMap"] = []
        for namespace in namespaces:
            try:
                objects["ConfigMap"] += api.list(versions.CONFIG_MAPS, namespace).items
            except SourceError as error:
                gaps.append(Gap(SOURCE, f"config maps in {namespace}", error.reason))
    cluster = Cluster.of(objects, namespaces=namespaces, source=SOURCE)
    entrances = dict(_entrances(cluster))
    things = [_thing(kind, one, entrances) for kind, one in cluster.workloads(*_KINDS)]
    calls = [*_of_environments(cluster), *_of_policies(cluster)]
    return Survey(tuple(things), tuple(calls), tuple(gaps), _whole(snapshot, namespaces)).bounded(SOURCE)


def _whole(snapshot: Snapshot, namespaces: tuple[str, ...]) -> tuple[str, ...]:
    """Return the namespaces of which all was read that tells where users come in: there, who is not told of has no entrance.

    A route may lead into another namespace: where one namespace's routes are unknown, none is known whole.
    """
    if any(kind == "HTTPRoute" for kind, _ in snapshot.unread):
        return ()
    partly = {namespace for kind, namespace in snapshot.unread if kind in _LET_IN}
    return tuple(one for one in namespaces if one not in partly)


def _thing(kind: str, workload: Object, entrances: dict[tuple[str, str], str] | None = None) -> Thing:
    namespace, name = fields.namespace(workload), fields.name(workload)
    entrance = (entrances or {}).get((namespace, name), "")
    return Thing(name, _sort(template(kind, workload)), namespace, name, entrance)


def _sort(spec: Object) -> EntityKind:
    """Return what a pod is by the image of its first container."""
    image = fields.text(next(fields.parts(spec, "containers"), None), "image")
    word = image.partition("@")[0].rpartition("/")[2].partition(":")[0].lower()
    if word in _DATABASES:
        return EntityKind.DATABASE
    return EntityKind.QUEUE if word in _QUEUES else EntityKind.SERVICE


def _behind(cluster: Cluster, namespace: str, service: str) -> list[Thing]:
    """Return the workloads that a Service selects; an outside name is the thing itself."""
    found = cluster.get("Service", namespace, service)
    outside = fields.text(found, "spec", "externalName")
    if outside:
        return [Thing(outside, EntityKind.EXTERNAL)]
    selector = fields.words(found, "spec", "selector")
    workloads = [
        _thing(kind, one)
        for kind, one in cluster.workloads("Deployment", "StatefulSet", "DaemonSet")
        if selector and fields.namespace(one) == namespace and selector.items() <= _made(kind, one).items()
    ]
    if workloads:
        return workloads
    # Endpoints that others keep, or a call to a workload by its own name.
    return [
        _thing(kind, one)
        for kind in ("Deployment", "StatefulSet", "DaemonSet")
        if (one := cluster.get(kind, namespace, service)) is not None
    ] or ([Thing(service, EntityKind.SERVICE, namespace)] if found is not None else [])


def _made(kind: str, workload: Object) -> dict[str, str]:
    """Return the labels of a workload's pods."""
    if kind == "CronJob":
        return fields.words(workload, "spec", "jobTemplate", "spec", "template", "metadata", "labels")
    return fields.words(workload, "spec", "template", "metadata", "labels")


def _of_environments(cluster: Cluster) -> Iterator[Call]:
    for kind, workload in cluster.workloads(*_KINDS):
        namespace, spec = fields.namespace(workload), template(kind, workload)
        caller = _thing(kind, workload)
        where = f"of {kind.lower()} {fields.name(workload)}"
        for one in addresses.of(cluster, namespace, spec):
            for callee in _behind(cluster, one.namespace, one.service):
                if callee != caller:
                    yield Call(caller, callee, ENVIRONMENT, f"{one.variable} {where}")
        for container in fields.parts(spec, "containers"):
            for variable, value in addresses.variables(cluster, namespace, container).items():
                for outside in _outside(value, cluster):
                    yield Call(caller, outside, ENVIRONMENT, f"{variable} {where}")


def _outside(value: str, cluster: Cluster) -> Iterator[Thing]:
    """Yield the hosts outside the cluster whose address a value holds; only their names are told on."""
    for match in _URL.finditer(value[:4096]):
        try:
            parts = urlsplit(match[0])
            host = (parts.hostname or "").lower()
        except ValueError:
            continue
        labels = host.split(".")
        if not _DOMAIN.fullmatch(host) or _NOBODY.search(host) or "svc" in labels or labels[-1] in cluster.namespaces:
            continue
        yield Thing(host, _STORES.get(parts.scheme.lower().partition("+")[0], EntityKind.EXTERNAL))


def _entrances(cluster: Cluster) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield the workloads that can be reached from outside, each with the kind of object that lets users in."""
    for namespace, service, by in sorted(_let_in(cluster), reverse=True):
        for thing in _behind(cluster, namespace, service):
            if thing.workload:
                yield (thing.namespace, thing.workload), f"{SOURCE} {by}"


def _let_in(cluster: Cluster) -> Iterator[tuple[str, str, str]]:
    for one in cluster.all("Service"):
        if fields.text(one, "spec", "type") == "LoadBalancer":
            yield fields.namespace(one), fields.name(one), "load balancer"
    for ingress in cluster.all("Ingress"):
        spec = fields.part(ingress, "spec")
        backends = [fields.part(spec, "defaultBackend"), fields.part(spec, "backend")]
        for rule in fields.parts(spec, "rules"):
            backends += [fields.part(path, "backend") for path in fields.parts(rule, "http", "paths")]
        for backend in backends:
            name = fields.text(backend, "service", "name") or fields.text(backend, "serviceName")
            if name:
                yield fields.namespace(ingress), name, "ingress"
    for route in cluster.all("HTTPRoute"):
        for rule in fields.parts(route, "spec", "rules"):
            for backend in fields.parts(rule, "backendRefs"):
                where = fields.text(backend, "namespace") or fields.namespace(route)
                yield where, fields.text(backend, "name"), "gateway"


def _of_policies(cluster: Cluster) -> Iterator[Call]:
    """Yield the calls that network policies let through by name; rules that let everybody through tell nothing."""
    for policy in cluster.all("NetworkPolicy"):
        namespace, spec = fields.namespace(policy), fields.part(policy, "spec")
        detail = f"network policy {fields.name(policy)} lets it"
        mine = list(_selected(cluster, [namespace], fields.part(spec, "podSelector")))
        for direction, peers in (("ingress", "from"), ("egress", "to")):
            for rule in fields.parts(spec, direction):
                for peer in fields.parts(rule, peers):
                    others = list(
                        _selected(cluster, _places(cluster, namespace, peer), fields.part(peer, "podSelector"))
                    )
                    for one in mine:
                        for other in others:
                            caller, callee = (other, one) if direction == "ingress" else (one, other)
                            if caller != callee:
                                yield Call(caller, callee, POLICY, detail)


def _places(cluster: Cluster, namespace: str, peer: Object) -> list[str]:
    """Return the namespaces that a peer means: its own, or those that are named (Kubernetes labels each with its name)."""
    if not fields.has(peer, "namespaceSelector"):
        return [namespace]
    chosen = fields.part(peer, "namespaceSelector")
    return [
        one for one in sorted(cluster.namespaces) if selectors.matches(chosen, {"kubernetes.io/metadata.name": one})
    ]


def _selected(cluster: Cluster, namespaces: list[str], selector: Object) -> Iterator[Thing]:
    """Yield the workloads whose pods a selector takes; one that takes all of them names nobody."""
    if selectors.is_empty(selector):
        return
    for kind, one in cluster.workloads(*_KINDS):
        if fields.namespace(one) in namespaces and selectors.matches(selector, _made(kind, one)):
            yield _thing(kind, one)
