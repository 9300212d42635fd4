"""Settings that keep pods from working though nothing is missing: ports claimed twice, names asked of other servers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from integrations.cluster import fields
from integrations.cluster.references import template
from integrations.cluster.telling import listed, tell
from integrations.cluster.words import Word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integrations.cluster.cluster import Cluster
    from integrations.cluster.fields import Object
    from scoring.observations import State

# What a mesh's sidecar listens on beside an application (Istio: "Ports used by Istio", sidecar proxy).
MESH_PORTS = frozenset({15000, 15001, 15004, 15006, 15008, 15020, 15021, 15053, 15090})
_MESH_CONFIG = "proxy.istio.io/config"
_MESH_PORT = "status.sidecar.istio.io/port"
_MESH_STATUS = "sidecar.istio.io/status"


def find(cluster: Cluster) -> Iterator[State]:
    """Yield the workloads with such settings."""
    for kind, workload in cluster.workloads("Deployment", "StatefulSet", "DaemonSet"):
        spec = template(kind, workload)
        marks = fields.words(workload, "spec", "template", "metadata", "annotations")
        pods = cluster.pods_of(kind, fields.namespace(workload), fields.name(workload))
        meshed = any(_MESH_STATUS in fields.marks(pod) for pod in pods)
        entity = cluster.workload(kind, fields.namespace(workload), fields.name(workload))
        for port, users in _claimed(spec, marks, meshed=meshed).items():
            if len(users) > 1:
                yield tell(
                    cluster, Word.PORT_CONFLICT, entity, kind, workload,
                    f"{kind.lower()} {fields.name(workload)}: {listed(users)} listen on port {port} of one pod",
                    at=fields.changed(workload),
                )  # fmt: skip
        if fields.text(spec, "dnsPolicy") == "None":
            servers = fields.texts(spec, "dnsConfig", "nameservers")
            known = {fields.text(one, "spec", "clusterIP") for one in cluster.all("Service")}
            if not known.intersection(servers):
                yield tell(
                    cluster, Word.DNS_OVERRIDDEN, entity, kind, workload,
                    f"{kind.lower()} {fields.name(workload)} asks {listed(servers) or 'no server'} for names, not the cluster's DNS",
                    at=fields.changed(workload),
                )  # fmt: skip


def _claimed(spec: Object, marks: dict[str, str], *, meshed: bool) -> dict[int, list[str]]:
    """Return who listens on which port of a pod, as far as it is declared."""
    found: dict[int, list[str]] = {}
    for container in fields.parts(spec, "containers"):
        mine = {fields.number(port, "containerPort") for port in fields.parts(container, "ports")} - {0}
        for port in mine:
            found.setdefault(port, []).append(f"container {fields.text(container, 'name')}")
    status = _status_port(marks)
    # The sidecar is added when the pod is made; where it is told to answer stands in the annotations.
    if status:
        found.setdefault(status, []).append("the mesh's sidecar (its status port)")
    for port in MESH_PORTS if meshed else ():
        if port in found and port != status:
            found[port].append("the mesh's sidecar")
    return found


def _status_port(marks: dict[str, str]) -> int:
    try:
        mesh = json.loads(marks.get(_MESH_CONFIG, "{}"))
    except ValueError:
        mesh = {}
    text = str(mesh.get("statusPort", "")) if isinstance(mesh, dict) else ""
    text = text or marks.get(_MESH_PORT, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
