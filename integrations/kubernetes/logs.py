"""Logs: the tail of containers that matter, masked into templates and counted before and since the onset."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from integrations.base import SourceError
from integrations.cluster import fields
from integrations.cluster.pods import is_ready
from integrations.kubernetes.api import Forbidden, NotFound
from integrations.kubernetes.snapshot import PODS, SIDE_BY_SIDE, SOURCE
from integrations.templates import Line, Tallies, onset_of
from scoring.observations import EntityKind, Gap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integrations.kubernetes.api import Api, Object
    from integrations.kubernetes.ownership import Owners
    from integrations.kubernetes.snapshot import Snapshot
    from scoring.observations import Entity, Observation, Window

MAX_CONTAINERS = 16
HEALTHY_PODS_PER_SERVICE = 2
TAIL_LINES = 200
LIMIT_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Want:
    """Name one log to read: a pod's container, now or before its last restart."""

    pod: Object
    container: str
    entity: Entity
    previous: bool = False

    @property
    def query(self) -> str:
        """Return the command that shows this log."""
        namespace, name = fields.namespace(self.pod), fields.name(self.pod)
        previous = " --previous" if self.previous else ""
        return f"kubectl -n {namespace} logs {name} -c {self.container} --timestamps --tail={TAIL_LINES}{previous}"


def patterns(api: Api, snapshot: Snapshot, owners: Owners, window: Window) -> Iterator[Observation]:
    """Yield the templates that tell of trouble in the logs of failing containers and of the services in scope."""
    onset = onset_of(window)
    wants = list(wanted(snapshot.of(PODS), owners, window))
    tallies = Tallies(onset)
    earliest: dict[Entity, float] = {}
    failures: dict[str, list[SourceError]] = {}
    if len(wants) > MAX_CONTAINERS:
        yield Gap(SOURCE, "logs", f"read the logs of {MAX_CONTAINERS} of {len(wants)} containers")
        wants = wants[:MAX_CONTAINERS]
    with ThreadPoolExecutor(max_workers=SIDE_BY_SIDE, thread_name_prefix="kubernetes-logs") as pool:
        for want, text in zip(wants, pool.map(lambda one: _read(api, one), wants), strict=True):
            if isinstance(text, SourceError):
                if not _is_normal(text):
                    failures.setdefault(fields.namespace(want.pod), []).append(text)
                continue
            _count(text, want, window, tallies, earliest)
    yield from (_gap(namespace, errors) for namespace, errors in sorted(failures.items()))
    # A log that was cut off or began late tells of less time than the window.
    seconds = {
        entity: (max(0.0, onset - max(window.start, first)), max(0.0, window.end - max(onset, first)))
        for entity, first in earliest.items()
    }
    yield from tallies.patterns(SOURCE, seconds)


def wanted(all_pods: list[Object], owners: Owners, window: Window) -> Iterator[Want]:
    """Yield the logs to read, the most telling first: failing containers, then some healthy pods of the services."""
    unwell = [pod for pod in all_pods if _is_unwell(pod)]
    for pod in sorted(unwell, key=lambda one: (_rank(one, owners), fields.name(one))):
        entity = _entity(pod, owners)
        for status in fields.parts(pod, "status", "containerStatuses"):
            if not status.get("ready"):
                yield from _of_container(pod, status, entity, window.start)
    taken: dict[str, int] = {}
    ids = {id(pod) for pod in unwell}
    for pod in sorted(all_pods, key=lambda one: (_rank(one, owners), fields.name(one))):
        if id(pod) in ids or fields.text(pod, "status", "phase") != "Running":
            continue
        entity = _entity(pod, owners)
        if entity.kind is not EntityKind.SERVICE or taken.get(entity.name, 0) >= HEALTHY_PODS_PER_SERVICE:
            continue
        taken[entity.name] = taken.get(entity.name, 0) + 1
        statuses = list(fields.parts(pod, "status", "containerStatuses"))
        main = next((one for one in statuses if fields.text(one, "name") == owners.workload_of(pod)), None)
        for status in [main] if main else statuses[:1]:
            yield from _of_container(pod, status, entity, window.start)


def _is_unwell(pod: Object) -> bool:
    """Return whether a pod should be ready and is not."""
    if fields.text(pod, "status", "phase") == "Succeeded" or fields.is_leaving(pod):
        return False
    return not is_ready(pod)


def _of_container(pod: Object, status: Object, entity: Entity, since: float) -> Iterator[Want]:
    name = fields.text(status, "name")
    if {"running", "terminated"} & set(fields.part(status, "state")):
        yield Want(pod, name, entity)
    ended = fields.seconds(fields.part(status, "lastState", "terminated").get("finishedAt"))
    if fields.number(status, "restartCount") and (ended is None or ended >= since):
        yield Want(pod, name, entity, previous=True)


def _rank(pod: Object, owners: Owners) -> int:
    service = owners.service(fields.namespace(pod), owners.workload_of(pod), fields.labels(pod))
    services = owners.scope.services
    return services.index(service) if service else len(services)


def _entity(pod: Object, owners: Owners) -> Entity:
    return owners.workload_entity(fields.namespace(pod), owners.workload_of(pod), fields.labels(pod))


def _read(api: Api, want: Want) -> str | SourceError:
    parameters = {
        "container": want.container,
        "tailLines": str(TAIL_LINES),
        "limitBytes": str(LIMIT_BYTES),
        "timestamps": "true",
    }
    if want.previous:
        parameters["previous"] = "true"
    try:
        return api.log(fields.namespace(want.pod), fields.name(want.pod), **parameters)
    except SourceError as error:
        return error


def _is_normal(error: SourceError) -> bool:
    """Return whether a log is simply not there: the pod is gone, or the container has not run before."""
    return isinstance(error, NotFound) or "previous terminated container" in error.reason


def _gap(namespace: str, errors: list[SourceError]) -> Gap:
    if any(isinstance(error, Forbidden) for error in errors):
        return Gap(SOURCE, f"logs in {namespace}", f"cannot read logs in {namespace}: grant `get pods/log`")
    return Gap(SOURCE, f"logs in {namespace}", f"{len(errors)} of the logs could not be read: {errors[0].reason}")


def _count(text: str, want: Want, window: Window, tallies: Tallies, earliest: dict[Entity, float]) -> None:
    for raw in text.splitlines():
        stamp, _, line = raw.partition(" ")
        at = fields.seconds(stamp)
        if at is None or not line.strip() or not window.start <= at <= window.end:
            continue
        earliest[want.entity] = min(at, earliest.get(want.entity, at))
        tallies.count(want.entity, Line(at, line), query=want.query)
