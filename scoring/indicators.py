"""What is known of each standard indicator: its words, its family, what a bad value of it hints at."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from scoring.evidence import CauseKind, EvidenceKind
from scoring.meanings import CONDITIONS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scoring.evidence import Evidence


@dataclass(frozen=True, slots=True)
class Indicator:
    """Describe an indicator.

    `floor` is the smallest spread of the baseline that is believed, in the indicator's unit: below it, noise is not told from
    a fault. `inherited` says that a caller shows it because something it calls is slow or failing. `golden` says that users
    feel it. `event` says that it counts happenings, so that a single one matters and there is nothing to recover from.
    """

    words: str
    family: str
    kinds: tuple[CauseKind, ...] = ()
    floor: float = 0.0
    inherited: bool = False
    golden: bool = False
    event: bool = False
    saturates: bool = False


_LATENCY: Final = (CauseKind.FAILING_DEPENDENCY,)
# Half a millisecond: timers and scheduling alone move a percentile by as much.
_LATENCY_FLOOR: Final = 0.0005
# Five milliseconds: clocks, queues and a hop between zones make as much.
_GAP_FLOOR: Final = 0.005
# A fifth of a percent: below it, one failed request among a few hundred would count.
_RATIO_FLOOR: Final = 0.002
# A few pages written a second are no load.
_DISK_FLOOR: Final = 16384.0
# One percent of a resource is the grain of most exporters.
_SHARE_FLOOR: Final = 0.01
# Reports and nightly jobs take as long without harm.
_TRANSACTION_FLOOR: Final = 30.0
# An idle primary, or one large transaction, leaves a replica as far behind.
_LAG_FLOOR: Final = 5.0
_HIT_FLOOR: Final = 0.02

_K = CauseKind
# In the order in which people want to read them.
INDICATORS: Final[dict[str, Indicator]] = {
    "latency_p95": Indicator("p95 latency", "latency", _LATENCY, _LATENCY_FLOOR, inherited=True, golden=True),
    "latency_p99": Indicator("p99 latency", "latency", _LATENCY, _LATENCY_FLOOR, inherited=True, golden=True),
    "latency_p50": Indicator("median latency", "latency", _LATENCY, _LATENCY_FLOOR, inherited=True, golden=True),
    "error_ratio": Indicator(
        "error ratio", "errors", (_K.FAILING_DEPENDENCY,), _RATIO_FLOOR, inherited=True, golden=True
    ),
    # Whoever calls lost patience: that the called one is slow shows in its own latency, if it is.
    "cancelled_ratio": Indicator("requests that callers gave up", "cancellations", (), _RATIO_FLOOR, inherited=True),
    "request_rate": Indicator("request rate", "traffic", (), 0.05, inherited=True, golden=True),
    "cpu_usage": Indicator("CPU", "cpu", (_K.CPU_SATURATION,), 0.005, saturates=True),
    "cpu_utilisation": Indicator("CPU utilisation", "cpu", (_K.CPU_SATURATION,), _SHARE_FLOOR, saturates=True),
    "cpu_throttling": Indicator("CPU throttling", "cpu", (_K.CPU_SATURATION,), _SHARE_FLOOR),
    "memory_usage": Indicator("memory", "memory", (_K.MEMORY_SATURATION,), 1 << 20, saturates=True),
    "memory_utilisation": Indicator(
        "memory utilisation", "memory", (_K.MEMORY_SATURATION,), _SHARE_FLOOR, saturates=True
    ),
    "disk_utilisation": Indicator("disk in use", "disk", (_K.DISK_SATURATION,), _SHARE_FLOOR, saturates=True),
    "disk_io": Indicator("disk I/O", "disk", (_K.DISK_SATURATION,), _DISK_FLOOR),
    "disk_operations": Indicator("disk operations", "disk", (_K.DISK_SATURATION,), 5.0),
    # Every read and write of a socket is one: they follow the traffic.
    "system_calls": Indicator("system calls", "calls", (), 10.0, inherited=True),
    "network_in": Indicator("network in", "network", (_K.NETWORK_SATURATION,), 1024.0, inherited=True, saturates=True),
    "network_out": Indicator(
        "network out", "network", (_K.NETWORK_SATURATION,), 1024.0, inherited=True, saturates=True
    ),
    "network_errors": Indicator("network errors", "network", (_K.NETWORK_LOSS,), 0.05),
    "restarts": Indicator("container restarts", "restarts", (_K.CRASH_LOOP,), inherited=True, event=True),
    "oom_kills": Indicator("containers killed for memory", "memory", (_K.MEMORY_SATURATION,), event=True),
    "replicas_unavailable": Indicator(
        "unavailable replicas", "availability", (_K.CRASH_LOOP,), inherited=True, golden=True
    ),
    "ready": Indicator("readiness", "availability", (_K.CRASH_LOOP,), inherited=True, golden=True),
    "connections": Indicator(
        "open connections", "connections", (_K.CONNECTION_SATURATION,), 0.5, inherited=True, saturates=True
    ),
    "connection_wait": Indicator(
        "wait for a connection", "connections", (_K.CONNECTION_SATURATION,), _LATENCY_FLOOR, inherited=True
    ),
    "pool_utilisation": Indicator(
        "connection pool in use",
        "connections",
        (_K.CONNECTION_SATURATION,),
        _SHARE_FLOOR,
        inherited=True,
        saturates=True,
    ),
    "threads": Indicator("threads", "threads", (_K.THREAD_SATURATION,), 0.5, inherited=True, saturates=True),
    "queue_depth": Indicator("queue depth", "queue", (_K.QUEUE_BACKLOG,), 0.5, inherited=True),
    "saturation": Indicator("saturation", "saturation", (_K.CPU_SATURATION,), _SHARE_FLOOR, saturates=True),
    "node_ready": Indicator("node readiness", "node", (_K.NODE_FAILURE,)),
    "node_memory_available": Indicator("node memory available", "node", (_K.MEMORY_SATURATION, _K.NODE_FAILURE)),
    "node_disk_available": Indicator("node disk available", "node", (_K.DISK_SATURATION, _K.NODE_FAILURE)),
    # Between what a caller waited and what the called one took lies the way: nothing that is further down lengthens it.
    "network_gap": Indicator("time on the network per call", "network", (_K.NETWORK_LATENCY,), _GAP_FLOOR),
    # What a service sees of its own calls is about those that it calls: for itself it says nothing.
    "client_latency_p95": Indicator("p95 latency of its own calls", "calls", (), _LATENCY_FLOOR, inherited=True),
    "client_latency_p99": Indicator("p99 latency of its own calls", "calls", (), _LATENCY_FLOOR, inherited=True),
    "client_latency_p50": Indicator("median latency of its own calls", "calls", (), _LATENCY_FLOOR, inherited=True),
    "client_error_ratio": Indicator("error ratio of its own calls", "calls", (), _RATIO_FLOOR, inherited=True),
    "client_request_rate": Indicator("rate of its own calls", "calls", (), 0.05, inherited=True),
    # What the exporters of databases and caches tell. That clients are refused says how full the server is; that they wait for
    # one another, or for slow queries, is its own.
    "refused_connections": Indicator("refused connections", "connections", (_K.DATABASE_CONNECTIONS,), event=True),
    "lock_waits": Indicator("sessions that wait for locks", "locks", (_K.DATABASE_LOCKS,), 0.5),
    "exclusive_locks": Indicator("exclusive locks on tables", "locks", (_K.DATABASE_LOCKS,), 0.5),
    "deadlocks": Indicator("deadlocks", "locks", (_K.DATABASE_LOCKS,), event=True),
    "query_time": Indicator("mean time of a query", "queries", (_K.DATABASE_SLOW_QUERY,), _LATENCY_FLOOR),
    "slow_queries": Indicator("slow queries", "queries", (_K.DATABASE_SLOW_QUERY,), 0.05),
    # Whoever waits, for a lock or for the disk, runs longer, and more run at once.
    "running_queries": Indicator("queries running at once", "queries", (_K.DATABASE_SLOW_QUERY,), 2.0, inherited=True),
    "longest_transaction": Indicator(
        "longest transaction", "queries", (_K.DATABASE_SLOW_QUERY, _K.DATABASE_LOCKS), _TRANSACTION_FLOOR
    ),
    "blocked_clients": Indicator("blocked clients", "queries", (), 1.0, inherited=True),
    "replication_lag": Indicator("replication lag", "replication", (_K.DATABASE_REPLICATION,), _LAG_FLOOR),
    "replication_running": Indicator("running replication", "replication", (_K.DATABASE_REPLICATION,)),
    "evictions": Indicator("evicted keys", "memory", (_K.MEMORY_SATURATION,), 1.0),
    "cache_hit_ratio": Indicator("cache hit ratio", "cache", (_K.FAILING_DEPENDENCY,), _HIT_FLOOR, inherited=True),
    "fan_out": Indicator("calls made for each request", "calls", (_K.FAILING_DEPENDENCY,), 0.05, inherited=True),
}

# What an alert's words are about. Order does not matter: an alert may be about several families.
_FIRED: Final[tuple[tuple[str, re.Pattern[str]], ...]] = tuple(
    (family, re.compile(pattern, re.IGNORECASE))
    for family, pattern in (
        ("latency", r"latenc|slow|response.?time|duration|\bp(50|90|95|99)\b|timeout|apdex|took too long"),
        (
            "errors",
            r"error|5xx|\b50[0-9]\b|fail(ure|ing|ed)? (rate|ratio|request)|success.?rate|availability|exception",
        ),
        ("traffic", r"traffic|request.?rate|throughput|\b[rq]ps\b"),
        ("cpu", r"\bcpu|throttl"),
        ("memory", r"memor|\boom|heap"),
        ("disk", r"\bdisk|filesystem|volume|inode|\bpvc\b"),
        ("network", r"network|packet|\bdns\b"),
        ("restarts", r"restart|crash"),
        ("availability", r"\bdown\b|unavailab|not.?ready|unhealthy|replica|unreachable|absent|rollout|probe"),
        ("connections", r"connection|\bpool\b"),
        ("threads", r"thread|goroutine"),
        ("locks", r"dead.?lock|\block(s|ed|ing)?\b|lock.?(wait|timeout)|blocked (session|quer|transaction)"),
        (
            "queries",
            r"slow.?quer|quer(y|ies).?(time|duration|latency)|long.?running.?(quer|transaction)|transaction.?(age|time|duration)",
        ),
        ("replication", r"replicati|replica.?lag|seconds.?behind|\bstandby\b"),
        ("cache", r"cache.?(hit|miss)|hit.?(ratio|rate)|evict"),
        ("queue", r"queue|backlog|consumer.?lag|\blag\b"),
        ("node", r"\bnode"),
    )
)

# What databases and caches do inside, which few metrics but their own show.
INSIDE_STORES: Final = frozenset({"locks", "queries", "replication", "cache"})

_PLACES: Final = {name: place for place, name in enumerate(INDICATORS)}

# Lines with these words tell of another service.
_OTHERS: Final = frozenset({CauseKind.FAILING_DEPENDENCY, CauseKind.DNS_FAULT})


def place_of(indicator: str) -> int:
    """Return the indicator's place in the order of reading; unknown ones come last."""
    return _PLACES.get(indicator, len(_PLACES))


def describe(indicator: str) -> Indicator:
    """Return what is known of an indicator; of an unknown one, its name in words and nothing else."""
    known = INDICATORS.get(indicator)
    return known if known is not None else Indicator(indicator.replace("_", " ").strip() or "value", "other")


def fired_families(texts: Iterable[str]) -> frozenset[str]:
    """Return the families of indicators that an alert's words speak of; empty where the words say nothing known."""
    joined = "\n".join(texts)
    return frozenset(family for family, pattern in _FIRED if pattern.search(joined))


def family_of(evidence: Evidence) -> str:
    """Return the family of an item of evidence: an indicator's, or `state`, `log`, `change`, `note`."""
    return describe(evidence.indicator).family if evidence.kind is EvidenceKind.METRIC else evidence.kind.value


def is_inherited(evidence: Evidence) -> bool:
    """Say whether a service can show this only because something that it calls is slow or failing."""
    if evidence.kind is EvidenceKind.METRIC:
        return describe(evidence.indicator).inherited
    if evidence.kind is EvidenceKind.STATE:
        # Probes fail, and processes give up, when what they need is gone; exhaustion and missing images are one's own. What
        # the detail said more exactly has other kinds than the word, and is one's own but for a probe that fails.
        known = CONDITIONS.get(evidence.indicator)
        as_known = known is not None and known.kinds == evidence.cause_kinds
        by_probe = evidence.cause_kinds[:1] == (CauseKind.FAILING_PROBE,)
        return known is not None and known.inherited and (as_known or by_probe)
    # A name that does not resolve may be the fault of who bears it.
    return evidence.kind is EvidenceKind.LOG and (
        not evidence.cause_kinds or not _OTHERS.isdisjoint(evidence.cause_kinds)
    )
