"""Whom a client calls: an address, as instrumentation writes it, becomes one of the services in scope or a thing of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scoring.observations import Entity, EntityKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from integrations.base import ServiceScope


def called(address: str, services: Iterable[ServiceScope]) -> Entity | None:
    """Return who answers at an address (a URL, host, host and port, or a name), or None where it is empty.

    A name inside the cluster (`payments`, `payments.shop.svc`) is a service, a host with a domain is external.
    """
    if not address:
        return None
    host = address.rpartition("://")[2].partition("/")[0].partition(":")[0]
    first, _, rest = host.partition(".")
    for service in services:
        if first in {service.name, (service.workload or service.name).rpartition("/")[2]} and (
            not rest or not service.namespace or rest.partition(".")[0] == service.namespace
        ):
            return Entity(EntityKind.SERVICE, service.name)
    inside = not rest or ".svc" in f".{rest}"
    return Entity(EntityKind.SERVICE, first) if inside else Entity(EntityKind.EXTERNAL, host)
