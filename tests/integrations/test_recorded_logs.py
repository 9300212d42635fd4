"""Plain lines of a snapshot: whose they are, and when."""

from __future__ import annotations

from datetime import UTC, datetime

from integrations.recorded import logs
from integrations.recorded.entities import Entities
from scoring.observations import LogPattern

NOON = datetime(2026, 3, 13, 12, 0, tzinfo=UTC).timestamp()


def read(*records: tuple[str, str, str], wall: bool = False) -> list[LogPattern]:
    lines = [{"service": service, "ts": ts, "msg": text} for service, ts, text in records]
    entities = Entities(services=("cart",))
    return list(logs.lines(lines, {}, entities, anomaly_time=NOON, start=NOON - 3600, end=NOON + 600, wall=wall))


def test_a_container_and_one_that_ended_speak_for_their_service() -> None:
    found = read(
        ("cart", "2026-03-13T12:01:00Z", "ERROR cannot start"),
        ("cart.previous", "2026-03-13T12:02:00Z", "ERROR cannot start"),
        ("cart.istio-proxy", "2026-03-13T12:03:00Z", "error failed to sign"),
        ("shop.v2", "2026-03-13T12:03:00Z", "error failed to sign"),
    )
    assert [(one.entity.name, one.template, one.count_during) for one in found] == [
        ("cart", "ERROR cannot start", 2),
        ("cart", "error failed to sign", 1),
        ("shop.v2", "error failed to sign", 1),
    ]


def test_what_kubectl_says_where_there_is_no_log_is_none() -> None:
    assert read(
        ("cart.previous", "", 'Error from server (BadRequest): previous terminated container "cart" not found'),
        ("cart.proxy", "", "Error: error: container istio-proxy is not valid for pod cart-0"),
    ) == []  # fmt: skip


def test_a_record_without_a_zone_has_one_clock_on_the_wall() -> None:
    record = ("cart", "2026-03-13T12:05:00+08:00", "ERROR cannot start")
    (utc,), (wall,) = read(record), read(record, wall=True)
    assert (utc.count_before, utc.count_during) == (1, 0)
    assert (wall.count_before, wall.count_during) == (0, 1)
    assert wall.first_seen == NOON + 300
