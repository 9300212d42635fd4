"""Workloads, autoscalers, quotas and nodes: what they say is wrong with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integrations.kubernetes import fields, quantity
from integrations.kubernetes.snapshot import (
    AUTOSCALERS,
    DAEMONSETS,
    DEPLOYMENTS,
    NODES,
    PODS,
    QUOTAS,
    SOURCE,
    STATEFULSETS,
)
from scoring.observations import Entity, EntityKind, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integrations.kubernetes.api import Object
    from integrations.kubernetes.ownership import Owners
    from integrations.kubernetes.snapshot import Snapshot

PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable")


def states(snapshot: Snapshot, owners: Owners) -> Iterator[State]:
    """Yield what is wrong with workloads, autoscalers, quotas and nodes now."""
    for kind, resource in (("deployment", DEPLOYMENTS), ("statefulset", STATEFULSETS), ("daemonset", DAEMONSETS)):
        for workload in snapshot.of(resource):
            yield from _workload(workload, kind, owners)
    for autoscaler in snapshot.of(AUTOSCALERS):
        yield from _autoscaler(autoscaler, owners)
    for quota in snapshot.of(QUOTAS):
        yield from _quota(quota)
    used = {fields.text(pod, "spec", "nodeName") for pod in snapshot.of(PODS)}
    for node in snapshot.of(NODES):
        yield from _node(node, is_used=fields.name(node) in used)


def _workload(workload: Object, kind: str, owners: Owners) -> Iterator[State]:
    namespace, name = fields.namespace(workload), fields.name(workload)
    entity = owners.workload_entity(namespace, name, fields.labels(workload))
    query = f"kubectl -n {namespace} describe {kind} {name}"
    attributes = {"kind": kind, "workload": name}
    if kind == "daemonset":
        wanted = fields.number(workload, "status", "desiredNumberScheduled")
        working = fields.number(workload, "status", "numberAvailable")
    else:
        spec = fields.part(workload, "spec")
        wanted = fields.number(spec, "replicas") if "replicas" in spec else 1
        working = fields.number(workload, "status", "availableReplicas" if kind == "deployment" else "readyReplicas")
    if working < wanted:
        available = fields.condition(workload, "Available")
        at = fields.seconds(available.get("lastTransitionTime")) if available.get("status") == "False" else None
        yield State(
            entity, "ReplicasUnavailable", SOURCE, at=at,
            detail=f"{kind} {name}: {wanted - working} of {wanted} replicas unavailable", count=wanted - working,
            query=query, attributes=attributes,
        )  # fmt: skip
    for one in fields.parts(workload, "status", "conditions"):
        bad = (one.get("type") == "Progressing" and one.get("status") == "False") or (
            one.get("type") == "ReplicaFailure" and one.get("status") == "True"
        )
        if bad:
            yield State(
                entity, fields.text(one, "reason") or fields.text(one, "type"), SOURCE,
                at=fields.seconds(one.get("lastTransitionTime")), query=query,
                detail=f"{kind} {name}: {fields.text(one, 'message')}"[:400], attributes=attributes,
            )  # fmt: skip


def _autoscaler(autoscaler: Object, owners: Owners) -> Iterator[State]:
    namespace, name = fields.namespace(autoscaler), fields.name(autoscaler)
    target = fields.text(autoscaler, "spec", "scaleTargetRef", "name")
    entity = owners.workload_entity(namespace, target or name)
    query = f"kubectl -n {namespace} describe hpa {name}"
    current, most = (
        fields.number(autoscaler, "status", "currentReplicas"),
        fields.number(autoscaler, "spec", "maxReplicas"),
    )
    limited = fields.condition(autoscaler, "ScalingLimited")
    at = fields.seconds(limited.get("lastTransitionTime"))
    # autoscaling/v1 has no conditions: there the numbers alone tell.
    if most and current >= most > 1 and (not limited or limited.get("reason") == "TooManyReplicas"):
        yield State(
            entity, "TooManyReplicas", SOURCE, at=at, query=query, count=current,
            detail=f"autoscaler {name} wants more than its maximum of {most} replicas"
            if limited else f"autoscaler {name} is at its maximum of {most} replicas",
            attributes={"kind": "horizontalpodautoscaler"},
        )  # fmt: skip
    for kind in ("AbleToScale", "ScalingActive"):
        one = fields.condition(autoscaler, kind)
        if one.get("status") == "False" and one.get("reason") != "ScalingDisabled":
            yield State(
                entity, fields.text(one, "reason") or kind, SOURCE, at=fields.seconds(one.get("lastTransitionTime")),
                detail=f"autoscaler {name}: {fields.text(one, 'message')}"[:400], query=query,
                attributes={"kind": "horizontalpodautoscaler"},
            )  # fmt: skip


def _quota(quota: Object) -> Iterator[State]:
    namespace, name = fields.namespace(quota), fields.name(quota)
    used = fields.part(quota, "status", "used")
    for resource, hard in sorted(fields.part(quota, "status", "hard").items()):
        have, most = quantity.parse(used.get(resource)), quantity.parse(hard)
        if have is not None and most and have >= most:
            yield State(
                Entity(EntityKind.COMPONENT, f"quota {name}", namespace), "QuotaExhausted", SOURCE,
                detail=f"quota {name} of {namespace}: {resource} is used up ({used.get(resource)} of {hard})",
                query=f"kubectl -n {namespace} describe resourcequota {name}", attributes={"resource": str(resource)},
            )  # fmt: skip


def _node(node: Object, *, is_used: bool) -> Iterator[State]:
    entity = Entity(EntityKind.NODE, fields.name(node))
    query = f"kubectl describe node {entity.name}"
    attributes = {"hosts_pods_in_scope": "yes" if is_used else "no"}
    for one in fields.parts(node, "status", "conditions"):
        kind, status = fields.text(one, "type"), fields.text(one, "status")
        at, message = fields.seconds(one.get("lastTransitionTime")), fields.text(one, "message")
        if kind == "Ready" and status != "True":
            detail = f"{'not ready' if status == 'False' else 'state unknown'}: {message}"[:400]
            yield State(entity, "NotReady", SOURCE, at=at, detail=detail, query=query, attributes=attributes)
        elif kind in PRESSURES and status == "True":
            yield State(entity, kind, SOURCE, at=at, detail=message[:400], query=query, attributes=attributes)
    if fields.part(node, "spec").get("unschedulable"):
        taints = fields.parts(node, "spec", "taints")
        at = next(
            (fields.seconds(t.get("timeAdded")) for t in taints if t.get("key") == "node.kubernetes.io/unschedulable"),
            None,
        )
        yield State(
            entity, "SchedulingDisabled", SOURCE, at=at, detail="cordoned: no new pods are placed here", query=query,
            attributes=attributes,
        )  # fmt: skip
