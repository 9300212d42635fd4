"""Logs: the tail of containers that matter, masked into templates and counted before and since the onset."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from integrations.base import SourceError
from integrations.cluster import fields
from integrations.cluster.pods import is_ready
from integrations.kubernetes.api import Forbidden, NotFound
from integrations.kubernetes.snapshot import PODS, SIDE_BY_SIDE, SOURCE
from scoring.observations import Entity, EntityKind, Gap, LogPattern

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integrations.kubernetes.api import Api, Object
    from integrations.kubernetes.ownership import Owners
    from integrations.kubernetes.snapshot import Snapshot
    from scoring.observations import Observation, Window

MAX_CONTAINERS = 16
HEALTHY_PODS_PER_SERVICE = 2
TAIL_LINES = 200
LIMIT_BYTES = 256 * 1024
MAX_PATTERNS = 12
# Alerts fire minutes after what they tell of began.
ONSET_LEAD = 300.0
_MAX_LINE = 1000

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_MASKS = (
    (re.compile(r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"), "<uuid>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?"), "<time>"),
    (re.compile(r"\b\d\d:\d\d:\d\d(?:[.,]\d+)?\b"), "<time>"),
    (re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+"), "<email>"),
    (re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b"), "<address>"),
    (re.compile(r"\b0x[0-9a-fA-F]+\b"), "<hex>"),
    (re.compile(r"\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{8,}\b"), "<hex>"),
    (re.compile(r"(?<![\w<])-?\d+(?:[.,]\d+)*"), "<n>"),
)  # fmt: skip
_LEVEL = re.compile(r"\b(FATAL|CRITICAL|PANIC|ERROR|ERR|WARN(?:ING)?|INFO|DEBUG|TRACE)\b", re.IGNORECASE)
_TROUBLE = re.compile(
    r"error|exception|fail|fatal|panic|timed? ?out|timeout|refused|denied|unavailable|exhausted|unreachable|"
    r"reset by peer|out of memory|oom|killed|deadlock|too many|no route|cannot|could not|unable|"
    r"traceback|rejected|expired|corrupt",
    re.IGNORECASE,
)
_LEVELS = {"err": "error", "warning": "warn", "critical": "fatal", "panic": "fatal"}


@dataclass(slots=True)
class Tally:
    """Count one template of one service's logs."""

    entity: Entity
    template: str
    level: str
    example: str
    query: str
    before: int = 0
    during: int = 0
    times: list[float] = field(default_factory=list)


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
    onset = window.alert_at - window.alert_for - ONSET_LEAD
    wants = list(wanted(snapshot.of(PODS), owners, window))
    tallies: dict[tuple[Entity, str], Tally] = {}
    spans: dict[Entity, list[float]] = {}
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
            _count(text, want, onset, window, tallies, spans)
    yield from (_gap(namespace, errors) for namespace, errors in sorted(failures.items()))
    by_entity: dict[Entity, list[Tally]] = {}
    for tally in tallies.values():
        by_entity.setdefault(tally.entity, []).append(tally)
    for entity, own in sorted(by_entity.items()):
        own.sort(key=lambda one: (one.level not in {"fatal", "error"}, -one.during, -one.before, one.template))
        earliest = min(spans[entity])
        for tally in own[:MAX_PATTERNS]:
            yield LogPattern(
                entity=entity, template=tally.template, count_before=tally.before, count_during=tally.during,
                source=SOURCE,                seconds_before=max(0.0, onset - max(window.start, earliest)),
                seconds_during=max(0.0, window.end - max(onset, earliest)), level=tally.level,
                first_seen=min(tally.times), last_seen=max(tally.times), example=tally.example, query=tally.query,
            )  # fmt: skip


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


def mask(line: str) -> tuple[str, str]:
    """Return a line's template and level; of a JSON line only its message counts."""
    message, level = _COLOUR.sub("", line), ""
    if line.startswith("{"):
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if isinstance(record, dict):
            message = next((str(record[key]) for key in ("message", "msg", "event", "error") if record.get(key)), line)
            level = next((str(record[key]) for key in ("level", "severity", "lvl") if record.get(key)), "")
    if not level:
        found = _LEVEL.search(message[:120])
        level = found[1] if found else ""
    level = level.lower()
    for pattern, word in _MASKS:
        message = pattern.sub(word, message)
    return " ".join(message.split())[:300], _LEVELS.get(level, level)


def is_telling(template: str, level: str) -> bool:
    """Say whether a line tells of trouble, by its level or by its words."""
    return level in {"fatal", "error", "warn"} or (
        level not in {"debug", "trace"} and _TROUBLE.search(template) is not None
    )


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


def _count(
    text: str,
    want: Want,
    onset: float,
    window: Window,
    tallies: dict[tuple[Entity, str], Tally],
    spans: dict[Entity, list[float]],
) -> None:
    for raw in text.splitlines():
        stamp, _, line = raw.partition(" ")
        at = fields.seconds(stamp)
        if at is None or not line.strip() or not window.start <= at <= window.end:
            continue
        spans.setdefault(want.entity, []).append(at)
        line = line.strip()[:_MAX_LINE]
        template, level = mask(line)
        if not is_telling(template, level):
            continue
        tally = tallies.setdefault(
            (want.entity, template), Tally(want.entity, template, level, example=line[:300], query=want.query)
        )
        tally.times.append(at)
        if at < onset:
            tally.before += 1
        else:
            tally.during += 1
