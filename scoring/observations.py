"""What a source may say: frozen observations, in SI units and Unix seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray


class EntityKind(StrEnum):
    """Say what sort of thing an entity is."""

    SERVICE = "service"
    WORKLOAD = "workload"
    POD = "pod"
    CONTAINER = "container"
    NODE = "node"
    CLUSTER = "cluster"
    DATABASE = "database"
    QUEUE = "queue"
    STORAGE = "storage"
    NETWORK = "network"
    EXTERNAL = "external"
    COMPONENT = "component"


@dataclass(frozen=True, slots=True, order=True)
class Entity:
    """Name one thing that can break.

    `owner` is the name of the service that the thing belongs to (a pod's, a workload's), or its own name where it is one.
    """

    kind: EntityKind
    name: str
    namespace: str = ""
    owner: str = ""

    @property
    def service(self) -> str:
        """Return the name of the service that answers for this entity."""
        return self.owner or self.name

    @property
    def key(self) -> str:
        """Return a stable text key, e.g. `pod/shop/payments-7d9`."""
        return "/".join(part for part in (self.kind.value, self.namespace, self.name) if part)

    def __str__(self) -> str:
        return self.name if self.kind is EntityKind.SERVICE else f"{self.kind.value} {self.name}"


@dataclass(frozen=True, slots=True)
class Window:
    """Bound the time that is looked at; `alert_at` is when the alert fired and `alert_for` how long it had been pending."""

    start: float
    end: float
    alert_at: float
    alert_for: float = 0.0


class Worse(StrEnum):
    """Say which way of an indicator is bad."""

    HIGH = "high"
    LOW = "low"
    EITHER = "either"


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Hold one indicator of one entity over time.

    `times` are Unix seconds and `values` are in `unit` (seconds, ratio, bytes, bytes/s, requests/s, cores, count). Both are
    one-dimensional float64 arrays of the same length. `counter` marks an ever-growing count that detection turns into a rate.
    `indicator` is one of the standard words below where one fits: latency_p50, latency_p95, latency_p99, error_ratio,
    cancelled_ratio, request_rate, cpu_usage, cpu_utilisation, cpu_throttling, memory_usage, memory_utilisation, disk_utilisation, disk_io,
    network_in, network_out, network_errors, restarts, replicas_unavailable, ready, connections, connection_wait,
    pool_utilisation, threads, queue_depth, saturation, node_ready, node_memory_available, node_disk_available, network_gap (what
    a call took for its caller less what it took where it was answered), fan_out (calls made for each that came in), of databases
    and caches refused_connections, lock_waits, exclusive_locks, deadlocks, query_time, slow_queries, running_queries,
    longest_transaction, blocked_clients, replication_lag, replication_running, evictions and cache_hit_ratio, and with
    client_ before latency, error_ratio and request_rate what a service sees of all its own calls.
    `limit` is the hard limit of the indicator in the same unit, where one is known. `counts` are as many numbers as `values`:
    how many single measurements each value sums up, where the source knows.
    """

    entity: Entity
    indicator: str
    unit: str
    times: NDArray[np.float64]
    values: NDArray[np.float64]
    source: str
    worse: Worse = Worse.HIGH
    counter: bool = False
    limit: float | None = None
    query: str = ""
    link: str = ""
    peer: Entity | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    counts: NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True)
class State:
    """Hold a condition that an object is in, e.g. container `OOMKilled`, pod `FailedScheduling`, node `NotReady`.

    `condition` is the vendor's own word. `active` is false for a past condition (a last termination, an old event).
    """

    entity: Entity
    condition: str
    source: str
    at: float | None = None
    detail: str = ""
    count: int = 1
    active: bool = True
    link: str = ""
    query: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LogPattern:
    """Hold how often a log template was seen in the quiet part of the window and since the incident's onset.

    Counts are per `seconds_before` and `seconds_during`, the lengths of the two periods.
    """

    entity: Entity
    template: str
    count_before: int
    count_during: int
    source: str
    seconds_before: float = 0.0
    seconds_during: float = 0.0
    level: str = ""
    first_seen: float | None = None
    last_seen: float | None = None
    example: str = ""
    link: str = ""
    query: str = ""


class ChangeKind(StrEnum):
    """Say what sort of change was made."""

    DEPLOYMENT = "deployment"
    CONFIG = "config"
    SCALING = "scaling"
    FLAG = "flag"
    MIGRATION = "migration"
    CERTIFICATE = "certificate"
    CRON = "cron"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Change:
    """Hold one change to one entity; `key` is equal for the same change seen by two sources (version or commit).

    `files` are the paths that it touches and `diff` what it altered in them, as a unified diff; both empty where not known.
    `paths` are the folders of the repository that are the service's, where somebody said so. `owners` holds for each of `files`
    who owns it, and `kept_by` who owns the service's folders, names parted by blanks, as CODEOWNERS has them.
    """

    entity: Entity
    kind: ChangeKind
    at: float
    title: str
    source: str
    author: str = ""
    link: str = ""
    version: str = ""
    previous_version: str = ""
    status: str = ""
    detail: str = ""
    key: str = ""
    files: tuple[str, ...] = ()
    diff: str = ""
    paths: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    kept_by: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """Hold words: an alert's text or what a human wrote. `labels` are the alert's own."""

    entity: Entity
    text: str
    at: float
    source: str
    kind: Literal["alert", "human"] = "alert"
    author: str = ""
    link: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, order=True)
class Dependency:
    """Say that `caller` needs `callee`; failures travel from callee to caller."""

    caller: Entity
    callee: Entity
    source: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Gap:
    """Say what could not be asked: a source, the question, and why there is no answer."""

    source: str
    question: str
    reason: str

    @property
    def told(self) -> str:
        """Return it in a sentence; a question that is named like its source means all of it."""
        if not self.question:
            return f"{self.source}: {self.reason}"
        if self.question.casefold().startswith(self.source.casefold()):
            return f"{self.question} did not answer: {self.reason}"
        return f"{self.source} did not answer {self.question}: {self.reason}"


Observation = Series | State | LogPattern | Change | Note | Dependency | Gap
