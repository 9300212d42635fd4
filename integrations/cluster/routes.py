"""Ingresses, gateways and routes: backends, ports, classes and certificates that do not exist, and what controllers refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integrations.cluster import fields
from integrations.cluster.telling import listed, tell
from integrations.cluster.words import Word
from scoring.observations import Entity, EntityKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integrations.cluster.cluster import Cluster
    from integrations.cluster.fields import Object
    from scoring.observations import State

ROUTES = ("HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute", "UDPRoute")
_DEFAULT_CLASS = "ingressclass.kubernetes.io/is-default-class"
_LEGACY_CLASS = "kubernetes.io/ingress.class"


def find(cluster: Cluster) -> Iterator[State]:
    """Yield what is wrong with the ways into the cluster."""
    for ingress in cluster.all("Ingress"):
        yield from _class(cluster, ingress)
        yield from _ingress(cluster, ingress)
    for gateway in cluster.all("Gateway"):
        yield from _gateway(cluster, gateway)
    for kind in ROUTES:
        for route in cluster.all(kind):
            yield from _route(cluster, kind, route)


def _entity(thing: Object) -> Entity:
    return Entity(EntityKind.NETWORK, fields.name(thing), fields.namespace(thing))


def _ingress(cluster: Cluster, ingress: Object) -> Iterator[State]:
    namespace, name = fields.namespace(ingress), fields.name(ingress)
    spec = fields.part(ingress, "spec")
    backends = [
        ("its default", one) for one in (fields.part(spec, "defaultBackend"), fields.part(spec, "backend")) if one
    ]
    for rule in fields.parts(spec, "rules"):
        for path in fields.parts(rule, "http", "paths"):
            where = f"{fields.text(rule, 'host') or '*'}{fields.text(path, 'path') or '/'}"
            backends.append((where, fields.part(path, "backend")))
    for where, backend in backends:
        # networking.k8s.io/v1beta1 wrote serviceName and servicePort.
        service = fields.text(backend, "service", "name") or fields.text(backend, "serviceName")
        port = fields.part(backend, "service", "port")
        wanted = port.get("number") or port.get("name") or backend.get("servicePort")
        if service:
            yield from _backend(
                cluster, "Ingress", ingress, namespace, service, wanted, f"ingress {name} leads {where} to"
            )
    for tls in fields.parts(spec, "tls"):
        secret = fields.text(tls, "secretName")
        if secret and cluster.lacks("Secret", namespace, secret):
            hosts = listed(fields.texts(tls, "hosts")) or "its hosts"
            yield tell(
                cluster, Word.TLS_SECRET_MISSING, _entity(ingress), "Ingress", ingress,
                f"ingress {name} takes the certificate of {hosts} from Secret {secret}, which does not exist", about=secret,
                at=fields.changed(ingress),
            )  # fmt: skip


def _backend(
    cluster: Cluster, kind: str, thing: Object, namespace: str, service: str, port: object, told: str
) -> Iterator[State]:
    found = cluster.get("Service", namespace, service)
    if found is None:
        if cluster.lacks("Service", namespace, service):
            nearest = cluster.nearest("Service", namespace, service)
            yield tell(
                cluster, Word.BACKEND_MISSING, _entity(thing), kind, thing,
                f"{told} service {service}, which does not exist{f'; nearest: {nearest}' if nearest else ''}", about=service,
                at=fields.changed(thing),
            )  # fmt: skip
        return
    ports = list(fields.parts(found, "spec", "ports"))
    known = {str(fields.number(one, "port")) for one in ports} | {fields.text(one, "name") for one in ports}
    if port is not None and ports and str(port) not in known:
        have = listed([f"{fields.number(one, 'port')}{_named(one)}" for one in ports])
        yield tell(
            cluster, Word.BACKEND_PORT_MISSING, _entity(thing), kind, thing,
            f"{told} port {port} of service {service}, which has {have}", about=service, at=fields.changed(thing),
        )  # fmt: skip


def _named(port: Object) -> str:
    return f" ({fields.text(port, 'name')})" if fields.text(port, "name") else ""


def _class(cluster: Cluster, ingress: Object) -> Iterator[State]:
    name = fields.name(ingress)
    wanted = fields.text(ingress, "spec", "ingressClassName")
    if not cluster.reads("IngressClass"):
        return
    if wanted:
        if not cluster.lacks("IngressClass", "", wanted):
            return
        detail = f"ingress {name} is of class {wanted}, which does not exist"
    else:
        if fields.marks(ingress).get(_LEGACY_CLASS):
            return
        if any(fields.marks(one).get(_DEFAULT_CLASS) == "true" for one in cluster.all("IngressClass")):
            return
        detail = f"ingress {name} names no class, and no class is the default"
    yield tell(
        cluster, Word.INGRESS_CLASS_MISSING, _entity(ingress), "Ingress", ingress, detail, at=fields.changed(ingress)
    )


def _gateway(cluster: Cluster, gateway: Object) -> Iterator[State]:
    namespace, name = fields.namespace(gateway), fields.name(gateway)
    wanted = fields.text(gateway, "spec", "gatewayClassName")
    known = cluster.get("GatewayClass", "", wanted)
    if cluster.lacks("GatewayClass", "", wanted):
        detail = f"gateway {name} is of class {wanted}, which does not exist"
        yield tell(
            cluster,
            Word.GATEWAY_CLASS_MISSING,
            _entity(gateway),
            "Gateway",
            gateway,
            detail,
            at=fields.changed(gateway),
        )
    elif known is not None and (one := fields.condition(known, "Accepted")).get("status") == "False":
        detail = f"gateway {name} is of class {wanted}, which is not accepted: {fields.text(one, 'message')}"
        at = fields.seconds(one.get("lastTransitionTime"))
        yield tell(cluster, Word.GATEWAY_CLASS_MISSING, _entity(gateway), "Gateway", gateway, detail, at=at)
    for kind in ("Accepted", "Programmed"):
        one = fields.condition(gateway, kind)
        if one.get("status") == "False":
            detail = (
                f"gateway {name} is not {kind.lower()} ({fields.text(one, 'reason')}): {fields.text(one, 'message')}"
            )
            at = fields.seconds(one.get("lastTransitionTime"))
            yield tell(cluster, Word.GATEWAY_NOT_ACCEPTED, _entity(gateway), "Gateway", gateway, detail, at=at)
            break
    for listener in fields.parts(gateway, "status", "listeners"):
        for one in fields.parts(listener, "conditions"):
            if fields.text(one, "type") in {"Accepted", "Programmed", "ResolvedRefs"} and one.get("status") == "False":
                where = f"listener {fields.text(listener, 'name')} of gateway {name}"
                detail = f"{where}: {fields.text(one, 'reason')}: {fields.text(one, 'message')}"
                at = fields.seconds(one.get("lastTransitionTime"))
                yield tell(cluster, Word.GATEWAY_NOT_ACCEPTED, _entity(gateway), "Gateway", gateway, detail, at=at)
                break
    for listener in fields.parts(gateway, "spec", "listeners"):
        for secret in fields.parts(listener, "tls", "certificateRefs"):
            where, target = fields.text(secret, "namespace") or namespace, fields.text(secret, "name")
            if (fields.text(secret, "kind") or "Secret") == "Secret" and cluster.lacks("Secret", where, target):
                detail = f"gateway {name} takes a certificate from Secret {target}, which does not exist"
                yield tell(
                    cluster, Word.TLS_SECRET_MISSING, _entity(gateway), "Gateway", gateway, detail, about=target,
                    at=fields.changed(gateway),
                )  # fmt: skip


def _route(cluster: Cluster, kind: str, route: Object) -> Iterator[State]:
    namespace, name = fields.namespace(route), fields.name(route)
    for parent in fields.parts(route, "spec", "parentRefs"):
        yield from _parent(cluster, kind, route, parent)
    for rule in fields.parts(route, "spec", "rules"):
        for backend in fields.parts(rule, "backendRefs"):
            if (fields.text(backend, "kind") or "Service") == "Service":
                where = fields.text(backend, "namespace") or namespace
                told, target = f"{kind.lower()} {name} leads to", fields.text(backend, "name")
                yield from _backend(cluster, kind, route, where, target, backend.get("port"), told)
    for parent in fields.parts(route, "status", "parents"):
        for one in fields.parts(parent, "conditions"):
            if fields.text(one, "type") in {"Accepted", "ResolvedRefs"} and one.get("status") == "False":
                detail = f"{kind.lower()} {name}: {fields.text(one, 'reason')}: {fields.text(one, 'message')}"
                at = fields.seconds(one.get("lastTransitionTime"))
                yield tell(cluster, Word.ROUTE_NOT_ACCEPTED, _entity(route), kind, route, detail, at=at)
                break


def _parent(cluster: Cluster, kind: str, route: Object, parent: Object) -> Iterator[State]:
    if (fields.text(parent, "kind") or "Gateway") != "Gateway":
        return
    where, target = fields.text(parent, "namespace") or fields.namespace(route), fields.text(parent, "name")
    gateway, section = cluster.get("Gateway", where, target), fields.text(parent, "sectionName")
    told, detail = f"{kind.lower()} {fields.name(route)} belongs to", ""
    if cluster.lacks("Gateway", where, target):
        detail = f"{told} gateway {target}, which does not exist"
    elif gateway is not None and section:
        known = [fields.text(one, "name") for one in fields.parts(gateway, "spec", "listeners")]
        if section not in known:
            detail = f"{told} listener {section} of gateway {target}, which has {listed(known)}"
    if detail:
        yield tell(
            cluster, Word.GATEWAY_MISSING, _entity(route), kind, route, detail, about=target, at=fields.changed(route)
        )
