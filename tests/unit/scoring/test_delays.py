"""Delays add up: what is slower by milliseconds is not why its caller is slower by seconds."""

from __future__ import annotations

from scoring.observations import Observation
from tests.unit.scoring import shop
from tests.unit.scoring.made import ranked


def slow(name: str, usual: float, then: float) -> Observation:
    return shop.series(name, "latency_p95", "seconds", usual, then=then, since=shop.CAUSE_AT)


def explained(*further: Observation) -> bool:
    """Say whether what is wrong below it explains why checkout takes 5 s more."""
    seen = [shop.alert("checkout latency is high"), *shop.calls(), slow("checkout", 0.2, 5.2), *further]
    made = [one.candidate for one in ranked(seen).scores]
    return bool(next(one for one in made if one.entity.name == "checkout").contradicting)


def test_a_dependency_that_is_slower_by_as_much_explains_its_caller() -> None:
    assert explained(slow("payments", 0.1, 5.0))


def test_one_that_is_slower_by_milliseconds_does_not() -> None:
    assert not explained(slow("payments", 0.001, 0.02))


def test_a_quarter_of_the_time_is_what_it_takes() -> None:
    assert not explained(slow("payments", 0.1, 1.3))
    assert explained(slow("payments", 0.1, 1.4))


def test_one_that_fails_explains_more_time_than_it_takes() -> None:
    failing = shop.series("payments", "error_ratio", "ratio", 0.002, then=0.6, since=shop.CAUSE_AT)
    assert explained(slow("payments", 0.001, 0.02), failing)
