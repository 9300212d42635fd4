"""A cluster as far as it was read: raw objects by kind, namespace and name, and what absence of an object means."""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from integrations.cluster import fields, selectors
from integrations.cluster.events import Seen, read
from scoring.observations import Entity, EntityKind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from integrations.cluster.fields import Object

Key = tuple[str, str]
# Namespace, workload's name and labels in; the name of the service that people know, or "".
ServiceOf = Callable[[str, str, Mapping[str, str]], str]

# Where people write the name of the service that an object belongs to.
NAMING = ("app.kubernetes.io/name", "app", "k8s-app", "app.kubernetes.io/instance")
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob")
CLUSTER_WIDE = frozenset(
    {
        "Node", "Namespace", "PersistentVolume", "StorageClass", "IngressClass", "GatewayClass", "ClusterRole",
        "ClusterRoleBinding", "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "PriorityClass",
    }
)  # fmt: skip
# Of these there is always one, so that an empty list was not read.
_ALWAYS = frozenset({"Node", "Namespace", "ServiceAccount"})
_HASH = re.compile(r"-[bcdf-hj-np-tv-xz0-9]{5,10}$")
_POD = re.compile(r"(-[bcdf-hj-np-tv-xz0-9]{5,10}-[a-z0-9]{5}|-[bcdf-hj-np-tv-xz0-9]{5}|-\d{1,4})$")


def by_label(namespace: str, workload: str, labels: Mapping[str, str]) -> str:  # noqa: ARG001 (a ServiceOf)
    """Return the service that the usual labels name."""
    return next((word for key in NAMING if (word := labels.get(key))), "")


@dataclass(frozen=True, slots=True)
class Cluster:
    """Hold what was read of a cluster; make it with `Cluster.of`.

    Kinds are the API's (`Pod`, `Deployment`, `EndpointSlice`, …). A kind that is not a key of what was handed over was not
    read: then nothing is known of it, and no object of it counts as missing. `at` is the moment of reading in Unix seconds;
    what was over before `since` is left out.
    """

    objects: Mapping[str, Mapping[Key, Object]]
    at: float | None = None
    since: float | None = None
    source: str = "kubernetes"
    namespaces: frozenset[str] = frozenset()
    unread: frozenset[Key] = frozenset()
    service_of: ServiceOf = by_label
    _homes: Mapping[Key, list[Object]] = field(default_factory=dict, repr=False, compare=False)
    _labelled: Mapping[tuple[str, str, str], list[Object]] = field(default_factory=dict, repr=False, compare=False)
    _made: Mapping[tuple[str, str, str], list[Object]] = field(default_factory=dict, repr=False, compare=False)
    _events: Mapping[tuple[str, str, str], list[Seen]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(
        cls,
        objects: Mapping[str, Iterable[Any]],
        *,
        at: float | None = None,
        since: float | None = None,
        source: str = "kubernetes",
        namespaces: Collection[str] | None = None,
        unread: Collection[Key] = (),
        service_of: ServiceOf = by_label,
    ) -> Cluster:
        """Index objects by kind, namespace and name; what is no object is left out.

        `namespaces` are those that were read (those of the objects where it is not given), `unread` are pairs of a kind and a
        namespace that could not be ("" for a kind of the whole cluster).
        """
        indexed: dict[str, dict[Key, Object]] = {}
        homes: dict[Key, list[Object]] = defaultdict(list)
        labelled: dict[tuple[str, str, str], list[Object]] = defaultdict(list)
        made: dict[tuple[str, str, str], list[Object]] = defaultdict(list)
        events: dict[tuple[str, str, str], list[Seen]] = defaultdict(list)
        for kind, items in objects.items():
            mine = indexed.setdefault(kind, {})
            for number, one in enumerate(items):
                if not isinstance(one, dict):
                    continue
                namespace = "" if kind in CLUSTER_WIDE else fields.namespace(one)
                # An event without a name is still one.
                mine[namespace, fields.name(one) or f"#{number}"] = one
        for kind, mine in indexed.items():
            for (namespace, _), one in mine.items():
                homes[kind, namespace].append(one)
                if kind == "Event" and (seen := read(one)) is not None:
                    events[seen.kind, seen.namespace, seen.name].append(seen)
                if kind in {"Pod", "ReplicaSet", "Job"}:
                    made[namespace, *fields.controller(one)].append(one)
                if kind == "Pod":
                    for key, word in fields.labels(one).items():
                        labelled[namespace, key, word].append(one)
        if namespaces is None:
            namespaces = {namespace for mine in indexed.values() for namespace, _ in mine}
        return cls(
            indexed, at, since, source, frozenset(namespaces) - {""}, frozenset(unread), service_of, dict(homes),
            dict(labelled), dict(made), dict(events),
        )  # fmt: skip

    def all(self, kind: str) -> Iterable[Object]:
        """Return all objects of a kind."""
        return self.objects.get(kind, {}).values()

    def within(self, kind: str, namespace: str) -> list[Object]:
        """Return the objects of a kind in a namespace."""
        return self._homes.get((kind, namespace), [])

    def get(self, kind: str, namespace: str, name: str) -> Object | None:
        """Return one object, None where there is none or it was not read."""
        return self.objects.get(kind, {}).get(("" if kind in CLUSTER_WIDE else namespace, name))

    def reads(self, kind: str, namespace: str = "") -> bool:
        """Return whether all objects of a kind were read, there in a namespace."""
        if kind not in self.objects or (kind, "") in self.unread:
            return False
        if kind in _ALWAYS and not self.within(kind, "" if kind in CLUSTER_WIDE else namespace):
            return False
        return kind in CLUSTER_WIDE or (namespace in self.namespaces and (kind, namespace) not in self.unread)

    def lacks(self, kind: str, namespace: str, name: str) -> bool:
        """Return whether it is known that there is no such object."""
        return bool(name) and self.reads(kind, namespace) and self.get(kind, namespace, name) is None

    def pods(self, namespace: str, selector: Mapping[str, str]) -> list[Object]:
        """Return the pods that carry all labels of a plain selector, those that are leaving left out."""
        if not selector:
            return []
        lists = [self._labelled.get((namespace, key, word), []) for key, word in selector.items()]
        fewest = min(lists, key=len)
        return [pod for pod in fewest if selector.items() <= fields.labels(pod).items() and not fields.is_leaving(pod)]

    def selected(self, namespace: str, selector: Object) -> list[Object]:
        """Return the pods that a LabelSelector takes, those that are leaving left out."""
        plain = fields.words(selector, "matchLabels")
        pods = self.pods(namespace, plain) if plain else self.within("Pod", namespace)
        return [pod for pod in pods if selectors.matches(selector, fields.labels(pod)) and not fields.is_leaving(pod)]

    def children(self, kind: str, namespace: str, name: str) -> list[Object]:
        """Return the pods, replica sets and jobs that a controller made."""
        return self._made.get((namespace, kind, name), [])

    def pods_of(self, kind: str, namespace: str, name: str) -> list[Object]:
        """Return the pods of a workload, those of its replica sets and jobs too."""
        found = []
        for child in self.children(kind, namespace, name):
            if "containers" in fields.part(child, "spec"):
                found.append(child)
            else:
                inner = "Job" if kind == "CronJob" else "ReplicaSet"
                found += self.children(inner, namespace, fields.name(child))
        return [pod for pod in found if not fields.is_leaving(pod)]

    def events(self, kind: str, namespace: str, name: str) -> list[Seen]:
        """Return the events about an object."""
        return self._events.get((kind, namespace, name), [])

    def all_events(self) -> Iterator[list[Seen]]:
        """Yield the events of each object that has any."""
        yield from self._events.values()

    def nodes_used(self) -> frozenset[str]:
        """Return the names of the nodes that pods run on."""
        return frozenset(fields.text(pod, "spec", "nodeName") for pod in self.all("Pod")) - {""}

    def nearest(self, kind: str, namespace: str, name: str) -> str:
        """Return the name that is most like one that does not exist, "" where none is like it."""
        names = [fields.name(one) for one in (self.all(kind) if kind in CLUSTER_WIDE else self.within(kind, namespace))]
        return next(iter(difflib.get_close_matches(name, sorted(names), n=1, cutoff=0.75)), "")

    def is_over(self, at: float | None) -> bool:
        """Return whether something ended before what is looked at."""
        return at is not None and self.since is not None and at < self.since

    def workloads(self, *kinds: str) -> Iterator[tuple[str, Object]]:
        """Yield kind and object of the workloads, of all kinds where none is named."""
        for kind in kinds or WORKLOADS:
            for one in self.all(kind):
                yield kind, one

    def maker(self, pod: Object) -> tuple[str, str]:
        """Return kind and name of what made a pod in the end: its deployment, stateful set, daemon set, cron job, itself."""
        namespace = fields.namespace(pod)
        kind, name = fields.controller(pod)
        if kind == "Node":
            # A static pod of the control plane bears its node's name at the end of its own.
            return "Pod", fields.name(pod).removesuffix(f"-{name}")
        if kind == "ReplicaSet":
            above = self.get("ReplicaSet", namespace, name)
            owner = fields.controller(above) if above is not None else ("", "")
            return owner if owner[1] else ("Deployment", _HASH.sub("", name))
        if kind == "Job":
            above = self.get("Job", namespace, name)
            owner = fields.controller(above) if above is not None else ("", "")
            return owner if owner[1] else (kind, name)
        return (kind, name) if name else ("Pod", fields.name(pod))

    def owner(self, kind: str, namespace: str, name: str, labels: Mapping[str, str] | None = None) -> str:
        """Return the service that a workload belongs to, the workload's own name where none is known."""
        if labels is None:
            known = self.get(kind, namespace, name)
            labels = fields.labels(known) if known is not None else {}
        return self.service_of(namespace, name, labels) or name

    def workload(self, kind: str, namespace: str, name: str) -> Entity:
        """Return a workload as an entity."""
        if kind == "ReplicaSet":
            known = self.get(kind, namespace, name)
            above, parent = fields.controller(known) if known is not None else ("", "")
            kind, name = (above, parent) if parent else ("Deployment", _HASH.sub("", name))
        return Entity(EntityKind.WORKLOAD, name, namespace, self.owner(kind, namespace, name))

    def pod(self, pod: Object) -> Entity:
        """Return a pod as an entity."""
        namespace, (kind, name) = fields.namespace(pod), self.maker(pod)
        known = self.get(kind, namespace, name)
        labels = fields.labels(known) if known is not None else {}
        owner = self.owner(kind, namespace, name, labels or fields.labels(pod))
        return Entity(EntityKind.POD, fields.name(pod), namespace, owner)

    def pod_named(self, namespace: str, name: str) -> Entity:
        """Return a pod, perhaps gone by now, as an entity."""
        known = self.get("Pod", namespace, name)
        if known is not None:
            return self.pod(known)
        workload = _POD.sub("", name)
        return Entity(EntityKind.POD, name, namespace, self.owner("Deployment", namespace, workload))

    def service(self, service: Object) -> Entity:
        """Return a Service as an entity: that of the pods it selects, else of the workload of its name, else its own."""
        namespace, name = fields.namespace(service), fields.name(service)
        selector = fields.words(service, "spec", "selector")
        for pod in self.pods(namespace, selector):
            return Entity(EntityKind.SERVICE, self.pod(pod).service, namespace)
        for kind, one in self.workloads("Deployment", "StatefulSet", "DaemonSet"):
            made = fields.words(one, "spec", "template", "metadata", "labels")
            same = fields.namespace(one) == namespace
            if same and (fields.name(one) == name or (selector and selector.items() <= made.items())):
                return Entity(EntityKind.SERVICE, self.owner(kind, namespace, fields.name(one)), namespace)
        # A Service often carries the labels of what it stands before; its own name stands where it does not.
        return Entity(EntityKind.SERVICE, self.service_of(namespace, name, fields.labels(service)) or name, namespace)

    def claim(self, namespace: str, name: str) -> Entity:
        """Return a volume claim as an entity, owned by who uses it."""
        for pod in self.within("Pod", namespace):
            for volume in fields.parts(pod, "spec", "volumes"):
                if fields.text(volume, "persistentVolumeClaim", "claimName") == name:
                    return Entity(EntityKind.STORAGE, name, namespace, self.pod(pod).service)
        for kind, one in self.workloads("Deployment", "StatefulSet", "DaemonSet"):
            if fields.namespace(one) != namespace:
                continue
            named = {
                fields.text(volume, "persistentVolumeClaim", "claimName")
                for volume in fields.parts(one, "spec", "template", "spec", "volumes")
            }
            # A stateful set's claims are called after their template, the set and the pod's number.
            made = {f"{fields.name(t)}-{fields.name(one)}" for t in fields.parts(one, "spec", "volumeClaimTemplates")}
            if name in named or name.rpartition("-")[0] in made:
                return Entity(EntityKind.STORAGE, name, namespace, self.owner(kind, namespace, fields.name(one)))
        return Entity(EntityKind.STORAGE, name, namespace)
