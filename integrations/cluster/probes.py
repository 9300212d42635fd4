"""Probes that ask the wrong port, speak the wrong protocol, or end containers before they can start.

A port needs no declaration, so a probe is told only where it visibly fails: the pod is not ready, or its container restarts.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from integrations.cluster import fields
from integrations.cluster.events import is_recent
from integrations.cluster.pods import is_ready
from integrations.cluster.settings import MESH_PORTS
from integrations.cluster.telling import listed, tell
from integrations.cluster.words import Word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integrations.cluster.cluster import Cluster
    from integrations.cluster.fields import Object
    from scoring.observations import State

# With all its tries a probe that gives a container less than this ends it before most programs listen.
EAGER_SECONDS = 10
_KINDS = ("liveness", "readiness", "startup")
_WORDS = {
    "liveness": (Word.LIVENESS_PROBE_PORT_MISMATCH, Word.LIVENESS_PROBE_PROTOCOL_MISMATCH, Word.LIVENESS_PROBE_FAILING),
    "readiness": (Word.READINESS_PROBE_PORT_MISMATCH, Word.READINESS_PROBE_PROTOCOL_MISMATCH, Word.READINESS_PROBE_FAILING),
    "startup": (Word.STARTUP_PROBE_PORT_MISMATCH, Word.STARTUP_PROBE_PROTOCOL_MISMATCH, Word.STARTUP_PROBE_FAILING),
}  # fmt: skip
# What clients say when the other side speaks something else.
_WRONG_PROTOCOL = re.compile(
    r"malformed HTTP|HTTP/1\.x transport connection broken|server gave HTTP response to HTTPS|first record does not look like a TLS"
    r"|error reading server preface|http2: frame|unknown service grpc\.health|unimplemented|does not implement the grpc health"
    r"|connection closed before server preface|parsing .*response",
    re.IGNORECASE,
)
# A mesh's sidecar answers for the application on ports of its own.
_MESH = frozenset(str(port) for port in MESH_PORTS)
_GRPC = re.compile(r"grpc", re.IGNORECASE)


def find(cluster: Cluster) -> Iterator[State]:
    """Yield the probes that fail, with what is wrong with them where it can be seen."""
    for pod in cluster.all("Pod"):
        if fields.is_leaving(pod) or fields.text(pod, "status", "phase") not in {"Running", "Pending"}:
            continue
        for container in fields.parts(pod, "spec", "containers"):
            for kind in _KINDS:
                probe = fields.part(container, f"{kind}Probe")
                if probe:
                    yield from _probe(cluster, pod, container, kind, probe)


def tells(cluster: Cluster, pod: Object, kind: str) -> bool:
    """Return whether anything is told of a kind of probe of a pod (`liveness`, `readiness`, `startup`)."""
    return kind in _KINDS and any(
        True
        for container in fields.parts(pod, "spec", "containers")
        if (probe := fields.part(container, f"{kind}Probe"))
        for _ in _probe(cluster, pod, container, kind, probe)
    )


def shape(probe: Object) -> tuple[str, object]:
    """Return how a probe asks (`http`, `https`, `tcp`, `grpc`, `exec`) and which port, None for the last."""
    for field, kind in (("httpGet", "http"), ("tcpSocket", "tcp"), ("grpc", "grpc")):
        if fields.has(probe, field):
            scheme = fields.text(probe, field, "scheme").lower()
            return (scheme or kind if kind == "http" else kind), fields.part(probe, field).get("port")
    return "exec", None


def _probe(cluster: Cluster, pod: Object, container: Object, kind: str, probe: Object) -> Iterator[State]:
    name = fields.text(container, "name")
    # The events say "Liveness probe failed: …", "Readiness probe errored: …".
    said = [
        seen
        for seen in cluster.events("Pod", fields.namespace(pod), fields.name(pod))
        if seen.reason in {"Unhealthy", "ProbeError"} and seen.message.lower().startswith(f"{kind} probe")
    ]
    newest = max(said, key=lambda seen: seen.last or 0.0, default=None)
    status = next((s for s in fields.parts(pod, "status", "containerStatuses") if fields.text(s, "name") == name), {})
    restarts = fields.number(status, "restartCount")
    waits = bool(fields.part(status, "state", "waiting"))
    ends = restarts > 0 or waits or any(seen.count >= 3 for seen in said)
    unready = not is_ready(pod) and status.get("ready") is not True
    failing = unready if kind != "liveness" else (ends and (bool(said) or unready))
    if not failing or (waits and fields.text(status, "state", "waiting", "reason") not in {"CrashLoopBackOff", ""}):
        return
    port_word, protocol_word, failing_word = _WORDS[kind]
    how, port = shape(probe)
    message = newest.message if newest is not None else ""
    at = newest.first if newest is not None else None
    count = sum(seen.count for seen in said)
    asks = f"the {kind} probe of container {name} asks {how} port {port}"
    ports = [one for other in fields.parts(pod, "spec", "containers") for one in fields.parts(other, "ports")]
    word, detail = None, ""
    if how != "exec" and _is_unknown(port, ports):
        have = listed([_port_words(one) for one in ports]) or "none"
        word, detail = port_word, f"{asks}; the pod's containers declare {have}"
    elif message and _WRONG_PROTOCOL.search(message):
        word, detail = protocol_word, f"{asks}, and gets an answer in another protocol"
    elif how != "exec" and (other := _other_protocol(container, kind, how, port)):
        word, detail = protocol_word, f"{asks}; {other}"
    elif kind == "liveness" and ends and _patience(probe) < EAGER_SECONDS and not fields.has(container, "startupProbe"):
        word = Word.LIVENESS_PROBE_TOO_EAGER
        detail = f"the liveness probe of container {name} may end it {_patience(probe)} s after its start"
    if word is None and newest is None:
        return
    active = newest is None or is_recent(newest, cluster.at)
    if message:
        detail = f"{detail}: {message}" if detail else message
    yield tell(
        cluster, word or failing_word, cluster.pod(pod), "Pod", pod, f"{detail}{f', {restarts} restarts' if restarts else ''}",
        at=at, count=max(count, restarts), active=active, node=fields.text(pod, "spec", "nodeName"), container=name,
    )  # fmt: skip


def _is_unknown(port: object, ports: list[Object]) -> bool:
    """Return whether a port is none of the declared ones; where none is declared, only a name is unknown."""
    if str(port) in _MESH:
        return False
    if isinstance(port, str) and not port.isdigit():
        return port not in {fields.text(one, "name") for one in ports}
    numbers = {fields.number(one, "containerPort") for one in ports}
    try:
        return bool(numbers) and port is not None and int(str(port)) not in numbers
    except ValueError:
        return False


def _other_protocol(container: Object, kind: str, how: str, port: object) -> str:
    """Return why a probe's protocol is taken for wrong, "" where nothing speaks against it."""
    if how not in {"http", "https", "grpc"}:
        return ""
    for other in _KINDS:
        if other != kind and fields.has(container, f"{other}Probe"):
            theirs, same = shape(fields.part(container, f"{other}Probe"))
            if str(same) == str(port) and theirs in {"http", "https", "grpc"} and theirs != how:
                return f"the {other} probe asks the same port by {theirs}"
    for one in fields.parts(container, "ports"):
        if str(fields.number(one, "containerPort")) == str(port) or fields.text(one, "name") == str(port):
            name = fields.text(one, "name")
            if fields.text(one, "protocol") not in {"", "TCP"}:
                return f"the port's protocol is {fields.text(one, 'protocol')}"
            if how in {"http", "https"} and _GRPC.search(name):
                return f"the port is called {name}"
            if how == "grpc" and name.startswith("http"):
                return f"the port is called {name}"
    return ""


def _patience(probe: Object) -> int:
    """Return the seconds from a container's start to the end of a probe's last try."""
    period = fields.number(probe, "periodSeconds") or 10
    tries = fields.number(probe, "failureThreshold") or 3
    timeout = fields.number(probe, "timeoutSeconds") or 1
    return fields.number(probe, "initialDelaySeconds") + period * (tries - 1) + timeout


def _port_words(port: Object) -> str:
    name = fields.text(port, "name")
    return f"{fields.number(port, 'containerPort')}{f' ({name})' if name else ''}"
