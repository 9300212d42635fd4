"""The next check: a command or query that a person can run to settle whether a cause is the cause."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

from scoring.evidence import CauseKind, EvidenceKind
from scoring.observations import EntityKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scoring.evidence import Evidence
    from scoring.observations import Entity

_K = CauseKind
_LONGEST_QUERY: Final = 120
# {kubectl} carries the namespace, {name} the quoted name of the service's workload or of the object itself.
_CHECKS: Final[dict[CauseKind, str]] = {
    _K.BAD_DEPLOY: "Compare the last two revisions: {kubectl} rollout history deployment/{name}",
    _K.CONFIG_CHANGE: "Read the settings it runs with: {kubectl} get deployment/{name} -o yaml",
    _K.CPU_SATURATION: "Compare use and limits: {kubectl} top pod --containers | grep {name}",
    _K.MEMORY_SATURATION: "Compare use and limits: {kubectl} top pod --containers | grep {name}",
    _K.DISK_SATURATION: "See what fills the disk: {kubectl} exec deployment/{name} -- df -h",
    _K.NETWORK_SATURATION: "Read the interface counters: {kubectl} exec deployment/{name} -- cat /proc/net/dev",
    _K.CONNECTION_SATURATION: "Compare the pool's size with its use: {kubectl} get deployment/{name} -o yaml | grep -i pool",
    _K.THREAD_SATURATION: "Count threads and open files: {kubectl} exec deployment/{name} -- cat /proc/1/status",
    _K.CRASH_LOOP: "Read why it ended: {kubectl} logs deployment/{name} --previous --tail=100",
    _K.FAILING_PROBE: "Read what its probes get: {kubectl} get events --field-selector reason=Unhealthy",
    _K.FAILING_DEPENDENCY: "Read what it says of its errors: {kubectl} logs deployment/{name} --since=30m | grep -iE 'error|timeout'",
    _K.NETWORK_LATENCY: "Time the path: {kubectl} exec deployment/{name} -- ping -c 20 TARGET",
    _K.NETWORK_LOSS: "Read the interface errors: {kubectl} exec deployment/{name} -- cat /proc/net/dev",
    _K.NETWORK_PARTITION: "List the policies: {kubectl} get networkpolicy",
    _K.DNS_FAULT: "Resolve from inside: {kubectl} exec deployment/{name} -- nslookup kubernetes.default",
    _K.TRAFFIC_SURGE: "See who calls: {kubectl} logs deployment/{name} --since=15m",
    _K.SCHEDULING: "Read why nothing is scheduled: {kubectl} get events --field-selector reason=FailedScheduling",
    _K.IMAGE: "Read the pull error: {kubectl} get events --field-selector reason=Failed",
    _K.NODE_FAILURE: "Read the node's conditions: kubectl describe node {name}",
    _K.STORAGE: "Read the claims' state: {kubectl} describe pvc",
    _K.CREDENTIALS: "Read the refusals: {kubectl} logs deployment/{name} --since=30m | grep -iE 'denied|x509|expired|401'",
    _K.DATABASE_LOCKS: "List who waits for whom: SELECT pid, pg_blocking_pids(pid), query FROM pg_stat_activity",
    _K.DATABASE_SLOW_QUERY: "List the slow ones: SELECT query, mean_exec_time FROM pg_stat_statements ORDER BY 2 DESC",
    _K.DATABASE_REPLICATION: "Read the lag: SELECT * FROM pg_stat_replication",
    _K.DATABASE_CONNECTIONS: "Count by state: SELECT state, count(*) FROM pg_stat_activity GROUP BY 1",
    _K.QUEUE_BACKLOG: "See whether the consumers run: {kubectl} get pods | grep {name}",
    _K.THIRD_PARTY: "Read the provider's status page, and the answers that {name} gives",
    _K.HUMAN_OR_JOB: "See what ran: {kubectl} get jobs,events --sort-by=.metadata.creationTimestamp",
    _K.NO_FAULT: "Compare the alert's expression and threshold with the chart",
}


def own_logs(entity: Entity) -> str:
    """Return the command that reads what a thing says of itself."""
    kubectl, name = _quoted(entity)
    if entity.kind is EntityKind.NODE:
        return f"kubectl describe node {name}"
    return f"{kubectl} logs deployment/{name} --since=30m"


def _quoted(entity: Entity) -> tuple[str, str]:
    """Return `kubectl` with the namespace, and the name; both quoted, as they come from outside and are pasted into a shell."""
    kubectl = f"kubectl -n {shlex.quote(entity.namespace)}" if entity.namespace else "kubectl"
    return kubectl, shlex.quote(entity.name if entity.kind is EntityKind.NODE else entity.service)


def next_check(kind: CauseKind, entity: Entity, evidence: Iterable[Evidence]) -> str:
    """Return a command for the cause kind, and the query of the most telling series where one is known."""
    kubectl, name = _quoted(entity)
    text = _CHECKS[kind].format(kubectl=kubectl, name=name)
    query = next((item.query for item in evidence if item.kind is EvidenceKind.METRIC and item.query), "")
    # A longer one is read better behind the evidence's own link.
    return f"{text}; watch: {query}" if query and len(query) <= _LONGEST_QUERY else text
