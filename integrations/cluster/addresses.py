"""The addresses in the environment of workloads: whom they call, and addresses of Services or ports that do not exist."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from integrations.cluster import fields
from integrations.cluster.references import template
from integrations.cluster.telling import listed, tell
from integrations.cluster.words import Word
from scoring.observations import Dependency

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integrations.cluster.cluster import Cluster
    from integrations.cluster.fields import Object
    from scoring.observations import State

_HOST = re.compile(r"(?<![\w.-])([a-z](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9-]+)*)(?::(\d{1,5}))?(?![\w.-])")
# A value that is one address and nothing else: then its host is meant to exist.
_ADDRESS = re.compile(r"(?:[a-z][a-z0-9+.-]*://)?(?:[^@/\s]*@)?[a-z][a-z0-9.-]*:\d{1,5}(?:/\S*)?")
# A bare word is taken for a Service's name only where the variable says that it holds an address.
_HOLDS_ADDRESS = re.compile(
    r"(HOST|HOSTNAME|ADDR|ADDRESS|ADDRS|UR[LI]|ENDPOINT|SERVER|BROKER|UPSTREAM|DSN|TARGET|SERVICE|PEER)S?$",
    re.IGNORECASE,
)
_HOST_VARIABLE = re.compile(r"(.*?_?)(?:HOST|HOSTNAME)")
_HERE = frozenset({"localhost", "host", "kubernetes"})


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """Hold an address in a variable: the Service's namespace and name as far as it can be one, and the port, 0 for none.

    `is_sure` says that the value can mean nothing but an address inside the cluster.
    """

    variable: str
    namespace: str
    service: str
    port: int = 0
    is_sure: bool = False


def find(cluster: Cluster) -> Iterator[State]:
    """Yield the variables that point at a Service or a port of it that does not exist."""
    unborne: dict[tuple[str, str, str], list[str]] = {}
    for kind, workload in cluster.workloads("Deployment", "StatefulSet", "DaemonSet"):
        namespace, name = fields.namespace(workload), fields.name(workload)
        spec = template(kind, workload)
        aliases = {alias for one in fields.parts(spec, "hostAliases") for alias in fields.texts(one, "hostnames")}
        for one in sorted(set(of(cluster, namespace, spec))):
            if one.service in aliases or one.service in _HERE or not one.is_sure:
                continue
            service = cluster.get("Service", one.namespace, one.service)
            told = f"{kind.lower()} {name} has {one.variable} at {one.service}{f':{one.port}' if one.port else ''}"
            if service is None:
                if not cluster.lacks("Service", one.namespace, one.service):
                    continue
                meant = _workload_named(cluster, one.namespace, one.service)
                if meant:
                    unborne.setdefault((meant, one.namespace, one.service), []).append(f"{kind.lower()} {name}")
                    continue
                nearest = cluster.nearest("Service", one.namespace, one.service)
                word, detail = Word.HOST_UNKNOWN, f"{told}, and there is no service {one.service}"
                detail += f"; nearest: {nearest}" if nearest else ""
            else:
                ports = [fields.number(port, "port") for port in fields.parts(service, "spec", "ports")]
                headless = fields.text(service, "spec", "clusterIP") == "None"
                external = fields.text(service, "spec", "type") == "ExternalName"
                if not one.port or not ports or one.port in ports or headless or external:
                    continue
                word = Word.HOST_PORT_UNKNOWN
                detail = f"{told}, and service {one.service} has the ports {listed([str(port) for port in ports])}"
            yield tell(
                cluster, word, cluster.workload(kind, namespace, name), kind, workload, detail, about=one.service,
                at=fields.changed(workload), variable=one.variable,
            )  # fmt: skip
    for (kind, namespace, name), callers in sorted(unborne.items()):
        yield tell(
            cluster, Word.SERVICE_MISSING, cluster.workload(kind, namespace, name), kind,
            cluster.get(kind, namespace, name) or {},
            f"no service bears the name {name} of {kind.lower()} {name}, which is called by {listed(list(dict.fromkeys(callers)))}",
            about=name,
        )  # fmt: skip


def _workload_named(cluster: Cluster, namespace: str, name: str) -> str:
    """Return the kind of the workload that bears a name, "" where none does."""
    kinds = ("Deployment", "StatefulSet", "DaemonSet")
    return next((kind for kind in kinds if cluster.get(kind, namespace, name) is not None), "")


def dependencies(cluster: Cluster) -> Iterator[Dependency]:
    """Yield the calls that environment variables give away, each once, in a stable order."""
    found: set[Dependency] = set()
    for kind, workload in cluster.workloads("Deployment", "StatefulSet", "DaemonSet"):
        namespace = fields.namespace(workload)
        caller = cluster.workload(kind, namespace, fields.name(workload))
        for one in of(cluster, namespace, template(kind, workload)):
            service = cluster.get("Service", one.namespace, one.service)
            callee = cluster.service(service) if service is not None else None
            if callee is None and (meant := _workload_named(cluster, one.namespace, one.service)):
                callee = cluster.workload(meant, one.namespace, one.service)
            if callee is not None and callee.service != caller.service:
                found.add(Dependency(caller, callee, f"{cluster.source} environment"))
    yield from sorted(found)


def of(cluster: Cluster, namespace: str, spec: Object) -> Iterator[Address]:
    """Yield the addresses in the environment of a pod's containers, those in config maps too where they were read."""
    for kind in ("containers", "initContainers"):
        for container in fields.parts(spec, kind):
            values = variables(cluster, namespace, container)
            for key, value in values.items():
                yield from _in(cluster, key, value, namespace)
                # A host and its port are often given apart: DB_HOST and DB_PORT.
                stem = _HOST_VARIABLE.fullmatch(key)
                port = values.get(f"{stem[1]}PORT", "") if stem else ""
                if port.isascii() and port.isdigit() and len(port) < 6 and _HOST.fullmatch(value):
                    yield from _in(cluster, f"{stem[1] if stem else ''}PORT", f"{value}:{port}", namespace)


def variables(cluster: Cluster, namespace: str, container: Object) -> dict[str, str]:
    """Return the plain variables of a container, with those of the config maps it takes whole where they were read."""
    values: dict[str, str] = {}
    for source in fields.parts(container, "envFrom"):
        taken = cluster.get("ConfigMap", namespace, fields.text(source, "configMapRef", "name"))
        prefix = fields.text(source, "prefix")
        values |= {f"{prefix}{key}": value for key, value in fields.words(taken, "data").items()}
    own = {fields.text(one, "name"): fields.text(one, "value") for one in fields.parts(container, "env")}
    return values | {key: value for key, value in own.items() if value}


def _in(cluster: Cluster, variable: str, value: str, namespace: str) -> Iterator[Address]:
    if len(value) > 4096:
        return
    parts = [part.strip() for part in value.split(",")]
    is_address = all(_ADDRESS.fullmatch(part) for part in parts)
    for match in _HOST.finditer(value):
        port = int(match[2]) if match[2] else 0
        labels = match[1].split(".")
        before = value[: match.start()]
        if value[match.end() : match.end() + 3] == "://":
            continue
        if len(labels) == 1:
            named = bool(match[2]) or before.endswith(("://", "@")) or bool(_HOLDS_ADDRESS.search(variable))
            if named:
                yield Address(variable, namespace, labels[0], port, is_sure=is_address and bool(match[2]))
            continue
        if "svc" in labels[2:]:
            place = labels.index("svc", 2)
        elif labels[-1] in cluster.namespaces:
            place = len(labels)
        else:
            continue
        yield Address(
            variable, labels[place - 1], labels[place - 2], port, is_sure=labels[place - 1] in cluster.namespaces
        )
