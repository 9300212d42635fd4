"""What clients are told by the store that they share is about the store."""

from __future__ import annotations

import pytest

from scoring.evidence import CauseKind
from scoring.observations import Dependency, Entity, EntityKind, LogPattern, Observation
from scoring.stores import is_store, used

from . import shop
from .made import inputs_of, ranked

DB = Entity(EntityKind.SERVICE, "orders-mysql", "shop")
REFUSED = "java.sql.SQLNonTransientConnectionException: Too many connections"
CLIENTS = ("payments", "orders", "cart")


def log(name: str, template: str, during: int = 2) -> LogPattern:
    entity = DB if name == DB.name else shop.service(name)
    return LogPattern(
        entity, template, 0, during, "logs", seconds_before=3000.0, seconds_during=600.0, first_seen=shop.SYMPTOM_AT
    )


def use(*names: str, store: Entity = DB) -> list[Observation]:
    return [Dependency(shop.service(name), store, "environment") for name in names]


def test_what_several_clients_are_told_names_their_store() -> None:
    ranking = ranked([*shop.calls(), shop.alert(), *use(*CLIENTS), *(log(name, REFUSED) for name in CLIENTS)])
    first = ranking.scores[0].candidate
    assert (first.entity.service, first.cause_kind) == ("orders-mysql", CauseKind.DATABASE_CONNECTIONS)


def test_two_lines_are_chance_where_one_client_says_them_and_loud_where_three_do() -> None:
    def severities(*names: str) -> list[float]:
        given = inputs_of([*use(*CLIENTS), *(log(name, REFUSED) for name in names)])
        return [item.severity for item in given.evidence]

    assert severities("payments") == []
    assert severities(*CLIENTS) == pytest.approx([0.509986] * 3, abs=1e-5)


def test_who_uses_two_stores_does_not_tell_which_it_means() -> None:
    other = Entity(EntityKind.DATABASE, "sessions", "shop")
    given = inputs_of([*use("payments"), *use("payments", store=other), log("payments", REFUSED, 9)])
    assert [item.peer for item in given.evidence] == [None]


def test_a_store_that_refuses_a_sign_in_is_well() -> None:
    said = log("orders-mysql", "[Note] Access denied for user 'shop'@'10.0.0.7' (using password: YES)", 40)
    assert ranked([*shop.calls(), shop.alert(), *use(*CLIENTS), said]).scores == ()


@pytest.mark.parametrize(
    ("entity", "expected"),
    [
        (Entity(EntityKind.SERVICE, "tsdb-mysql"), True),
        (Entity(EntityKind.WORKLOAD, "orders-db-0", owner="orders-db"), True),
        (Entity(EntityKind.DATABASE, "ledger"), True),
        (Entity(EntityKind.SERVICE, "feedback"), False),
        (Entity(EntityKind.SERVICE, "dbus"), False),
        (Entity(EntityKind.NODE, "db-node-1"), False),
    ],
)
def test_a_store_is_told_by_its_kind_or_its_name(entity: Entity, expected: bool) -> None:
    assert is_store(entity) is expected


def test_a_store_uses_no_store() -> None:
    replica = Entity(EntityKind.SERVICE, "orders-mysql-replica", "shop")
    assert used([Dependency(replica, DB, "environment")]) == {}
