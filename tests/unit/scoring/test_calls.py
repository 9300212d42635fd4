"""What the calls between services tell: who is slow itself, who only waits, and what lies on the network."""

from __future__ import annotations

from scoring.evidence import CauseKind, Direction, EvidenceKind
from scoring.observations import LogPattern, Observation, Series

from . import shop
from .made import at_service, inputs_of, ranked


def test_time_on_the_network_is_a_network_fault_of_the_called_service() -> None:
    slow: list[Observation] = [
        *shop.quiet_day(),
        shop.series("checkout", "latency_p95", "seconds", 0.18, then=2.4, since=shop.SYMPTOM_AT, seed=1),
        shop.series("orders", "network_gap", "seconds", 0.001, then=0.5, since=shop.SYMPTOM_AT),
    ]
    first = ranked(slow).scores[0].candidate

    assert (first.entity.name, first.cause_kind) == ("orders", CauseKind.NETWORK_LATENCY)
    assert first.statement.startswith(
        "Network latency at orders: time on the network per call 481 ms, was 997 µs (×482)"
    )


def test_a_network_as_slow_as_clocks_and_kernels_make_it_is_no_fault() -> None:
    near: list[Observation] = [
        *shop.quiet_day(),
        shop.series("orders", "network_gap", "seconds", 0.0005, then=0.003, since=shop.SYMPTOM_AT),
    ]

    assert [item for item in inputs_of(near).evidence if item.indicator == "network_gap"] == []


def test_who_waits_for_others_is_not_suspected_for_it() -> None:
    waiting: list[Observation] = [
        *shop.incident(changes=False),
        shop.series("cart", "client_latency_p95", "seconds", 0.05, then=3.0, since=shop.CAUSE_AT - 600),
    ]
    made = inputs_of(waiting)

    assert [(item.direction, item.cause_kinds) for item in made.evidence if item.indicator == "client_latency_p95"] == [
        (Direction.CONTEXT, ())
    ]
    assert "cart" not in {candidate.entity.name for candidate in made.candidates}


def test_what_was_over_long_before_the_alert_is_no_evidence() -> None:
    def spike(minutes: float) -> Observation:
        return shop.series(
            "orders", "cpu_utilisation", "ratio", 0.3, then=0.95, noise=0.05,
            since=shop.ALERT_AT - shop.ALERT_FOR - 60 * (minutes + 5), until=shop.ALERT_AT - shop.ALERT_FOR - 60 * minutes,
        )  # fmt: skip

    assert [
        item for item in inputs_of([*shop.incident(), spike(30)]).evidence if item.indicator == "cpu_utilisation"
    ] == []
    assert at_service(ranked([*shop.incident(changes=False), spike(1)]), "orders").candidate.cause_kind is CauseKind.CPU_SATURATION  # fmt: skip


def test_an_episode_that_was_over_before_the_alert_does_not_set_the_onset() -> None:
    earlier = shop.series(
        "checkout", "latency_p99", "seconds", 0.2, then=6.0, since=shop.ALERT_AT - 3000, until=shop.ALERT_AT - 2400
    )

    assert inputs_of([*shop.incident(), earlier]).evidence[0].is_symptom
    assert ranked([*shop.incident(), earlier]).onset == ranked(shop.incident()).onset


def error(name: str, words: str, at: float) -> LogPattern:
    return LogPattern(
        shop.service(name), f"ERROR {words}", 0, 60, "logs", seconds_before=3000.0, seconds_during=600.0, level="error",
        first_seen=at,
    )  # fmt: skip


def test_slowness_below_does_not_make_a_service_write_an_error_of_its_own() -> None:
    slow = shop.series("orders", "latency_p95", "seconds", 0.05, then=0.4, since=shop.SYMPTOM_AT)
    own = error("checkout", "Get route failed", shop.SYMPTOM_AT)
    named = error("checkout", "I/O error: No instances available for orders", shop.SYMPTOM_AT)

    assert at_service(ranked([*shop.quiet_day(), slow, own]), "checkout").candidate.contradicting == ()
    assert at_service(ranked([*shop.quiet_day(), slow, named]), "checkout").candidate.contradicting != ()


def test_an_error_below_does() -> None:
    above, below = (
        error("checkout", "cannot place order", shop.SYMPTOM_AT),
        error("orders", "row broken", shop.SYMPTOM_AT),
    )

    assert ranked([*shop.quiet_day(), above, below]).scores[0].candidate.entity.name == "orders"


def test_another_way_that_the_work_goes_is_not_trouble() -> None:
    other_way = LogPattern(shop.service("orders"), "INFO created order", 0, 400, "logs", level="info")

    assert [(item.direction, item.kind) for item in inputs_of([*shop.quiet_day(), other_way]).evidence if "created" in item.statement] == [
        (Direction.CONTEXT, EvidenceKind.LOG)
    ]  # fmt: skip


def test_a_weak_or_very_early_departure_of_the_symptom_does_not_set_the_onset() -> None:
    usual = [one for one in shop.incident() if not (isinstance(one, Series) and one.indicator == "latency_p50")]
    weak = shop.series("checkout", "latency_p50", "seconds", 0.06, then=0.069, since=shop.ALERT_AT - 1500, noise=0.03)
    early = shop.series("checkout", "latency_p50", "seconds", 0.06, then=0.9, since=shop.ALERT_AT - 2400)

    assert ranked([*usual, weak]).onset == ranked([*usual, early]).onset == shop.SYMPTOM_AT
