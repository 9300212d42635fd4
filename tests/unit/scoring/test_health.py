"""When all is well: departures that chance makes of many series, that began after the alert, or that have long been there."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.evidence import Verdict
from scoring.health import is_beyond_chance
from scoring.observations import Gap, LogPattern, Observation, Window
from tests.unit.scoring import made, shop
from tests.unit.scoring.made import ranked

deviations = st.lists(st.floats(0.0, 1e6), max_size=8)


@settings(made.thorough)
@given(deviations, st.integers(1, 5000), st.integers(0, 5000))
def test_the_more_is_looked_at_the_less_a_departure_says(found: list[float], looked_at: int, more: int) -> None:
    assert is_beyond_chance(found, looked_at) or not is_beyond_chance(found, looked_at + more)


@settings(made.thorough)
@given(deviations, st.floats(0.0, 1e6), st.integers(1, 5000))
def test_one_more_departure_never_makes_chance_likelier(found: list[float], another: float, looked_at: int) -> None:
    assert is_beyond_chance([*found, another], looked_at) or not is_beyond_chance(found, looked_at)


@pytest.mark.parametrize(
    ("found", "looked_at", "beyond"),
    [([10.0], 5, True), ([10.0], 50, False), ([20.0], 50, True), ([20.0], 700, False), ([20.0, 20.0], 700, True), ([], 1, False)],
)  # fmt: skip
def test_a_departure_counts_by_how_many_were_looked_at(found: list[float], looked_at: int, beyond: bool) -> None:
    assert is_beyond_chance(found, looked_at) is beyond


def quiet(count: int) -> list[Observation]:
    return [shop.series(f"part-{number}", "cpu_utilisation", "ratio", 0.3) for number in range(count)]


def test_all_quiet_is_no_fault_although_nothing_measures_what_fired() -> None:
    ranking = ranked([shop.alert("Is checkout well?"), *quiet(10)])
    assert ranking.verdict is Verdict.NO_FAULT
    assert ranking.explanation == (
        "None of 10 indicators that were looked at left its baseline by more than chance makes of so many."
    )


def test_a_handful_of_quiet_series_says_nothing_of_what_fired() -> None:
    assert ranked([shop.alert("Is checkout well?"), *quiet(9)]).verdict is Verdict.INCONCLUSIVE


def test_quiet_series_clear_nothing_while_a_source_does_not_answer() -> None:
    gap = Gap("loki", "errors of checkout", "timed out")
    assert ranked([shop.alert("Is checkout well?"), *quiet(10), gap]).verdict is Verdict.INCONCLUSIVE


def test_what_begins_long_after_the_alert_did_not_fire_it() -> None:
    slow = shop.series("payments", "latency_p95", "seconds", 0.1, then=5.0, since=shop.ALERT_AT - 300)
    seen = [shop.alert("Is checkout well?"), *quiet(10), slow]
    early = Window(start=shop.WINDOW.start, end=shop.NOW, alert_at=shop.ALERT_AT - 900)
    assert ranked(seen, window=early).verdict is Verdict.NO_FAULT
    assert ranked(seen).verdict is not Verdict.NO_FAULT


def test_what_was_there_long_before_the_alert_did_not_fire_it() -> None:
    full = shop.series("payments", "memory_utilisation", "ratio", 0.3, then=0.7, since=shop.ALERT_AT - 1800)
    assert ranked([shop.alert("Is checkout well?"), *quiet(10), full]).verdict is Verdict.NO_FAULT


def test_a_symptom_that_is_there_now_is_told_however_long_ago_it_began() -> None:
    """An alert on a burn rate over hours fires long after users began to suffer."""
    slow = shop.series("checkout", "latency_p95", "seconds", 0.1, then=5.0, since=shop.ALERT_AT - 1800)
    assert ranked([shop.alert("Is checkout well?"), *quiet(10), slow]).verdict is not Verdict.NO_FAULT


def test_what_has_been_well_for_longer_than_it_was_ill_is_over() -> None:
    def slow_until(end: float) -> Observation:
        since = shop.ALERT_AT - 900
        return shop.series("payments", "latency_p95", "seconds", 0.1, then=5.0, since=since, until=end)

    early = Window(start=shop.WINDOW.start, end=shop.NOW, alert_at=shop.ALERT_AT - 840)
    seen = [shop.alert("Is checkout well?"), *quiet(10)]
    assert ranked([*seen, slow_until(shop.ALERT_AT - 660)], window=early).verdict is Verdict.NO_FAULT
    assert ranked([*seen, slow_until(shop.ALERT_AT - 360)], window=early).verdict is not Verdict.NO_FAULT


def test_new_errors_in_a_log_are_no_chance() -> None:
    lines = LogPattern(
        shop.service("payments"), "connection refused by <*>", 0, 40, "loki", first_seen=shop.ALERT_AT - 60
    )
    assert ranked([shop.alert("Is checkout well?"), *quiet(10), lines]).verdict is not Verdict.NO_FAULT
