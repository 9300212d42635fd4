"""Settings that keep a workload from working: scaled to nothing, names resolved elsewhere, ports taken twice, things missing."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from integrations.wiring.objects import containers, name, namespace, part, parts, ports

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integrations.wiring.objects import Object, Objects
    from scoring.observations import State


def states(objects: Objects) -> Iterator[State]:
    """Yield a state for each such setting."""
    for plural, workload in objects.workloads():
        kind = plural.removesuffix("s")
        spec = part(workload, "spec", "template", "spec")
        if plural != "daemonsets" and part(workload, "spec").get("replicas") == 0:
            yield objects.state(workload, "ScaledToZero", f"{kind} {name(workload)} wants 0 replicas", kind=kind)
        if spec.get("dnsPolicy") == "None":
            servers = ", ".join(map(str, part(spec, "dnsConfig").get("nameservers") or ())) or "no server"
            yield objects.state(
                workload,
                "DnsOverridden",
                f"{name(workload)} asks {servers} for names, not the cluster's DNS",
                kind=kind,
            )
        yield from _ports(workload, kind, objects)
        yield from _missing(workload, kind, objects)


def _ports(workload: Object, kind: str, objects: Objects) -> Iterator[State]:
    taken = Counter(number for container in containers(workload) for number in {port[0] for port in ports(container)})
    # The sidecar of a mesh is added later; its status port is known from the annotation that sets it.
    marks = part(workload, "spec", "template", "metadata", "annotations")
    try:
        mesh = json.loads(str(marks.get("proxy.istio.io/config") or "{}"))
    except ValueError:
        mesh = {}
    sidecar = mesh.get("statusPort") if isinstance(mesh, dict) else None
    sidecar = sidecar or marks.get("status.sidecar.istio.io/port")
    if str(sidecar).isdecimal():
        taken[int(str(sidecar))] += 1
    for number, times in sorted(taken.items()):
        if times > 1:
            yield objects.state(
                workload,
                "PortConflict",
                f"{name(workload)}: {times} containers of a pod listen on port {number}",
                kind=kind,
            )


def _missing(workload: Object, kind: str, objects: Objects) -> Iterator[State]:
    spec = part(workload, "spec", "template", "spec")
    wanted: list[tuple[str, str]] = [("serviceaccounts", str(spec.get("serviceAccountName") or ""))]
    for volume in parts(spec, "volumes"):
        if not part(volume, "secret").get("optional"):
            wanted.append(("secrets", str(part(volume, "secret").get("secretName") or "")))
        if not part(volume, "configMap").get("optional"):
            wanted.append(("configmaps", str(part(volume, "configMap").get("name") or "")))
        wanted.append(("persistentvolumeclaims", str(part(volume, "persistentVolumeClaim").get("claimName") or "")))
    wanted += [("imagepullsecrets", str(one.get("name") or "")) for one in parts(spec, "imagePullSecrets")]
    for container in containers(workload):
        for source in (*parts(container, "envFrom"), *(part(one, "valueFrom") for one in parts(container, "env"))):
            for key, plural in (
                ("secretRef", "secrets"),
                ("secretKeyRef", "secrets"),
                ("configMapRef", "configmaps"),
                ("configMapKeyRef", "configmaps"),
            ):
                reference = part(source, key)
                if reference and not reference.get("optional"):
                    wanted.append((plural, str(reference.get("name") or "")))
    for plural, wanted_name in dict.fromkeys(wanted):
        listed = "secrets" if plural == "imagepullsecrets" else plural
        if not wanted_name or listed not in objects.whole:
            continue
        if not any(name(one) == wanted_name and namespace(one) == namespace(workload) for one in objects.of(listed)):
            word = {"secrets": "MissingSecret", "configmaps": "MissingConfigMap", "serviceaccounts": "MissingServiceAccount",
                    "persistentvolumeclaims": "MissingClaim", "imagepullsecrets": "PullSecretMissing"}[plural]  # fmt: skip
            yield objects.state(
                workload,
                word,
                f"{name(workload)} needs {listed.removesuffix('s')} {wanted_name}, which does not exist",
                kind=kind,
            )
