"""Databases and caches through their exporters: whose they are, and what a real Prometheus says of them."""

from __future__ import annotations

import pytest

from integrations.base import Scope, ServiceScope
from integrations.prometheus import Prometheus, PrometheusCredentials
from integrations.prometheus.pack import builtin
from integrations.prometheus.questions import prepare
from integrations.prometheus.stores import Target, assigned
from integrations.prometheus.subjects import Subject
from scoring.observations import Entity, EntityKind, Gap, Observation, Series, Worse
from tests.integrations.prometheus_world import WINDOW, pod, since_onset, times
from tests.integrations.test_prometheus_server import CountingDoor
from tests.servers.fixtures import StartPrometheus
from tests.servers.prometheus import Past

pytestmark = pytest.mark.xdist_group("prometheus")

# As three exporters are scraped in the field: a sidecar with its own Service, a deployment that asks many servers by their
# addresses, and one that a scrape job was written for by hand.
POSTGRES = {
    "namespace": "shop", "service": "orders-db-postgresql-metrics", "pod": "orders-db-postgresql-0", "container": "metrics",
    "job": "orders-db-postgresql-metrics", "instance": "10.0.0.7:9187",
}  # fmt: skip
REPLICA = {**POSTGRES, "pod": "orders-db-postgresql-1", "instance": "10.0.0.8:9187"}
REDIS = {"namespace": "monitoring", "job": "redis-exporter", "instance": "redis://sessions.shop.svc.cluster.local:6379"}
MYSQL = {"job": "mysqld", "instance": "legacy-mysql-exporter.internal:9104"}


def steady(value: float) -> list[tuple[float, float]]:
    return since_onset(value, value)


def stores() -> Past:
    """Return `orders` and its database, which fills up; a cache that evicts; and a replica of MySQL that falls behind."""
    past = Past()
    past.counter("http_requests_total", {"job": "orders", "code": "200"}, [(at, 20.0) for at in times()])
    past.counter("http_requests_total", {"namespace": "shop", "pod": pod("orders"), "code": "200"}, steady(1.0))
    for one in (POSTGRES, REPLICA):
        past.add("pg_up", one, steady(1.0))
        past.add("pg_settings_max_connections", one, steady(100.0))
        past.counter("pg_stat_database_xact_commit", {**one, "datname": "orders"}, steady(30.0))
        past.counter("pg_stat_database_xact_rollback", {**one, "datname": "orders"}, steady(0.0))
    for state, quiet, loud in (("active", 4.0, 97.0), ("idle", 16.0, 2.0)):
        for event in ("", "Lock"):
            labels = {**POSTGRES, "datname": "orders", "state": state, "wait_event_type": event}
            waits = event == "Lock"
            past.add("pg_stat_activity_count", labels, since_onset(0.0 if waits else quiet, 1.0 if waits else loud))
    past.add("pg_stat_activity_count", {**REPLICA, "datname": "orders", "state": "active"}, steady(3.0))
    past.add("pg_stat_activity_max_tx_duration", {**POSTGRES, "state": "active"}, since_onset(1.0, 500.0))
    past.counter("pg_stat_database_deadlocks", {**POSTGRES, "datname": "orders"}, since_onset(0.0, 0.05))
    past.add("pg_replication_lag_seconds", REPLICA, since_onset(0.1, 40.0))
    past.add("redis_up", REDIS, steady(1.0))
    past.add("redis_connected_clients", REDIS, steady(50.0))
    past.add("redis_config_maxclients", REDIS, steady(10000.0))
    past.add("redis_memory_used_bytes", REDIS, since_onset(2e9, 4e9))
    past.add("redis_memory_max_bytes", REDIS, steady(4e9))
    past.add("redis_blocked_clients", REDIS, steady(2.0))
    past.counter("redis_evicted_keys_total", REDIS, since_onset(0.0, 300.0))
    past.counter("redis_rejected_connections_total", REDIS, steady(0.0))
    past.counter("redis_commands_processed_total", REDIS, steady(900.0))
    past.counter("redis_keyspace_hits_total", REDIS, since_onset(90.0, 30.0))
    past.counter("redis_keyspace_misses_total", REDIS, since_onset(10.0, 70.0))
    past.add("mysql_up", MYSQL, steady(1.0))
    past.add("mysql_global_status_threads_connected", MYSQL, steady(20.0))
    past.add("mysql_global_variables_max_connections", MYSQL, steady(151.0))
    past.counter("mysql_global_status_queries", MYSQL, steady(200.0))
    past.counter("mysql_global_status_slow_queries", MYSQL, since_onset(0.0, 2.0))
    past.counter(
        "mysql_global_status_connection_errors_total", {**MYSQL, "error": "max_connections"}, since_onset(0.0, 0.5)
    )
    past.add("mysql_global_status_innodb_row_lock_current_waits", MYSQL, since_onset(0.0, 7.0))
    past.add("mysql_slave_status_seconds_behind_master", {**MYSQL, "master_host": "m1"}, since_onset(0.0, 90.0))
    return past


SCOPE = Scope(
    service=ServiceScope("orders", "shop", "orders"),
    neighbours=(
        ServiceScope("orders-db", "shop", "statefulset/orders-db-postgresql"),
        ServiceScope("sessions", "shop"),
        ServiceScope("ledger", "shop", selector='job="mysqld"'),
    ),
)


@pytest.fixture(scope="module")
def url(start_prometheus: StartPrometheus) -> str:
    return start_prometheus(stores())


@pytest.fixture(scope="module")
def found(url: str) -> list[Observation]:
    return list(Prometheus().gather(CountingDoor(), PrometheusCredentials(url=url), SCOPE, WINDOW))


def of(found: list[Observation], name: str, indicator: str) -> Series:
    entity = Entity(EntityKind.DATABASE, name)
    (one,) = [one for one in found if isinstance(one, Series) and (one.entity, one.indicator) == (entity, indicator)]
    return one


def moved(found: list[Observation], name: str, indicator: str) -> tuple[float, float]:
    values = of(found, name, indicator).values
    return (float(values[0]), float(values[-1]))


def test_the_fullest_server_is_measured_against_its_most_connections(found: list[Observation]) -> None:
    connections = of(found, "orders-db", "connections")

    assert moved(found, "orders-db", "connections") == (20.0, 101.0)
    assert (connections.limit, connections.unit, connections.worse) == (100.0, "count", Worse.HIGH)


def test_postgres_tells_of_locks_transactions_deadlocks_and_its_replica(found: list[Observation]) -> None:
    assert moved(found, "orders-db", "lock_waits") == (0.0, 2.0)
    assert moved(found, "orders-db", "longest_transaction") == (1.0, 500.0)
    assert moved(found, "orders-db", "running_queries") == (4.0, 98.0)
    assert moved(found, "orders-db", "replication_lag") == (0.1, 40.0)
    assert moved(found, "orders-db", "ready") == (1.0, 1.0)
    assert of(found, "orders-db", "deadlocks").values[-1] == pytest.approx(6.0)
    assert of(found, "orders-db", "request_rate").values[-1] == pytest.approx(60.0)


def test_redis_tells_of_memory_evictions_clients_and_hits(found: list[Observation]) -> None:
    memory = of(found, "sessions", "memory_usage")

    assert (memory.values[-1], memory.limit, memory.unit) == (4e9, 4e9, "bytes")
    assert of(found, "sessions", "evictions").values[-1] == pytest.approx(300.0)
    assert moved(found, "sessions", "cache_hit_ratio") == pytest.approx((0.9, 0.3))
    assert moved(found, "sessions", "blocked_clients") == (2.0, 2.0)
    assert moved(found, "sessions", "refused_connections") == (0.0, 0.0)
    assert of(found, "sessions", "connections").limit == 10000.0


def test_mysql_is_found_by_the_service_s_selector(found: list[Observation]) -> None:
    assert moved(found, "ledger", "replication_lag") == (0.0, 90.0)
    assert moved(found, "ledger", "lock_waits") == (0.0, 7.0)
    assert of(found, "ledger", "slow_queries").values[-1] == pytest.approx(2.0)
    assert of(found, "ledger", "refused_connections").values[-1] == pytest.approx(60.0)
    assert of(found, "ledger", "connections").limit == 151.0


def test_a_service_that_is_no_database_is_given_none_and_a_database_misses_no_golden_signal(
    found: list[Observation],
) -> None:
    assert [
        one for one in found if isinstance(one, Series) and one.entity == Entity(EntityKind.DATABASE, "orders")
    ] == []
    assert [one for one in found if isinstance(one, Gap)] == []


def test_exporters_cost_a_few_questions_more_and_nothing_where_there_are_none(
    url: str, start_prometheus: StartPrometheus
) -> None:
    bare = Past()
    bare.counter("http_requests_total", {"job": "orders", "code": "200"}, [(at, 20.0) for at in times()])

    def answers(address: str) -> int:
        door = CountingDoor()
        list(Prometheus().gather(door, PrometheusCredentials(url=address), SCOPE, WINDOW))
        return door.answers

    assert (answers(start_prometheus(bare)), answers(url)) == (3, 7)


def test_twenty_databases_are_asked_no_more_than_their_own_sort_has() -> None:
    subjects = tuple(
        Subject(ServiceScope(f"db{number}"), exporter=f'job="db{number}"', exporters=frozenset({"pg"}))
        for number in range(20)
    )
    names = frozenset(builtin().metrics(of_stores=True))

    questions = prepare(builtin(), subjects, names, {"rate": "120s", "step": "30s", "window": "3600s"})

    assert len(questions) == 20 * 13
    assert all("pg_" in question.query for question in questions)


@pytest.mark.parametrize(
    ("labels", "name"),
    [
        ({"job": "orders-db"}, "orders-db"),
        ({"job": "shop/orders-db-exporter"}, "orders-db"),
        ({"service": "orders-db-postgres-exporter", "job": "postgres"}, "orders-db"),
        ({"pod": "orders-db-postgresql-0"}, "orders-db"),
        ({"pod": "orders-db-exporter-7f65d78dcf-xv6cx"}, "orders-db"),
        ({"instance": "orders-db.shop.svc:5432"}, "orders-db"),
        ({"server": "orders-db:5432", "instance": "10.1.2.3:9187"}, "orders-db"),
        ({"instance": "orders-db.c9akciq32.eu-west-1.rds.amazonaws.com:5432"}, "orders-db"),
        # What is left when the sort is taken off is a store's name only where it looks like one.
        ({"service": "orders-postgresql-metrics"}, None),
        ({"job": "postgres-exporter", "instance": "127.0.0.1:5432"}, None),
        ({"instance": "10.1.2.3:9187"}, None),
    ],
)
def test_a_target_belongs_to_the_service_that_it_is_named_after(labels: dict[str, str], name: str | None) -> None:
    subjects = (Subject(ServiceScope("orders", "shop")), Subject(ServiceScope("orders-db", "shop")))

    made = assigned(subjects, (Target("pg", {"__name__": "pg_up", **labels}),))

    assert [one.scope.name for one in made if one.exporter] == ([name] if name else [])


def test_the_longest_name_that_fits_is_meant() -> None:
    subjects = (Subject(ServiceScope("db")), Subject(ServiceScope("db-postgres")))

    made = assigned(subjects, (Target("pg", {"job": "db-postgres-exporter"}),))

    assert [one.exporter for one in made] == ["", 'job=~"db\\\\-postgres\\\\-exporter"']


def test_of_two_databases_of_one_name_that_in_the_service_s_namespace_is_meant() -> None:
    subject = Subject(ServiceScope("orders-db", "shop"))
    known = tuple(Target("pg", {"job": "orders-db", "namespace": space}) for space in ("shop", "staging"))

    (made,) = assigned((subject,), known)

    assert made.exporter == 'namespace=~"shop",job=~"orders\\\\-db"'
