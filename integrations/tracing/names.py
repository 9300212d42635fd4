"""How services are called in traces (`service.name`), and which of ours is meant."""

from __future__ import annotations

import re
from dataclasses import dataclass
from string import Template
from typing import TYPE_CHECKING

from integrations.peers import called
from scoring.observations import Entity, EntityKind, Gap

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from integrations.base import ServiceScope

# As Istio, Linkerd and OpenTelemetry's operator write it besides the plain name.
USUAL = (
    "$name",
    "$workload",
    "$name.$namespace",
    "$workload.$namespace",
    "$namespace/$name",
    "$namespace.$name",
    "$namespace-$name",
)
_ADDRESS = re.compile(r"\d{1,3}(\.\d{1,3}){3}|[0-9a-f]*:[0-9a-f:.]+", re.IGNORECASE)


def templates(entered: str) -> tuple[str, ...]:
    """Return the ways to write a service's name: those that a tenant entered, comma separated, or the usual ones."""
    return tuple(one.strip() for one in entered.split(",") if one.strip()) or USUAL


@dataclass(frozen=True, slots=True)
class Names:
    """Hold how the scope's services are called in traces; one that sends none is absent from `written`."""

    services: Sequence[ServiceScope]
    written: Mapping[str, str]

    @classmethod
    def of(cls, services: Sequence[ServiceScope], known: Collection[str], ways: Sequence[str]) -> Names:
        """Return the names of services among those that are known to send traces; the first way that fits is taken."""
        lowered = {name.lower(): name for name in sorted(known, reverse=True)}
        written: dict[str, str] = {}
        for service in services:
            for way in ways:
                name = _filled(way, service)
                found = name if name in known else lowered.get(name.lower(), "") if name else ""
                if found:
                    written[service.name] = found
                    break
        return cls(services, written)

    def service(self, name: str) -> Entity:
        """Return the service that is called so in traces."""
        ours = next((service for service, written in self.written.items() if written == name), name)
        return Entity(EntityKind.SERVICE, ours)

    def peer(self, *, name: str, host: str, system: str) -> Entity | None:
        """Return whom a span without a counterpart calls: by `peer.service`, its host, or what sort of store it is."""
        found = self.service(name) if name else None
        if found is None and host and not _ADDRESS.fullmatch(host):
            found = called(host, self.services)
        if found is None:
            return Entity(EntityKind.DATABASE, system) if system else None
        if system and found.kind is EntityKind.SERVICE and found.name not in {one.name for one in self.services}:
            return Entity(EntityKind.DATABASE, found.name)
        return found


def missing(source: str, name: str, known: Sequence[str]) -> Gap:
    """Return the gap of a service that sends no traces, with some that do."""
    others = f"; those that do are {', '.join(known[:8])}" if known else ""
    return Gap(source, f"traces of {name}", f"no service of that name sends traces{others}: enter service_names")


def _filled(way: str, service: ServiceScope) -> str:
    """Return a service's name as one way writes it, empty where the service lacks what the way needs."""
    if "$namespace" in way and not service.namespace:
        return ""
    workload = (service.workload or service.name).rpartition("/")[2]
    return Template(way).safe_substitute(name=service.name, workload=workload, namespace=service.namespace)
