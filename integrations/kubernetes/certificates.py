"""cert-manager's certificates: renewed of late, about to run out, or out already; the TLS secrets are not read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from integrations.cluster import fields, references
from integrations.kubernetes.custom import CERTIFICATES
from integrations.kubernetes.delivery import entities, is_in, ready
from integrations.kubernetes.snapshot import DAEMONSETS, DEPLOYMENTS, INGRESSES, SERVICES, SOURCE, STATEFULSETS
from scoring.observations import Change, ChangeKind, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integrations.kubernetes.api import Object
    from integrations.kubernetes.ownership import Owners
    from integrations.kubernetes.snapshot import Snapshot
    from scoring.observations import Entity, Window

# cert-manager renews long before: who has less time left than this was not renewed (seconds).
_SOON = 3 * 86_400.0
_EXPIRED, _EXPIRING = "CertificateExpired", "CertificateExpiring"


def observations(taken: Snapshot, snapshot: Snapshot, owners: Owners, window: Window) -> Iterator[Change | State]:
    """Yield renewals in the time that is looked at, and what is out or soon will be."""
    for certificate in taken.of(CERTIFICATES):
        namespace, name = fields.namespace(certificate), fields.name(certificate)
        about = entities(owners, _users(certificate, snapshot), namespace, name)
        status = fields.part(certificate, "status")
        until, since = fields.seconds(status.get("notAfter")), fields.seconds(status.get("notBefore"))
        if until is None:
            continue
        day = f"{datetime.fromtimestamp(until, UTC):%Y-%m-%d %H:%M} UTC"
        hosts = ", ".join(fields.texts(certificate, "spec", "dnsNames")[:3])
        for entity in about:
            # What comes with the certificate's revision is a renewal, the first one included.
            if is_in(window, since):
                yield Change(
                    entity=entity,
                    kind=ChangeKind.CERTIFICATE,
                    at=since or 0.0,
                    title=f"certificate {name} renewed, good until {day}",
                    source=SOURCE,
                    status="succeeded",
                    detail="; ".join(part for part in (hosts and f"for {hosts}", f"good until {day}") if part),
                    key=f"certificate:{namespace}/{name}@{fields.number(status, 'revision')}",
                )
            if until < window.end + _SOON:
                yield _ending(entity, certificate, until, day, hosts, window)


def _ending(entity: Entity, certificate: Object, until: float, day: str, hosts: str, window: Window) -> State:
    is_over = until <= window.end
    condition = ready(certificate)
    why = fields.short(fields.text(condition, "message")) if condition.get("status") == "False" else ""
    name, namespace = fields.name(certificate), fields.namespace(certificate)
    return State(
        entity=entity,
        condition=_EXPIRED if is_over else _EXPIRING,
        source=SOURCE,
        at=until if is_over else None,
        detail="; ".join(
            part
            for part in (
                f"certificate {name}{f' for {hosts}' if hosts else ''} {'ran' if is_over else 'runs'} out {day}",
                why,
            )
            if part
        ),
        query=f"kubectl -n {namespace} describe certificate {name}",
    )


def _users(certificate: Object, snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    """Yield the workloads that mount the certificate's secret, and those behind the ingresses that serve with it."""
    namespace, secret = fields.namespace(certificate), fields.text(certificate, "spec", "secretName")
    for kind in (DEPLOYMENTS, STATEFULSETS, DAEMONSETS):
        for workload in snapshot.of(kind):
            named = references.of(fields.part(workload, "spec", "template", "spec"))
            if fields.namespace(workload) == namespace and any(
                (one.kind, one.name) == ("Secret", secret) for one in named
            ):
                yield namespace, fields.name(workload)
    behind = {
        fields.text(path, "backend", "service", "name")
        for ingress in snapshot.of(INGRESSES)
        if fields.namespace(ingress) == namespace
        and any(fields.text(tls, "secretName") == secret for tls in fields.parts(ingress, "spec", "tls"))
        for rule in fields.parts(ingress, "spec", "rules")
        for path in fields.parts(rule, "http", "paths")
    } - {""}
    for service in snapshot.of(SERVICES):
        if fields.namespace(service) == namespace and fields.name(service) in behind:
            selected = fields.words(service, "spec", "selector")
            for workload in snapshot.of(DEPLOYMENTS):
                labels = fields.labels(fields.part(workload, "spec", "template"))
                if selected and selected.items() <= labels.items() and fields.namespace(workload) == namespace:
                    yield namespace, fields.name(workload)
