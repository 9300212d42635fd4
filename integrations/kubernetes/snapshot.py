"""What is read of a cluster: all kinds of objects of the namespaces in scope, side by side, and gaps where refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from integrations.base import SourceError
from integrations.kubernetes.api import Forbidden, NotFound, Resource
from scoring.observations import Gap

if TYPE_CHECKING:
    from collections.abc import Iterable

    from integrations.kubernetes.api import Api, Object

SOURCE = "kubernetes"
SIDE_BY_SIDE = 6

PODS = Resource("pods", ("v1",))
SERVICES = Resource("services", ("v1",))
EVENTS = Resource("events", ("v1", "events.k8s.io/v1"))
QUOTAS = Resource("resourcequotas", ("v1",))
DEPLOYMENTS = Resource("deployments", ("apps/v1",))
REPLICASETS = Resource("replicasets", ("apps/v1",))
STATEFULSETS = Resource("statefulsets", ("apps/v1",))
DAEMONSETS = Resource("daemonsets", ("apps/v1",))
REVISIONS = Resource("controllerrevisions", ("apps/v1",))
AUTOSCALERS = Resource("horizontalpodautoscalers", ("autoscaling/v2", "autoscaling/v2beta2", "autoscaling/v1"))
NODES = Resource("nodes", ("v1",), namespaced=False)

SLICES = Resource("endpointslices", ("discovery.k8s.io/v1", "discovery.k8s.io/v1beta1"))
CLAIMS = Resource("persistentvolumeclaims", ("v1",))
ACCOUNTS = Resource("serviceaccounts", ("v1",))
INGRESSES = Resource("ingresses", ("networking.k8s.io/v1", "networking.k8s.io/v1beta1"))
POLICIES = Resource("networkpolicies", ("networking.k8s.io/v1",))
JOBS = Resource("jobs", ("batch/v1",))
CRON_JOBS = Resource("cronjobs", ("batch/v1", "batch/v1beta1"))
BUDGETS = Resource("poddisruptionbudgets", ("policy/v1", "policy/v1beta1"))
GATEWAYS = Resource("gateways", ("gateway.networking.k8s.io/v1", "gateway.networking.k8s.io/v1beta1"))
ROUTES = Resource("httproutes", ("gateway.networking.k8s.io/v1", "gateway.networking.k8s.io/v1beta1"))
VOLUMES = Resource("persistentvolumes", ("v1",), namespaced=False)
STORAGE_CLASSES = Resource("storageclasses", ("storage.k8s.io/v1",), namespaced=False)
INGRESS_CLASSES = Resource("ingressclasses", ("networking.k8s.io/v1", "networking.k8s.io/v1beta1"), namespaced=False)
VALIDATING = Resource("validatingwebhookconfigurations", ("admissionregistration.k8s.io/v1",), namespaced=False)
MUTATING = Resource("mutatingwebhookconfigurations", ("admissionregistration.k8s.io/v1",), namespaced=False)

# In the order of asking: what tells most comes first, should the time run out.
NAMESPACED = (
    PODS, DEPLOYMENTS, REPLICASETS, EVENTS, STATEFULSETS, DAEMONSETS, REVISIONS, AUTOSCALERS, SERVICES, QUOTAS, SLICES,
    CLAIMS, JOBS, CRON_JOBS, INGRESSES, POLICIES, BUDGETS, ACCOUNTS, ROUTES, GATEWAYS,
)  # fmt: skip
CLUSTER_WIDE = (NODES, VOLUMES, STORAGE_CLASSES, INGRESS_CLASSES, VALIDATING, MUTATING)
# What an incident can be told without.
_FURTHER = frozenset(
    {
        SLICES, CLAIMS, JOBS, CRON_JOBS, INGRESSES, POLICIES, BUDGETS, ACCOUNTS, ROUTES, GATEWAYS, VOLUMES, STORAGE_CLASSES,
        INGRESS_CLASSES, VALIDATING, MUTATING,
    }
)  # fmt: skip
# What the API calls the kinds of these resources.
KINDS = {
    "pods": "Pod", "services": "Service", "events": "Event", "resourcequotas": "ResourceQuota", "deployments": "Deployment",
    "replicasets": "ReplicaSet", "statefulsets": "StatefulSet", "daemonsets": "DaemonSet", "nodes": "Node",
    "horizontalpodautoscalers": "HorizontalPodAutoscaler", "endpointslices": "EndpointSlice", "jobs": "Job",
    "cronjobs": "CronJob", "persistentvolumeclaims": "PersistentVolumeClaim", "serviceaccounts": "ServiceAccount",
    "ingresses": "Ingress", "networkpolicies": "NetworkPolicy", "poddisruptionbudgets": "PodDisruptionBudget",
    "gateways": "Gateway", "httproutes": "HTTPRoute", "persistentvolumes": "PersistentVolume",
    "storageclasses": "StorageClass", "ingressclasses": "IngressClass",
    "validatingwebhookconfigurations": "ValidatingWebhookConfiguration",
    "mutatingwebhookconfigurations": "MutatingWebhookConfiguration",
}  # fmt: skip


@dataclass(slots=True)
class Snapshot:
    """Hold the objects of each kind over all namespaces in scope, and what could not be read."""

    objects: dict[str, list[Object]] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)
    failures: list[SourceError] = field(default_factory=list)
    namespaces: frozenset[str] = frozenset()
    # Kinds, with their namespaces, of which it is not known what there is.
    unread: set[tuple[str, str]] = field(default_factory=set)
    answered: int = 0

    def of(self, resource: Resource) -> list[Object]:
        """Return the objects of one kind."""
        return self.objects.get(resource.plural, [])


def take(
    api: Api,
    namespaces: Iterable[str],
    *,
    namespaced: Iterable[Resource] = NAMESPACED,
    whole: Iterable[Resource] = CLUSTER_WIDE,
) -> Snapshot:
    """Read everything in scope, or just the kinds that are named; what cannot be read becomes a gap that names the permission to grant."""
    namespaces = tuple(namespaces)
    snapshot = Snapshot(namespaces=frozenset(namespaces))
    refused: dict[str, None] = {}
    tasks = [(resource, namespace) for resource in namespaced for namespace in namespaces]
    whole = tuple(whole)
    if NODES in whole:
        tasks.insert(1, (NODES, ""))
    tasks += [(resource, "") for resource in whole if resource is not NODES]
    with ThreadPoolExecutor(max_workers=SIDE_BY_SIDE, thread_name_prefix="kubernetes") as pool:
        for resource, namespace, found in pool.map(lambda task: (*task, _listed(api, *task)), tasks):
            where = f" in {namespace}" if namespace else ""
            if isinstance(found, SourceError):
                # An API that the server does not have holds no objects: that is known.
                if not isinstance(found, NotFound):
                    snapshot.unread.add((KINDS.get(resource.plural, ""), namespace))
                snapshot.failures.append(found)
                if isinstance(found, Forbidden) and resource in _FURTHER:
                    refused.setdefault(resource.plural)
                elif gap := _gap(resource, where, found):
                    snapshot.gaps.append(gap)
                continue
            items, left_out = found
            snapshot.answered += 1
            snapshot.objects.setdefault(resource.plural, []).extend(items)
            if left_out:
                snapshot.unread.add((KINDS.get(resource.plural, ""), namespace))
                reason = f"there are more than the {len(items)} that were read"
                snapshot.gaps.append(Gap(SOURCE, f"{resource.plural}{where}", reason))
    if refused:
        # An account made for an earlier release reads what tells most; one gap says what it misses.
        reason = f"cannot list {', '.join(refused)}: grant `list` of them, as k8s/rbac.yaml does"
        snapshot.gaps.append(Gap(SOURCE, "further kinds of objects", reason))
    return snapshot


def _listed(api: Api, resource: Resource, namespace: str) -> tuple[tuple[Object, ...], bool] | SourceError:
    # Normal events are many and say little; the server leaves them out, except the autoscaler's.
    parameters = {"fieldSelector": "type!=Normal"} if resource is EVENTS else {}
    try:
        listing = api.list(resource, namespace, **parameters)
        if resource is EVENTS:
            scaled = api.list(resource, namespace, fieldSelector="reason=SuccessfulRescale")
            return (*listing.items, *scaled.items), listing.left_out
    except SourceError as error:
        return error
    return listing.items, listing.left_out


def _gap(resource: Resource, where: str, error: SourceError) -> Gap | None:
    question = f"{resource.plural}{where}"
    if isinstance(error, Forbidden):
        return Gap(SOURCE, question, f"cannot list {question}: grant `list {resource.plural}`")
    if isinstance(error, NotFound):
        # An API that the server does not have holds no objects; that is no gap in what we know.
        return None
    return Gap(SOURCE, question, error.reason)
