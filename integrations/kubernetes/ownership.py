"""Whose an object is: from pods over replica sets and workloads to the services that people know."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from integrations.cluster import fields
from integrations.kubernetes.snapshot import PODS, REPLICASETS
from scoring.observations import Entity, EntityKind

if TYPE_CHECKING:
    from integrations.base import Scope, ServiceScope
    from integrations.kubernetes.api import Object
    from integrations.kubernetes.snapshot import Snapshot

NAMING = ("app.kubernetes.io/name", "app.kubernetes.io/instance", "app", "k8s-app")
_HASH = re.compile(r"-[bcdf-hj-np-tv-xz0-9]{5,10}$")
_POD = re.compile(r"(-[bcdf-hj-np-tv-xz0-9]{5,10}-[a-z0-9]{5}|-[bcdf-hj-np-tv-xz0-9]{5}|-\d{1,4})$")


class Owners:
    """Answer who owns a pod or a workload."""

    def __init__(self, snapshot: Snapshot, scope: Scope) -> None:
        self.scope = scope
        self._deployments = {
            (fields.namespace(one), fields.name(one)): fields.controller(one)[1] for one in snapshot.of(REPLICASETS)
        }
        self._pods = {(fields.namespace(one), fields.name(one)): one for one in snapshot.of(PODS)}

    def service(self, namespace: str, workload: str, labels: dict[str, str] | None = None) -> ServiceScope | None:
        """Return the service of the scope that a workload belongs to."""
        here = [one for one in self.scope.services if not one.namespace or one.namespace == namespace]
        for one in here:
            if (one.workload or one.name).rpartition("/")[2] == workload:
                return one
        words = [word for key in NAMING if (word := (labels or {}).get(key))]
        # A service with a workload of its own is not also the one that merely carries its label.
        return next((one for one in here if one.name in words and not one.workload), None)

    def workload_entity(self, namespace: str, workload: str, labels: dict[str, str] | None = None) -> Entity:
        """Return the service that a workload belongs to, or the workload itself where no service is known."""
        service = self.service(namespace, workload, labels)
        if service:
            return Entity(EntityKind.SERVICE, service.name)
        return Entity(EntityKind.WORKLOAD, workload, namespace)

    def workload_of(self, pod: Object) -> str:
        """Return the name of the workload that made a pod: its deployment, stateful set, daemon set, job, or itself."""
        kind, name = fields.controller(pod)
        if kind == "ReplicaSet":
            return self._deployments.get((fields.namespace(pod), name)) or _HASH.sub("", name)
        return name or fields.name(pod)

    def pod_entity(self, pod: Object) -> Entity:
        """Return a pod as an entity with its owner."""
        namespace, workload = fields.namespace(pod), self.workload_of(pod)
        service = self.service(namespace, workload, fields.labels(pod))
        return Entity(EntityKind.POD, fields.name(pod), namespace, service.name if service else workload)

    def pod_entity_by_name(self, namespace: str, name: str) -> Entity:
        """Return a pod, perhaps gone by now, as an entity with its owner."""
        pod = self._pods.get((namespace, name))
        if pod is not None:
            return self.pod_entity(pod)
        workload = _POD.sub("", name)
        service = self.service(namespace, workload)
        return Entity(EntityKind.POD, name, namespace, service.name if service else workload)

    def replica_set_entity(self, namespace: str, name: str) -> Entity:
        """Return whom a replica set works for."""
        return self.workload_entity(namespace, self._deployments.get((namespace, name)) or _HASH.sub("", name))
