"""Kubernetes: pods, workloads, rollouts, events, nodes and logs, read only."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from integrations import base
from integrations.base import Category, Health, Integration, SourceError
from integrations.kubernetes import (
    argo,
    certificates,
    conditions,
    cron,
    custom,
    delivery,
    environment,
    events,
    flux,
    logs,
    looking,
    releases,
    rollouts,
    versions,
)
from integrations.kubernetes.access import KubernetesCredentials
from integrations.kubernetes.api import Api
from integrations.kubernetes.ownership import Owners
from integrations.kubernetes.snapshot import CLUSTER_WIDE, NAMESPACED, SOURCE, take
from integrations.survey import Survey
from scoring.observations import Gap

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from integrations.base import Door, Look, Scope, Seen
    from scoring.observations import Observation, Window

__all__ = ["Kubernetes", "KubernetesCredentials"]

MAX_NAMESPACES = 8
# What is read: verb, resource with subresource, API group. The ClusterRole in k8s/rbac.yaml grants just these.
PERMISSIONS = (
    *(("list", one.plural, one.group) for one in (*NAMESPACED, *CLUSTER_WIDE)),
    ("get", "pods/log", ""),
    *(("list", one.plural, one.group) for one in custom.KINDS),
)  # fmt: skip
_WHOLE = frozenset(one.plural for one in CLUSTER_WIDE)


class Kubernetes(Integration):
    """Read the state of the services' namespaces from a Kubernetes API server."""

    slug: ClassVar[str] = "kubernetes"
    title: ClassVar[str] = "Kubernetes"
    Credentials: ClassVar[type[base.Credentials]] = KubernetesCredentials
    gives: ClassVar[str] = (
        "states of pods, workloads and nodes, events, log patterns of failing containers, dependencies; as changes: rollouts with "
        "who brought them (Argo CD, Flux), cron jobs' runs, cert-manager's certificates, and, where that is granted, Helm releases "
        "and when config maps and secrets changed"
    )
    needs: ClassVar[str] = (
        "the ClusterRole of k8s/rbac.yaml: `list` of the kinds that are read, `get` of pods' logs; no secrets, no config maps; "
        "the ClusterRole of k8s/rbac-versions.yaml besides for `versions`"
    )
    limits: ClassVar[str] = (
        "8 namespaces, 3,000 objects of a kind, 16 containers' logs of 200 lines; a cluster tells how it is now, not how it was"
    )
    setup: ClassVar[str] = "Step by step: [connect](../connect.md#kubernetes)."
    gathers: ClassVar[bool] = True
    categories: ClassVar[tuple[Category, ...]] = (
        Category.KUBERNETES,
        Category.LOGS,
        Category.CHANGES,
        Category.CREDENTIALS,
        Category.NETWORK,
    )
    gather_cost: ClassVar[int] = 60
    surveys: ClassVar[bool] = True
    loads: ClassVar[tuple[str, ...]] = ("kubernetes.client",)
    looks: ClassVar[tuple[Look, ...]] = looking.LOOKS

    def gather(
        self, door: Door, credentials: KubernetesCredentials, scope: Scope, window: Window
    ) -> Iterable[Observation]:
        """Yield states, changes, log patterns and dependencies; what may not be read is yielded as `Gap`.

        :raises SourceError: where the API server does not answer at all.
        """
        namespaces, gaps = _namespaces(credentials, scope)
        yield from gaps
        if not namespaces:
            return
        with Api(door, credentials.access()) as api:
            yield from _gather(api, credentials, namespaces, scope, window)

    def survey(self, door: Door, credentials: KubernetesCredentials, scope: Scope, window: Window) -> Survey:
        """Read which workloads there are, who needs whom, and where users come in."""
        from integrations.kubernetes.survey import surveyed

        # A cluster tells how it is now.
        del window
        namespaces, gaps = _namespaces(credentials, scope)
        if not namespaces:
            return Survey(gaps=tuple(gaps))
        with Api(door, credentials.access()) as api:
            found = surveyed(api, namespaces, config_maps=credentials.versions)
        return replace(found, gaps=(*gaps, *found.gaps))

    def look(
        self, door: Door, credentials: KubernetesCredentials, scope: Scope, window: Window, arguments: Any
    ) -> Seen:
        """List objects of the namespaces in scope, or read the end of a log."""
        # A cluster tells how it is now, whatever the incident's window.
        del window
        namespaces, _ = _namespaces(credentials, scope)
        with Api(door, credentials.access()) as api:
            return looking.look(api, namespaces, arguments)

    def check(self, door: Door, credentials: KubernetesCredentials) -> Health:
        """Ask for the server's version, and whether each permission that gathering needs is granted."""
        with Api(door, credentials.access()) as api:
            version = str(api.get("/version").get("gitVersion") or "unknown version")
            namespaces = credentials.namespaces or ("",)
            there = {kind.group for kind in custom.present(api)}
            absent = {kind.group for kind in custom.KINDS} - there
            needed = (*PERMISSIONS, *(versions.PERMISSIONS if credentials.versions else ()))
            missing = [
                f"`{verb} {_named(resource, group)}`{f' in {namespace}' if namespace else ''}"
                for namespace in namespaces
                for verb, resource, group in needed
                if group not in absent and not api.may(verb, resource, group, "" if resource in _WHOLE else namespace)
            ]
        if missing:
            return Health(
                works=False, detail=f"Kubernetes {version} answers, but grant {', '.join(dict.fromkeys(missing))}"
            )
        where = f" in {', '.join(credentials.namespaces)}" if credentials.namespaces else " in all namespaces"
        return Health(works=True, detail=f"Kubernetes {version}; everything that is needed may be read{where}")


def _named(resource: str, group: str) -> str:
    """Return a resource as it is granted; those that others define are named with their group."""
    return f"{resource}.{group}" if any(one.group == group for one in custom.KINDS) else resource


def _namespaces(credentials: KubernetesCredentials, scope: Scope) -> tuple[tuple[str, ...], list[Gap]]:
    """Return the namespaces to read, those of the scope that are allowed, and gaps for what falls outside."""
    allowed = credentials.namespaces
    named = dict.fromkeys(service.namespace for service in scope.services if service.namespace)
    hinted = scope.alert_labels.get("namespace", "")
    if hinted:
        named[hinted] = None
    gaps = [
        Gap(
            SOURCE,
            f"objects in {namespace}",
            f"namespace {namespace} is not among those of the connection ({', '.join(allowed)})",
        )
        for namespace in named
        if allowed and namespace not in allowed
    ]
    found = [namespace for namespace in named if not allowed or namespace in allowed]
    if not named:
        found = list(allowed)
        if not found:
            who = scope.service.name if scope.service else "the alert"
            gaps.append(
                Gap(SOURCE, f"objects of {who}", f"no namespace is known for {who}: set the service's namespace")
            )
    gaps += [
        Gap(SOURCE, f"objects in {namespace}", f"read the first {MAX_NAMESPACES} namespaces only")
        for namespace in found[MAX_NAMESPACES:]
    ]
    return tuple(found[:MAX_NAMESPACES]), gaps


def _gather(
    api: Api, credentials: KubernetesCredentials, namespaces: tuple[str, ...], scope: Scope, window: Window
) -> Iterator[Observation]:
    snapshot = take(api, namespaces)
    if not snapshot.answered and snapshot.failures:
        raise _worst(snapshot.failures)
    yield from snapshot.gaps
    owners = Owners(snapshot, scope)
    added = custom.take(api, namespaces, bound=bool(credentials.namespaces))
    yield from added.gaps
    told = [*argo.changes(added, owners, window), *flux.changes(added, snapshot, owners, window)]
    if credentials.versions:
        written = versions.take(api, namespaces)
        yield from written.gaps
        secrets, by_flux = written.of(versions.SECRETS), flux.released(added)
        told += releases.changes(secrets, snapshot, owners, window, except_of=by_flux)
        yield from versions.changes(written, snapshot, owners, window)
    yield from delivery.joined(rollouts.changes(snapshot, owners, window), told)
    yield from cron.changes(snapshot, owners, window)
    yield from certificates.observations(added, snapshot, owners, window)
    yield from events.scalings(snapshot, owners, window)
    yield from conditions.observations(snapshot, owners, window)
    yield from environment.dependencies(snapshot, owners)
    yield from logs.patterns(api, snapshot, owners, window)


def _worst(failures: list[SourceError]) -> SourceError:
    """Return the failure that explains the others: refused credentials before a slow or an absent server."""
    return next((one for one in failures if isinstance(one, base.Unauthorised)), failures[0])
