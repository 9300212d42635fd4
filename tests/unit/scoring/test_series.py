"""How far an indicator left its baseline: what the numbers must obey, and some days as they come."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from scoring.observations import Window, Worse
from scoring.series import RELATIVE_FLOOR, Shift, clean, examine, lowest_of_each, rate

from . import made

# An hour of minutes; the alert fires at minute 50.
WINDOW = Window(start=0.0, end=3600.0, alert_at=3000.0)
TIMES = np.arange(0.0, 3600.0, 60.0)
seeds = st.integers(0, 10_000)


def noise(seed: int, size: int = TIMES.size) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(size)


def stepped(seed: int, *, level: float = 100.0, spread: float = 10.0, jump: float, at: int = 45) -> np.ndarray:
    values = level + spread * noise(seed)
    values[at:] += jump
    return values


def look(values: np.ndarray, times: np.ndarray = TIMES, **how: object) -> Shift:
    shift = examine(times, values, window=WINDOW, **how)  # type: ignore[arg-type]
    assert shift is not None
    return shift


@settings(made.thorough, max_examples=200)
@given(seeds, st.floats(0, 500), st.floats(1e-6, 1e6))
def test_strength_does_not_depend_on_the_unit(seed: int, jump: float, factor: float) -> None:
    values = stepped(seed, jump=jump)
    assert look(values * factor).strength == pytest.approx(look(values).strength, rel=1e-6)


@settings(made.thorough, max_examples=200)
@given(seeds, st.floats(0, 500), st.floats(0, 100))
def test_strength_does_not_depend_on_the_level_while_noise_is_above_the_floor(
    seed: int, jump: float, lift: float
) -> None:
    values = stepped(seed, jump=jump)
    # The floor is a share of the level: a constant series would shout without it. Where noise decides, level does not.
    assume(look(values).spread > RELATIVE_FLOOR * 200 * 1.01)
    assert look(values + lift).strength == pytest.approx(look(values).strength, rel=1e-6)


@settings(made.thorough, max_examples=200)
@given(seeds, st.floats(0, 1000), st.floats(0, 1000))
def test_strength_grows_with_the_deviation(seed: int, one: float, other: float) -> None:
    less, more = sorted((one, other))
    assert look(stepped(seed, jump=less)).strength <= look(stepped(seed, jump=more)).strength + 1e-12


@settings(made.thorough, max_examples=200)
@given(st.floats(-1e9, 1e9), st.sampled_from(Worse), st.booleans())
def test_a_flat_series_has_no_strength(level: float, worse: Worse, counter: bool) -> None:
    assert look(np.full(TIMES.shape, level), worse=worse, counter=counter).strength == 0.0


@settings(made.thorough, max_examples=200)
@given(seeds, st.integers(0, 59), st.floats(-1e9, 1e9))
def test_one_outlier_of_sixty_stays_below_a_half(seed: int, place: int, outlier: float) -> None:
    values = 100.0 + 10.0 * noise(seed)
    without = look(values).strength
    values[place] = outlier
    assert look(values, worse=Worse.EITHER).strength < 0.5 or without >= 0.5


@settings(made.thorough, max_examples=200)
@given(st.floats(1.0, 1e6), st.integers(0, 59), st.floats(0, 1e9))
def test_one_outlier_in_a_constant_series_counts_for_nothing(level: float, place: int, outlier: float) -> None:
    values = np.full(TIMES.shape, level)
    values[place] = outlier
    assert look(values, worse=Worse.EITHER).strength == 0.0


@settings(made.thorough, max_examples=200)
@given(seeds, st.floats(-1e9, 1e9))
def test_moving_all_times_moves_the_onset_and_nothing_else(seed: int, later: float) -> None:
    later = float(round(later))
    values = stepped(seed, jump=100.0)
    moved = Window(later, 3600.0 + later, 3000.0 + later)
    here = look(values)
    there = examine(TIMES + later, values, window=moved)
    assert there is not None
    assert (there.strength, there.deviation, there.value) == (here.strength, here.deviation, here.value)
    assert here.onset is not None
    assert there.onset == here.onset + later


@settings(made.thorough, max_examples=200)
@given(seeds, st.permutations(range(60)))
def test_the_order_in_which_samples_come_does_not_matter(seed: int, order: list[int]) -> None:
    values = stepped(seed, jump=80.0)
    shuffled = look(values[order], TIMES[order])
    assert (shuffled.strength, shuffled.onset) == (look(values).strength, look(values).onset)


@settings(made.thorough, max_examples=200)
@given(st.lists(st.floats(), max_size=80), st.lists(st.floats(), max_size=80), st.sampled_from(Worse), st.booleans())
def test_any_numbers_give_a_finite_answer_or_none(
    times: list[float], values: list[float], worse: Worse, counter: bool
) -> None:
    shift = examine(np.array(times), np.array(values), window=WINDOW, worse=worse, counter=counter)
    assert shift is None or (
        0.0 <= shift.strength <= 1.0 and np.isfinite([shift.value, shift.baseline, shift.deviation]).all()
    )


@settings(made.thorough, max_examples=200)
@given(st.lists(st.one_of(st.floats(-1e12, 1e12), st.just(np.nan), st.just(np.inf)), min_size=60, max_size=60))
def test_any_values_at_good_times_give_a_finite_answer(values: list[float]) -> None:
    shift = examine(TIMES, np.array(values), window=WINDOW)
    assert shift is None or (
        0.0 <= shift.strength <= 1.0 and np.isfinite([shift.value, shift.baseline, shift.deviation]).all()
    )


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=60), st.integers(1, 60))
def test_the_lowest_of_each_run_is_that_of_all_its_values(values: list[float], length: int) -> None:
    length = min(length, len(values))
    wanted = [min(values[place : place + length]) for place in range(len(values) - length + 1)]
    assert lowest_of_each(np.array(values), length).tolist() == wanted


def test_it_dates_the_onset_to_the_first_sample_of_the_new_level() -> None:
    assert look(stepped(1, jump=300.0, at=45)).onset == TIMES[45]


def test_it_tells_the_old_and_the_new_level() -> None:
    values = np.where(TIMES < 2700, 0.18, 2.4)
    shift = look(values)
    assert (shift.baseline, shift.value, shift.sustained) == (0.18, 2.4, 1.0)


def test_it_finds_a_move_from_a_constant_baseline_of_zero() -> None:
    assert look(np.where(TIMES < 2700, 0.0, 0.12), floor=0.002).strength > 0.9


def test_a_move_of_two_percent_from_a_constant_baseline_is_nothing() -> None:
    assert look(np.where(TIMES < 2700, 100.0, 102.0)).strength == 0.0


def test_a_fall_counts_only_where_low_is_bad() -> None:
    values = stepped(2, jump=-90.0)
    assert look(values, worse=Worse.HIGH).strength == 0.0
    assert look(values, worse=Worse.LOW).strength > 0.5
    assert look(values, worse=Worse.EITHER).strength == look(values, worse=Worse.LOW).strength


def test_it_sees_that_a_departure_is_over() -> None:
    values = 100.0 + noise(3)
    values[45:52] = 400.0
    shift = look(values)
    assert shift.onset == TIMES[45]
    assert shift.last == TIMES[51]
    assert shift.recovered == pytest.approx(100.0, abs=2.0)


def test_a_departure_that_lasts_has_not_recovered() -> None:
    assert look(stepped(3, jump=300.0)).recovered is None


def test_it_prefers_the_departure_at_the_alert_to_an_earlier_longer_one() -> None:
    values = 100.0 + noise(4)
    values[5:20] = 400.0
    values[47:] = 400.0
    assert look(values).onset == TIMES[47]


def test_a_departure_that_the_quiet_time_knows_says_less_than_one_it_does_not() -> None:
    known = 100.0 + noise(4)
    known[47:] = 400.0
    unknown = look(known)
    known[5:20] = 400.0
    # What the quiet time held for as long is just away: three spreads.
    assert look(known).deviation == pytest.approx(3.0, abs=0.05)
    assert look(known).strength < 0.5 * unknown.strength


def test_a_spike_in_the_quiet_time_takes_nothing_from_a_departure_that_lasts() -> None:
    values = 100.0 + noise(4)
    values[47:] = 400.0
    without = look(values).deviation
    values[20] = 4000.0
    assert look(values).deviation == pytest.approx(without, rel=0.1)


def test_what_was_over_long_before_the_alert_is_no_departure() -> None:
    values = 100.0 + noise(4)
    values[5:15] = 400.0
    assert look(values).onset is None
    values[5:15], values[30:40] = 100.0, 400.0
    assert look(values).onset == TIMES[30]


def test_a_counter_is_read_as_its_rate_and_a_reset_is_no_fall() -> None:
    counts = np.cumsum(np.full(60, 120.0))
    counts[30:] -= counts[29]
    times, rates = rate(TIMES, counts)
    assert times.size == 59
    assert rates.tolist() == [2.0] * 59


def test_a_gap_in_a_counter_does_not_look_like_a_burst() -> None:
    counts, kept = np.cumsum(np.full(60, 120.0)), np.r_[0:20, 35:60]
    shift = examine(TIMES[kept], counts[kept], window=WINDOW, counter=True)
    assert shift is not None
    assert shift.strength == 0.0


def test_one_restart_is_enough_where_each_happening_counts() -> None:
    restarts = np.where(TIMES < 2800, 3.0, 4.0)
    assert look(restarts, counter=True, event=True).onset == 2820.0
    assert look(restarts, counter=True).onset is None


def test_a_short_history_weakens_what_is_said() -> None:
    values = np.where(TIMES < 2700, 0.18, 2.4)
    assert look(values[38:], TIMES[38:]).strength < look(values).strength


def test_fewer_than_four_samples_say_nothing() -> None:
    assert examine(TIMES[:3], np.ones(3), window=WINDOW) is None


def test_it_drops_what_is_no_number_and_joins_samples_of_one_moment() -> None:
    times, values = clean(
        np.array([120.0, 0.0, 60.0, 60.0, np.nan, 180.0, 240.0]), np.array([5.0, 1.0, 2.0, 4.0, 9.0, np.inf, np.nan])
    )
    assert (times.tolist(), values.tolist()) == ([0.0, 60.0, 120.0], [1.0, 3.0, 5.0])


def test_samples_outside_the_window_are_left_out() -> None:
    times, _ = clean(np.array([-60.0, 0.0, 3600.0, 3660.0]), np.ones(4), WINDOW)
    assert times.tolist() == [0.0, 3600.0]


def test_an_outlier_beside_a_chance_sample_is_as_far_out_as_the_chance_sample() -> None:
    values = np.full(60, 100.0) + np.tile([1.0, -1.0], 30)
    values[40:42] = 115.0, 175.0
    shift = look(values)

    assert shift.onset == 40 * 60.0
    assert shift.deviation == pytest.approx(5.0, abs=0.5)


def test_one_value_that_sums_up_many_measurements_is_a_departure_and_a_weaker_one_than_two() -> None:
    values = np.full(60, 100.0) + np.tile([1.0, -1.0], 30)
    values[55] = 300.0
    counts = np.full(60, 10.0)
    alone = look(values, counts=counts)
    values[56] = 300.0
    both = look(values, counts=counts)

    assert look(values[:56], times=TIMES[:56]).onset is None
    assert look(values[:56], times=TIMES[:56], counts=np.full(56, 9.0)).onset is None
    assert (alone.onset, alone.alone) == (55 * 60.0, True)
    assert (both.onset, both.alone) == (55 * 60.0, False)
    assert 0.5 < alone.strength < both.strength
