"""What exporters tell of databases and caches: the store that is full, locked or behind is named, not its loud victims."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scoring.evidence import CauseKind, Direction
from scoring.indicators import describe, fired_families
from scoring.observations import Dependency, Entity, EntityKind, Note, Observation, Series, Worse

from . import shop
from .made import inputs_of, ranked

ORDERS_DB = Entity(EntityKind.DATABASE, "orders-db")


def of_store(indicator: str, unit: str, usual: float, then: float, *, limit: float | None = None) -> Series:
    worse = Worse.LOW if then < usual else Worse.HIGH
    made = shop.series(
        "orders-db", indicator, unit, usual, then=then, since=shop.CAUSE_AT, noise=0.02, limit=limit, worse=worse
    )
    return replace(made, entity=ORDERS_DB)


def victims() -> list[Observation]:
    """Return a shop whose `orders` and its callers wait for `orders-db`, which says nothing yet."""
    slow = {("orders", "latency_p95"), ("checkout", "latency_p95"), ("checkout", "error_ratio"), ("web", "latency_p95")}
    quiet = [
        one for one in shop.quiet_day() if not (isinstance(one, Series) and (one.entity.name, one.indicator) in slow)
    ]
    return [
        *quiet,
        Dependency(shop.service("orders"), Entity(EntityKind.SERVICE, "orders-db", "shop", "orders-db"), "declared"),
        shop.series("orders", "latency_p95", "seconds", 0.09, then=5.2, since=shop.CAUSE_AT + 30),
        shop.series("orders", "connection_wait", "seconds", 0.002, then=5.0, since=shop.CAUSE_AT + 30),
        shop.series(
            "orders", "pool_utilisation", "ratio", 0.4, then=1.0, since=shop.CAUSE_AT + 30, noise=0.02, limit=1.0
        ),
        shop.series("checkout", "latency_p95", "seconds", 0.18, then=5.6, since=shop.SYMPTOM_AT),
        shop.series("checkout", "error_ratio", "ratio", 0.002, then=0.3, since=shop.SYMPTOM_AT, noise=0.2),
        shop.series("web", "latency_p95", "seconds", 0.25, then=5.9, since=shop.SYMPTOM_AT + 60),
    ]


def suspects(observations: list[Observation]) -> set[str]:
    return {score.candidate.entity.service for score in ranked(observations).scores}


def test_a_database_at_its_most_connections_is_named_and_not_who_waits_for_it() -> None:
    full = of_store("connections", "count", 22.0, 100.0, limit=100.0)

    ranking = ranked([*victims(), full])
    first = ranking.scores[0].candidate

    assert (first.entity.kind, first.entity.service, first.cause_kind) == (
        EntityKind.DATABASE,
        "orders-db",
        CauseKind.DATABASE_CONNECTIONS,
    )
    assert first.statement == (
        "Database connections at orders-db: open connections 100 of 100, was 22 (×4.6), since 1 min before the onset"
    )
    assert ranking.verdict.value == "likely cause"


@pytest.mark.parametrize(
    ("series", "kind"),
    [
        (of_store("lock_waits", "count", 0.0, 40.0), CauseKind.DATABASE_LOCKS),
        (of_store("slow_queries", "count/s", 0.1, 12.0), CauseKind.DATABASE_SLOW_QUERY),
        (of_store("query_time", "seconds", 0.004, 0.9), CauseKind.DATABASE_SLOW_QUERY),
        (of_store("replication_lag", "seconds", 0.2, 240.0), CauseKind.DATABASE_REPLICATION),
        (of_store("replication_running", "ratio", 1.0, 0.0), CauseKind.DATABASE_REPLICATION),
        (of_store("refused_connections", "count", 0.0, 30.0), CauseKind.DATABASE_CONNECTIONS),
        (of_store("evictions", "count/s", 0.0, 500.0), CauseKind.MEMORY_SATURATION),
        (of_store("memory_usage", "bytes", 1.5e9, 4.0e9, limit=4.0e9), CauseKind.MEMORY_SATURATION),
        (of_store("cache_hit_ratio", "ratio", 0.97, 0.2), CauseKind.DATABASE_SLOW_QUERY),
    ],
    ids=lambda value: value.indicator if isinstance(value, Series) else value.value,
)
def test_each_sign_of_a_store_names_its_cause(series: Series, kind: CauseKind) -> None:
    first = ranked([*victims(), series]).scores[0].candidate

    assert (first.entity.service, first.cause_kind) == ("orders-db", kind)


def test_sessions_that_wait_for_locks_say_more_than_the_queries_that_pile_up_behind_them() -> None:
    signs = [of_store("lock_waits", "count", 0.0, 40.0), of_store("running_queries", "count", 3.0, 44.0)]

    scores = ranked([*victims(), *signs]).scores

    assert scores[0].candidate.cause_kind is CauseKind.DATABASE_LOCKS


def test_connections_far_from_the_limit_are_no_saturation() -> None:
    many = of_store("connections", "count", 22.0, 45.0, limit=100.0)

    assert [item.direction for item in inputs_of([*victims(), many]).evidence if item.entity == ORDERS_DB] == [
        Direction.CONTEXT
    ]
    assert suspects([*victims(), many]).isdisjoint({"orders-db"})


def test_a_cache_that_always_was_full_is_not_full_now() -> None:
    lru = of_store("memory_usage", "bytes", 3.99e9, 4.0e9, limit=4.0e9)

    assert suspects([*victims(), lru]).isdisjoint({"orders-db"})


@pytest.mark.parametrize(
    ("words", "family"),
    [
        ("PostgresDeadlocks", "locks"),
        ("orders-db: sessions waiting on locks", "locks"),
        ("MySQLSlowQueries", "queries"),
        ("Long running transaction on orders-db", "queries"),
        ("PostgresReplicationLag", "replication"),
        ("RedisEvictionsHigh", "cache"),
    ],
)
def test_alerts_about_databases_are_understood(words: str, family: str) -> None:
    assert family in fired_families([words])


@pytest.mark.parametrize("words", ["checkout is blocked by the gate", "clock skew on node-1", "block storage is slow"])
def test_words_that_only_look_alike_are_not_about_locks(words: str) -> None:
    assert "locks" not in fired_families([words])


def test_an_alert_about_deadlocks_is_also_about_what_users_feel_where_nothing_tells_of_locks() -> None:
    text = "Deadlocks at checkout"
    assert fired_families([text]) == {"locks"}
    paged = [replace(one, text=text) if isinstance(one, Note) else one for one in victims()]

    symptoms = {item.indicator for item in inputs_of(paged).evidence if item.is_symptom}

    assert {"latency_p95", "error_ratio"} <= symptoms
    assert "cpu_utilisation" not in symptoms


def test_what_a_store_tells_of_itself_is_not_inherited_from_further_down() -> None:
    assert not describe("lock_waits").inherited
    assert not describe("replication_lag").inherited
    assert describe("running_queries").inherited
