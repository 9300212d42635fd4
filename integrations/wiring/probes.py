"""Probes against the containers they ask: ports that nobody serves, another protocol, no patience."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integrations.wiring.objects import containers, name, namespace, part, parts, pod_labels, ports

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integrations.wiring.objects import Object, Objects
    from scoring.observations import State

_KINDS = (("livenessProbe", "Liveness"), ("readinessProbe", "Readiness"), ("startupProbe", "Startup"))
_HOWS = ("httpGet", "tcpSocket", "grpc")
# A container that is killed when it has not answered within so many seconds of its start had no time to start.
_LEAST_PATIENCE = 6


def states(objects: Objects) -> Iterator[State]:
    """Yield a state for each probe that cannot succeed, or that kills before it can."""
    for plural, workload in objects.workloads():
        kind = plural.removesuffix("s")
        for container in containers(workload):
            served = {number: spoken for number, spoken, _ in ports(container)}
            names = {word for _, _, word in ports(container) if word}
            for key, word in _KINDS:
                probe = part(container, key)
                how, port = _asks(probe)
                if not how:
                    continue
                what = f"{word.lower()} probe of {name(workload)} asks {how} on port {port}"
                unserved = (str(port).isdecimal() and int(str(port)) not in served) or (
                    not str(port).isdecimal() and bool(port) and str(port) not in names
                )
                if served and unserved and not _is_mesh(port):
                    yield objects.state(
                        workload, f"{word}ProbePortMismatch", kind=kind,
                        detail=f"{what}, but the container serves {', '.join(map(str, sorted(served)))}",
                    )  # fmt: skip
                    continue
                spoken = _protocol(container, workload, objects, port, key)
                if spoken and spoken != how:
                    yield objects.state(
                        workload,
                        f"{word}ProbeProtocolMismatch",
                        kind=kind,
                        detail=f"{what}, but {spoken} is spoken there",
                    )
            patience = _patience(part(container, "livenessProbe"))
            if patience is not None and patience < _LEAST_PATIENCE and not part(container, "startupProbe"):
                yield objects.state(
                    workload, "LivenessProbeTooEager", kind=kind,
                    detail=f"liveness probe of {name(workload)} kills it {patience:.0f} s after its start",
                )  # fmt: skip


def _asks(probe: Object) -> tuple[str, object]:
    for how in _HOWS:
        if how in probe:
            return how, part(probe, how).get("port", "")
    return "", ""


def _is_mesh(port: object) -> bool:
    # A service mesh's sidecar answers for the container on ports of its own.
    return str(port) in {"15020", "15021"}


def _protocol(container: Object, workload: Object, objects: Objects, port: object, key: str) -> str:
    """Return how a port is asked for everywhere else: by the container's other probes, or by its service's port name."""
    for other, _ in _KINDS:
        how, where = _asks(part(container, other))
        if other != key and how in {"httpGet", "grpc"} and str(where) == str(port):
            told = _named(workload, objects, port)
            # Two probes that disagree: the service says which is right.
            return told or ""
    return _named(workload, objects, port)


def _named(workload: Object, objects: Objects, port: object) -> str:
    for service in objects.of("services"):
        selector = part(service, "spec", "selector")
        if (
            namespace(service) != namespace(workload)
            or not selector
            or not selector.items() <= pod_labels(workload).items()
        ):
            continue
        for one in parts(service, "spec", "ports"):
            if str(one.get("targetPort") or one.get("port")) == str(port):
                word = str(one.get("appProtocol") or one.get("name") or "").lower()
                return "grpc" if word.startswith("grpc") else "httpGet" if word.startswith("http") else ""
    return ""


def _patience(probe: Object) -> float | None:
    if not probe or not _asks(probe)[0]:
        return None
    delay = float(probe.get("initialDelaySeconds") or 0)
    return delay + float(probe.get("periodSeconds") or 10) * float(probe.get("failureThreshold") or 3)
