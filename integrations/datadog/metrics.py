"""Which of Datadog's metrics answers for which indicator, in templates that are filled in for services by their tag.

Names and units are those of https://docs.datadoghq.com/tracing/metrics/metrics_namespace/ and of the integrations' metric lists.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from scoring.observations import EntityKind, Worse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_METRIC: Final = re.compile(r":([A-Za-z][A-Za-z0-9_.$]*)\{")
_SPAN: Final = re.compile(r"^trace\.(.+)\.hits$")
# A service's own answers, by the names that tracers give to their entry spans; what it calls is another's.
_SERVES: Final = re.compile(
    r"(request|server|handler|handle|controller|endpoint|entry|consume|process)(\b|_|$)", re.IGNORECASE
)
_CALLS: Final = re.compile(
    r"client|query|command|cache|redis|postgres|mysql|mongo|elasticsearch|dns|\bfetch\b|urllib|template", re.IGNORECASE
)
MOST_SPANS: Final = 4


@dataclass(frozen=True, slots=True)
class Template:
    """Hold how an indicator is asked for: queries that a formula joins as a, b …, and those of its hard limit.

    `%` in a query stands for the filter and the grouping by service, `$span` for an operation's name.
    """

    name: str
    unit: str
    queries: tuple[str, ...]
    formula: str = "a"
    limit: str = ""
    worse: Worse = Worse.HIGH
    counter: bool = False
    kind: EntityKind = EntityKind.SERVICE

    @property
    def metrics(self) -> frozenset[str]:
        """Return the names of the metrics that it reads, without those of its limit."""
        return frozenset(_METRIC.findall(" ".join(self.queries).replace("%", "{}")))


def _gauge(name: str, unit: str, query: str, *, limit: str = "", counter: bool = False) -> Template:
    return Template(name, unit, (query,), limit=limit, counter=counter)


def _store(name: str, unit: str, query: str, *, limit: str = "", counter: bool = False) -> Template:
    return Template(name, unit, (query,), limit=limit, counter=counter, kind=EntityKind.DATABASE)


OF_SPANS: Final = (
    Template("latency_p95", "seconds", ("p95:trace.$span%",)),
    Template("error_ratio", "ratio", ("sum:trace.$span.errors%.as_count()", "sum:trace.$span.hits%.as_count()"), "default_zero(a) / b"),
    Template("request_rate", "requests/s", ("sum:trace.$span.hits%.as_rate()",), worse=Worse.EITHER),
    Template("latency_p50", "seconds", ("p50:trace.$span%",)),
    Template("latency_p99", "seconds", ("p99:trace.$span%",)),
)  # fmt: skip

# Of several for one indicator the first with data counts.
OF_SERVICES: Final = (
    Template("cpu_usage", "cores", ("sum:kubernetes.cpu.usage.total%",), "a / 1000000000", limit="sum:kubernetes.cpu.limits%"),
    Template("cpu_throttling", "ratio", ("sum:kubernetes.cpu.cfs.throttled.periods%", "sum:kubernetes.cpu.cfs.periods%"), "a / b"),
    _gauge("memory_usage", "bytes", "sum:kubernetes.memory.usage%", limit="sum:kubernetes.memory.limits%"),
    _gauge("memory_utilisation", "ratio", "max:kubernetes.memory.usage_pct%"),
    Template("memory_utilisation", "ratio", ("max:jvm.heap_memory%", "max:jvm.heap_memory_max%"), "a / b"),
    _gauge("restarts", "count", "sum:kubernetes.containers.restarts%", counter=True),
    _gauge("threads", "count", "sum:jvm.thread_count%"),
    _gauge("queue_depth", "count", "sum:kafka.consumer_lag%"),
    _gauge("queue_depth", "count", "sum:rabbitmq.queue.messages%"),
    _gauge("queue_depth", "count", "sum:aws.sqs.approximate_number_of_messages_visible%"),
    # databases and caches, by the Agent's integrations
    _store("connections", "ratio", "max:postgresql.percent_usage_connections%"),
    _store("connections", "count", "max:mysql.performance.threads_connected%", limit="max:mysql.net.max_connections_available%"),
    _store("connections", "count", "max:redis.net.clients%", limit="max:redis.net.maxclients%"),
    _store("lock_waits", "count", "sum:postgresql.waiting_queries%"),
    _store("lock_waits", "count", "sum:mysql.innodb.row_lock_current_waits%"),
    _store("deadlocks", "count", "sum:postgresql.deadlocks.count%.as_count()"),
    _store("longest_transaction", "seconds", "max:postgresql.activity.xact_start_age%"),
    _store("slow_queries", "count/s", "sum:mysql.performance.slow_queries%"),
    _store("replication_lag", "seconds", "max:postgresql.replication_delay%"),
    _store("replication_lag", "seconds", "max:mysql.replication.seconds_behind_source%"),
    _store("replication_lag", "seconds", "max:mysql.replication.seconds_behind_master%"),
    _store("memory_usage", "bytes", "max:redis.mem.used%", limit="max:redis.mem.maxmemory%"),
    _store("evictions", "count", "sum:redis.keys.evicted%", counter=True),
    _store("refused_connections", "count", "sum:redis.net.rejected%", counter=True),
)  # fmt: skip


def spans(names: Iterable[str]) -> list[str]:
    """Return the operations by which services answer, of the metrics that there are; the likeliest first."""
    found = {match[1] for name in names if (match := _SPAN.match(name)) and "." in match[1]}
    found = {span for span in found if _SERVES.search(span) and not _CALLS.search(span)}
    return sorted(found, key=lambda span: (not span.endswith((".request", ".server")), span))[:MOST_SPANS]


def existing(names: frozenset[str]) -> Iterator[Template]:
    """Yield the templates whose metrics there are, golden signals first."""
    for span in spans(names):
        for one in OF_SPANS:
            made = replace(one, queries=tuple(query.replace("$span", span) for query in one.queries))
            if made.metrics <= names:
                yield made
    yield from (one for one in OF_SERVICES if one.metrics <= names)
