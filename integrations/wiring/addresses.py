"""Addresses in the environment of workloads against the services that exist."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from integrations.wiring.objects import containers, name, namespace, part, parts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integrations.wiring.objects import Object, Objects
    from scoring.observations import State

_ADDRESS = re.compile(
    r"^(?:\w+://)?(?:[^@/\s]+@)?(?P<host>[a-z](?:[a-z0-9-]*[a-z0-9])?)(?P<rest>(?:\.[a-z0-9-]+)*):(?P<port>\d{1,5})(?:[/?].*)?$"
)
_HOST = re.compile(r"^(?P<stem>.*?)_?(?:HOST|HOSTNAME)$")


def states(objects: Objects) -> Iterator[State]:
    """Yield a state for each address that names a service which does not exist, or a port that it does not have."""
    known: dict[tuple[str, str], set[int]] = {}
    for service in objects.of("services"):
        numbers = {
            int(str(one.get("port"))) for one in parts(service, "spec", "ports") if str(one.get("port")).isdecimal()
        }
        known[namespace(service), name(service)] = numbers
    if not known:
        return
    for plural, workload in objects.workloads():
        seen: set[str] = set()
        for key, host, port in _variables(workload, objects):
            first, _, rest = host.partition(".")
            where = rest.partition(".")[0] or namespace(workload)
            if f"{host}:{port}" in seen or (rest and ".svc" not in f".{rest}" and (where, first) not in known):
                continue
            seen.add(f"{host}:{port}")
            numbers_there = known.get((where, first))
            if numbers_there is None:
                yield objects.state(
                    workload,
                    "HostUnknown",
                    f"{key} is {host}:{port}, and there is no service {first}",
                    kind=plural[:-1],
                )
            elif numbers_there and port not in numbers_there:
                served = ", ".join(map(str, sorted(numbers_there)))
                yield objects.state(
                    workload,
                    "HostPortUnknown",
                    f"{key} is {host}:{port}, but {first} serves {served}",
                    kind=plural[:-1],
                )


def _variables(workload: Object, objects: Objects) -> Iterator[tuple[str, str, int]]:
    for container in containers(workload):
        values = _environment(container, namespace(workload), objects)
        for key, value in values.items():
            match = _ADDRESS.match(value)
            if match:
                yield key, match["host"] + match["rest"], int(match["port"])
                continue
            stem = _HOST.match(key)
            port = values.get(f"{stem['stem']}_PORT", "") if stem else ""
            if stem and port.isdecimal() and re.fullmatch(r"[a-z][a-z0-9.-]*", value):
                yield f"{stem['stem']}_PORT", value, int(port)


def _environment(container: Object, where: str, objects: Objects) -> dict[str, str]:
    """Return a container's plain variables, and those of the ConfigMaps and Secrets that it takes whole."""
    values: dict[str, str] = {}
    for source in parts(container, "envFrom"):
        for reference, plural in (("configMapRef", "configmaps"), ("secretRef", "secrets")):
            wanted = part(source, reference).get("name")
            for one in objects.of(plural) if wanted else ():
                if (namespace(one), name(one)) == (where, wanted):
                    values |= {
                        str(key): str(word) for key, word in {**part(one, "data"), **part(one, "stringData")}.items()
                    }
    values |= {
        str(one.get("name")): str(one["value"]) for one in parts(container, "env") if one.get("value") is not None
    }
    return values
