"""What states, logs, changes and the graph mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring import changes, logs
from scoring.conditions import interpret
from scoring.evidence import CauseKind, Direction
from scoring.graph import Graph
from scoring.indicators import fired_families
from scoring.observations import Change, ChangeKind, Dependency, Entity, EntityKind, LogPattern, State

from . import made, shop
from .made import inputs_of

POD = Entity(EntityKind.POD, "payments-7d9-x", "shop", "payments")


@pytest.mark.parametrize(
    ("condition", "detail", "kind"),
    [
        ("OOMKilled", "", CauseKind.MEMORY_SATURATION),
        ("CrashLoopBackOff", "back-off 5m0s restarting failed container", CauseKind.CRASH_LOOP),
        ("ImagePullBackOff", "", CauseKind.IMAGE),
        ("ErrImagePull", "manifest unknown", CauseKind.IMAGE),
        ("CreateContainerConfigError", 'secret "db" not found', CauseKind.CONFIG_CHANGE),
        ("FailedScheduling", "0/3 nodes are available: 3 Insufficient memory", CauseKind.SCHEDULING),
        ("FailedScheduling", "pod has unbound immediate PersistentVolumeClaims", CauseKind.STORAGE),
        ("Unhealthy", "Readiness probe failed", CauseKind.FAILING_PROBE),
        ("LivenessProbeFailing", "Liveness probe failed", CauseKind.FAILING_PROBE),
        ("CrashLoopBackOff", "container app: back-off 5m0s, ended by its liveness probe", CauseKind.FAILING_PROBE),
        ("Error", "container app ended with exit code 143, ended by its startup probe", CauseKind.FAILING_PROBE),
        ("Evicted", "The node was low on resource: ephemeral-storage", CauseKind.DISK_SATURATION),
        ("Evicted", "The node was low on resource: memory", CauseKind.MEMORY_SATURATION),
        ("NodeNotReady", "", CauseKind.NODE_FAILURE),
        ("MemoryPressure", "", CauseKind.MEMORY_SATURATION),
        ("DiskPressure=True", "", CauseKind.DISK_SATURATION),
        ("PIDPressure", "", CauseKind.THREAD_SATURATION),
        ("FailedMount", "timed out waiting for the condition", CauseKind.STORAGE),
        ("FailedMount", 'configmap "settings" not found', CauseKind.CONFIG_CHANGE),
        ("ProgressDeadlineExceeded", "", CauseKind.BAD_DEPLOY),
        ("ReplicaFailure", 'forbidden: exceeded quota: "compute"', CauseKind.SCHEDULING),
        ("FailedCreate", 'pods "x" is forbidden: exceeded quota', CauseKind.SCHEDULING),
        ("FailedCreate", 'serviceaccount "x" not found', CauseKind.CONFIG_CHANGE),
        ("ScalingLimited", "TooManyReplicas", CauseKind.CPU_SATURATION),
        ("BackoffLimitExceeded", "", CauseKind.HUMAN_OR_JOB),
        ("BackOff", "Back-off pulling image", CauseKind.IMAGE),
        ("BackOff", "Back-off restarting failed container", CauseKind.CRASH_LOOP),
    ],
)
def test_a_known_condition_hints_at_its_cause(condition: str, detail: str, kind: CauseKind) -> None:
    meaning = interpret(State(POD, condition, "kubernetes", detail=detail, count=5))
    assert meaning.kinds[0] is kind
    assert meaning.severity >= 0.6


@pytest.mark.parametrize("condition", ["Completed", "Running", "Pulled", "Scheduled", "ScalingReplicaSet", "completed"])
def test_what_is_part_of_normal_life_means_nothing(condition: str) -> None:
    assert interpret(State(POD, condition, "kubernetes")).severity == 0.0


def test_an_unknown_warning_is_worth_a_line_and_an_unknown_normal_event_is_not() -> None:
    warning = State(POD, "TasteDeteriorated", "kubernetes", attributes={"type": "Warning"})
    normal = State(POD, "TasteImproved", "kubernetes", attributes={"type": "Normal"})
    assert interpret(warning).severity == 0.3
    assert interpret(warning).words == "reports TasteDeteriorated"
    assert interpret(normal).severity == 0.0


def test_a_condition_that_passed_says_less() -> None:
    now, then = (interpret(State(POD, "OOMKilled", "kubernetes", active=active)).severity for active in (True, False))
    assert then == pytest.approx(0.7 * now)


def test_a_probe_or_two_that_fail_at_start_are_no_effect_of_a_rollout() -> None:
    once, often = (interpret(State(POD, "Unhealthy", "kubernetes", count=count)).severity for count in (1, 9))
    assert once < 0.4 < often


def test_a_node_that_is_not_ready_is_worse_than_a_pod_and_less_where_it_hosts_nothing_of_ours() -> None:
    node = Entity(EntityKind.NODE, "node-1")
    ours = interpret(State(node, "NotReady", "kubernetes", attributes={"hosts_pods_in_scope": "yes"}))
    other = interpret(State(node, "NotReady", "kubernetes", attributes={"hosts_pods_in_scope": "no"}))
    pod = interpret(State(POD, "NotReady", "kubernetes"))
    assert (ours.kinds, pod.kinds) == ((CauseKind.NODE_FAILURE,), (CauseKind.CRASH_LOOP,))
    assert ours.severity > pod.severity > other.severity


def test_a_state_tells_object_condition_count_and_detail() -> None:
    state = State(POD, "OOMKilled", "kubernetes", at=shop.CAUSE_AT, count=4, detail="limit 256Mi")
    evidence = next(item for item in inputs_of([state]).evidence if item.indicator == "OOMKilled")
    assert evidence.statement == ("pod payments-7d9-x was killed: out of memory (OOMKilled), 4 times: limit 256Mi")
    assert (evidence.severity, evidence.onset, evidence.direction) == (0.95, shop.CAUSE_AT, Direction.FOR)


def test_pods_depend_on_the_node_that_they_name() -> None:
    state = State(POD, "Evicted", "kubernetes", at=shop.CAUSE_AT, attributes={"node": "node-1"})
    node = Entity(EntityKind.NODE, "node-1")
    assert inputs_of([state]).dependencies == (Dependency(POD, node, "kubernetes"),)


def log(template: str, before: int, during: int, **further: object) -> LogPattern:
    return LogPattern(POD, template, before, during, "kubernetes", **further)  # type: ignore[arg-type]


def test_a_new_error_says_more_than_a_new_harmless_line() -> None:
    error, harmless = logs.severity(log("panic: nil pointer", 0, 50)), logs.severity(log("cache warmed", 0, 50))
    assert error > 0.8
    assert 0 < harmless < 0.4


@pytest.mark.parametrize(("before", "during"), [(0, 0), (0, 2), (100, 100), (100, 110), (5, 0), (-4, -9)])
def test_a_line_that_came_no_more_often_says_nothing(before: int, during: int) -> None:
    assert logs.severity(log("error: timeout", before, during)) == 0.0


def test_counts_are_compared_by_their_time() -> None:
    # A hundred an hour before and ten in five minutes since are the same rate.
    assert logs.severity(log("error: x", 100, 10, seconds_before=3600.0, seconds_during=300.0)) == 0.0
    assert logs.severity(log("error: x", 100, 90, seconds_before=3600.0, seconds_during=300.0)) > 0.5


@pytest.mark.parametrize(
    ("template", "kind"),
    [
        ("HikariPool-1 - Connection is not available, pool timed out", CauseKind.CONNECTION_SATURATION),
        ("FATAL: sorry, too many clients already", CauseKind.DATABASE_CONNECTIONS),
        ("java.lang.OutOfMemoryError: Java heap space", CauseKind.MEMORY_SATURATION),
        ("write /data: no space left on device", CauseKind.DISK_SATURATION),
        ("dial tcp: lookup payments: no such host", CauseKind.DNS_FAULT),
        ("x509: certificate has expired", CauseKind.CREDENTIALS),
        ("ERROR: deadlock detected", CauseKind.DATABASE_LOCKS),
        ("upstream connect error: connection refused", CauseKind.FAILING_DEPENDENCY),
        ("429 Too Many Requests from api.example.com", CauseKind.THIRD_PARTY),
    ],
)
def test_words_of_a_log_line_hint_at_its_cause(template: str, kind: CauseKind) -> None:
    assert logs.cause_kinds(log(template, 0, 9))[0] is kind


def change(at: float, source: str, **further: object) -> Change:
    values: dict[str, object] = {"title": "release", "kind": ChangeKind.DEPLOYMENT, **further}
    return Change(entity=shop.service("payments"), at=at, source=source, **values)  # type: ignore[arg-type]


def test_sightings_are_one_change_by_key_by_version_or_by_time() -> None:
    def keys(*seen: Change) -> int:
        return len({key for _, key in changes.join(seen)})

    assert keys(change(0, "github", key="a"), change(5000, "deploys", key="a")) == 1
    assert keys(change(0, "kubernetes", version="v2"), change(900, "kubernetes", version="v2")) == 1
    assert keys(change(0, "github", version="abc"), change(100, "kubernetes", version="v2")) == 1
    assert keys(change(0, "github", version="v1"), change(100, "github", version="v2")) == 2
    assert keys(change(0, "github"), change(900, "kubernetes")) == 2
    assert keys(change(0, "github"), change(10, "flags", kind=ChangeKind.FLAG)) == 2


def test_a_change_that_was_not_carried_out_weighs_less() -> None:
    assert changes.severity(change(0, "github", status="cancelled")) < changes.severity(change(0, "github"))


def test_a_change_is_told_with_versions_status_and_title() -> None:
    made_change = change(0, "github", version="v2", previous_version="v1", status="failure", title="shrink the pool")
    assert changes.statement(made_change) == "payments v2 deployed, was v1 (failure): shrink the pool"


@pytest.mark.parametrize(
    ("detail", "altered"),
    [
        (
            "image payments:v1 → v2; env DB_POOL_SIZE 20 → 5 (payments v2: right-size the pool (#482)); revision 3",
            "DB_POOL_SIZE 20 → 5",
        ),
        ("limits.memory (container app) 1Gi → 512Mi", "limits.memory (container app) 1Gi → 512Mi"),
        ("image payments:v1 → v2; DB_POOL_SIZE 20 → 5; revision 7 of Deployment payments", "DB_POOL_SIZE 20 → 5"),
        ("memory limit 512Mi -> 256Mi", "memory limit 512Mi -> 256Mi"),
        ("A 1 → 2; B 1 → 2; C 1 → 2", "A 1 → 2; B 1 → 2"),
        ("shrink the pool", ""),
        ("", ""),
    ],
)
def test_what_a_change_altered_besides_its_version_is_told(detail: str, altered: str) -> None:
    assert changes.altered(change(0, "kubernetes", version="v2", previous_version="v1", detail=detail)) == altered


def test_the_graph_has_a_direction_and_stands_cycles() -> None:
    names = [shop.service(name) for name in "abcd"]
    a, b, c, d = names
    graph = Graph.of([Dependency(a, b), Dependency(b, c), Dependency(c, a), Dependency(d, d)])
    assert graph.reach("a") == {"b": 1, "c": 2}
    assert graph.depends("c", "b")
    assert not graph.depends("b", "d")
    assert "d" not in graph
    assert graph.reach("unknown") == {}


@made.thorough
@given(st.lists(made.dependencies, max_size=15), made.entities)
def test_any_graph_can_be_walked(edges: list[Dependency], start: Entity) -> None:
    reached = Graph.of(edges).reach(start.service)
    assert start.service not in reached
    assert set(reached) <= {edge.callee.service for edge in edges}


@pytest.mark.parametrize(
    ("text", "families"),
    [
        ("checkout p95 latency above 1 s", {"latency"}),
        ("High 5xx error rate on checkout", {"errors"}),
        ("KubePodCrashLooping", {"restarts"}),
        ("CPUThrottlingHigh", {"cpu"}),
        ("Deployment payments has unavailable replicas", {"availability"}),
        ("Kafka consumer lag too high", {"queue"}),
        ("checkout is burning its budget", set()),
    ],
)
def test_an_alerts_words_tell_what_fired(text: str, families: set[str]) -> None:
    assert fired_families([text]) == families


def test_a_line_that_nothing_can_be_compared_with_says_less_unless_it_names_its_cause() -> None:
    compared = {"seconds_before": 3000.0, "seconds_during": 600.0}
    alone = {"seconds_before": 0.0, "seconds_during": 600.0}
    assert logs.severity(log("ERROR something odd", 0, 40, **alone)) == pytest.approx(
        logs.severity(log("ERROR something odd", 0, 40, **compared)) / 2
    )
    named = "dial tcp: lookup orders on 10.0.0.10:53: i/o timeout"
    assert logs.severity(log(named, 0, 40, **alone)) == logs.severity(log(named, 0, 40, **compared))
    assert logs.statement(log("ERROR odd", 0, 40, **alone)) == "log line 40 times: “ERROR odd”"
