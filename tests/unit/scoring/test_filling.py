"""What fills up steadily began where the rise did, however long before anything broke."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from scoring import filling
from scoring.detect import detect
from scoring.evidence import CauseKind, Direction
from scoring.observations import Note, Observation, Series, Window

from . import made, shop

LIMIT = 512.0
START = shop.ALERT_AT - 7200
WINDOW = Window(start=START, end=shop.NOW, alert_at=shop.ALERT_AT)
TIMES = np.arange(START, shop.NOW, 60.0)


def leak(*, at: float = 1800.0, top: float = 500.0, noise: float = 4.0) -> np.ndarray:
    """Return memory that is steady, then rises from `at` seconds after the start up to `top`, and falls when it is killed."""
    since = np.clip((TIMES - START - at) / (shop.ALERT_AT - 120 - START - at), 0.0, None)
    values = 200.0 + (top - 200.0) * np.minimum(since, 1.0)
    values = np.where(TIMES > shop.ALERT_AT - 120, 30.0, values)
    return np.asarray(values + noise * np.sin(np.arange(TIMES.size) * 2.4))


def test_a_leak_began_where_the_rise_did_though_a_restart_wiped_it_out() -> None:
    found = filling.find(TIMES, leak(), limit=LIMIT, window=WINDOW)
    assert found is not None
    assert found.onset == pytest.approx(START + 1800, abs=900)
    assert found.high == pytest.approx(500, abs=15)


def test_a_rise_that_was_under_way_before_has_no_onset() -> None:
    found = filling.find(TIMES, leak(at=-3600.0), limit=LIMIT, window=WINDOW)
    assert found is not None
    assert found.onset is None


@pytest.mark.parametrize(
    "values",
    [
        np.full(TIMES.size, 200.0),
        leak(top=300.0),
        np.where(TIMES > shop.ALERT_AT - 1200, 500.0, 200.0),
        350 + 150 * np.sin(np.arange(TIMES.size) / 9.0),
        leak()[::-1],
        np.full(TIMES.size, math.nan),
    ],
    ids=["steady", "far from its limit", "a jump", "up and down", "falling", "nothing"],
)
def test_what_does_not_rise_steadily_to_its_limit_does_not_fill_up(values: np.ndarray) -> None:
    assert filling.find(TIMES, values, limit=LIMIT, window=WINDOW) is None


def test_a_leak_is_evidence_of_memory_and_sets_the_onset_of_the_incident() -> None:
    pay = shop.service("payments")
    observations: list[Observation] = [
        Series(pay, "memory_usage", "bytes", TIMES, leak() * 2**20, "prometheus", limit=LIMIT * 2**20),
        Note(pay, "payments is out of memory", shop.ALERT_AT, "pagerduty"),
    ]
    found = detect(observations, WINDOW, subject=pay)
    told = next(one for one in found.evidence if one.direction is Direction.FOR)
    assert told.statement.startswith("payments memory rose steadily from 19")
    assert (told.cause_kinds, told.is_symptom) == ((CauseKind.MEMORY_SATURATION,), True)
    assert found.onset == told.onset
    # Without a limit nothing says that a rise is more than use.
    without: list[Observation] = [
        Series(pay, "memory_usage", "bytes", TIMES, leak() * 2**20, "prometheus"),
        observations[1],
    ]
    assert not [one for one in detect(without, WINDOW, subject=pay).evidence if "steadily" in one.statement]


@made.thorough
@given(values=arrays.arrays(np.float64, st.integers(0, 60), elements=made.any_floats), limit=made.any_floats)
def test_any_values_give_an_answer(values: np.ndarray, limit: float) -> None:
    times = np.linspace(START, shop.NOW, values.size)
    found = filling.find(times, values, limit=limit, window=WINDOW)
    assert found is None or all(math.isfinite(one) for one in (found.low, found.high, found.since, found.until))
