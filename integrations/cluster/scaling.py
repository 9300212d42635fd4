"""Autoscalers without a target, metrics or requests, or at their maximum; disruption budgets that block."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from integrations.cluster import fields, selectors
from integrations.cluster.references import template
from integrations.cluster.telling import counted, listed, tell
from integrations.cluster.words import Word
from scoring.observations import Entity, EntityKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integrations.cluster.cluster import Cluster
    from integrations.cluster.fields import Object
    from scoring.observations import State

KIND = "HorizontalPodAutoscaler"
# autoscaling/v1 has no conditions; the server writes them here.
_LEGACY = "autoscaling.alpha.kubernetes.io/conditions"
_TARGETS = frozenset({"Deployment", "StatefulSet", "ReplicaSet"})


def find(cluster: Cluster) -> Iterator[State]:
    """Yield what is wrong with autoscalers and disruption budgets."""
    for autoscaler in cluster.all(KIND):
        yield from _autoscaler(cluster, autoscaler)
    for budget in cluster.all("PodDisruptionBudget"):
        yield from _budget(cluster, budget)


def conditions(autoscaler: Object) -> dict[str, Object]:
    """Return an autoscaler's conditions by type, those of autoscaling/v1 too."""
    found = {fields.text(one, "type"): one for one in fields.parts(autoscaler, "status", "conditions")}
    if not found:
        try:
            legacy = json.loads(fields.marks(autoscaler).get(_LEGACY, "[]"))
        except ValueError:
            return {}
        found = {fields.text(one, "type"): one for one in fields.parts({"all": legacy}, "all")}
    return found


def _autoscaler(cluster: Cluster, autoscaler: Object) -> Iterator[State]:
    namespace, name = fields.namespace(autoscaler), fields.name(autoscaler)
    kind = fields.text(autoscaler, "spec", "scaleTargetRef", "kind") or "Deployment"
    target = fields.text(autoscaler, "spec", "scaleTargetRef", "name")
    entity = cluster.workload(kind, namespace, target or name)
    told = conditions(autoscaler)
    if kind in _TARGETS and cluster.lacks(kind, namespace, target):
        nearest = cluster.nearest(kind, namespace, target)
        # Whom it was made for is told by its own name, or by the name nearest to what it looks for.
        known = name if cluster.get(kind, namespace, name) is not None else nearest
        yield tell(
            cluster, Word.SCALE_TARGET_MISSING, cluster.workload(kind, namespace, known or target), KIND, autoscaler,
            f"autoscaler {name} scales {kind.lower()} {target}, which does not exist{f'; nearest: {nearest}' if nearest else ''}",
            at=fields.changed(autoscaler),
        )  # fmt: skip
        return
    most, current = (
        fields.number(autoscaler, "spec", "maxReplicas"),
        fields.number(autoscaler, "status", "currentReplicas"),
    )
    limited = told.get("ScalingLimited", {})
    # Without conditions the numbers alone tell.
    if most and current >= most > 1 and (not limited or limited.get("reason") == "TooManyReplicas"):
        detail = (
            f"autoscaler {name} wants more than its maximum of {most} replicas"
            if limited
            else f"autoscaler {name} is at its maximum of {most} replicas"
        )
        at = fields.seconds(limited.get("lastTransitionTime"))
        yield tell(cluster, "TooManyReplicas", entity, KIND, autoscaler, detail, at=at, count=current)
    for condition in ("AbleToScale", "ScalingActive"):
        one = told.get(condition, {})
        if one.get("status") != "False" or one.get("reason") == "ScalingDisabled":
            continue
        word = (
            Word.AUTOSCALER_WITHOUT_METRICS if condition == "ScalingActive" else fields.text(one, "reason") or condition
        )
        detail = f"autoscaler {name}: {fields.text(one, 'message') or fields.text(one, 'reason')}"
        at = fields.seconds(one.get("lastTransitionTime"))
        yield tell(cluster, word, entity, KIND, autoscaler, detail, at=at, reason=fields.text(one, "reason"))
    yield from _requests(cluster, autoscaler, kind, target, entity)


def _requests(cluster: Cluster, autoscaler: Object, kind: str, target: str, entity: Entity) -> Iterator[State]:
    wanted = {
        fields.text(metric, "resource", "name")
        for metric in fields.parts(autoscaler, "spec", "metrics")
        if metric.get("type") == "Resource" and fields.text(metric, "resource", "target", "type") == "Utilization"
    }
    if fields.has(autoscaler, "spec", "targetCPUUtilizationPercentage"):
        wanted.add("cpu")
    workload = cluster.get(kind, fields.namespace(autoscaler), target)
    if workload is None:
        return
    for resource in sorted(wanted - {""}):
        bare = [
            fields.text(container, "name")
            for container in fields.parts(template(kind, workload), "containers")
            if resource not in fields.part(container, "resources", "requests")
            and resource not in fields.part(container, "resources", "limits")
        ]
        if bare:
            yield tell(
                cluster, Word.AUTOSCALER_WITHOUT_REQUESTS, entity, KIND, autoscaler,
                f"autoscaler {fields.name(autoscaler)} scales by the use of {resource}, and {kind.lower()} {target} requests none "
                f"for {listed(bare)}", at=fields.changed(autoscaler),
            )  # fmt: skip


def _budget(cluster: Cluster, budget: Object) -> Iterator[State]:
    namespace, name = fields.namespace(budget), fields.name(budget)
    selector = fields.part(budget, "spec", "selector")
    pods = cluster.selected(namespace, selector)
    if not cluster.reads("Pod", namespace) or not fields.has(budget, "spec", "selector"):
        return
    if not pods:
        if fields.number(budget, "status", "expectedPods") == 0 and not selectors.is_empty(selector):
            entity = Entity(EntityKind.COMPONENT, f"disruption budget {name}", namespace)
            detail = f"disruption budget {name} selects {selectors.told(selector)}, no pod has it"
            yield tell(cluster, Word.BUDGET_SELECTS_NOTHING, entity, "PodDisruptionBudget", budget, detail)
        return
    status = fields.part(budget, "status")
    healthy, wanted = fields.number(status, "currentHealthy"), fields.number(status, "desiredHealthy")
    if (
        "disruptionsAllowed" in status
        and fields.number(status, "disruptionsAllowed") == 0
        and wanted > 0
        and healthy < wanted
    ):
        kind, workload = cluster.maker(pods[0])
        yield tell(
            cluster, Word.DISRUPTION_BLOCKED, cluster.workload(kind, namespace, workload), "PodDisruptionBudget", budget,
            f"disruption budget {name} allows none: {healthy} of {counted(wanted, 'pod')} that it wants are healthy",
            at=fields.seconds(fields.condition(budget, "DisruptionAllowed").get("lastTransitionTime")),
        )  # fmt: skip
