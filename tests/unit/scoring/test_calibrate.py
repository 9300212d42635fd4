"""What a raw confidence was worth, by what people accepted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import isotonic_regression

from scoring.calibrate import Bin, Judged, brier, expected_calibration_error, fit, reliability

from . import made

judged = st.lists(st.builds(Judged, confidence=made.shares, accepted=st.booleans()), max_size=120)


@made.thorough
@given(judged, made.shares, made.shares)
def test_the_map_is_monotone_and_stays_a_share(past: list[Judged], one: float, other: float) -> None:
    calibration = fit(past)
    less, more = sorted((one, other))
    assert 0.0 <= calibration.apply(less) <= calibration.apply(more) <= 1.0


@made.thorough
@given(
    st.lists(
        st.builds(Judged, confidence=made.shares, accepted=st.booleans()),
        min_size=30,
        max_size=90,
        unique_by=lambda j: j.confidence,
    )
)
def test_it_agrees_with_scipys_isotonic_regression(past: list[Judged]) -> None:
    past.sort()
    expected = isotonic_regression([float(one.accepted) for one in past]).x
    calibration = fit(past)
    assert [calibration.apply(one.confidence) for one in past] == pytest.approx(expected.tolist(), abs=1e-6)


def test_with_too_few_judged_the_raw_confidence_is_returned_and_labelled_so() -> None:
    calibration = fit([Judged(0.7, accepted=True)] * 29)
    assert not calibration.is_fitted
    assert calibration.apply(0.42) == 0.42
    assert calibration.label == "raw: 29 of the 30 judged incidents that calibration needs"


def test_with_enough_it_tells_what_was_accepted() -> None:
    past = [Judged(0.6, accepted=place % 2 == 0) for place in range(20)] + [Judged(0.8, accepted=True)] * 20
    calibration = fit(past)
    assert calibration.points == ((0.6, 0.5), (0.8, 1.0))
    assert [calibration.apply(raw) for raw in (0.1, 0.6, 0.7, 0.8, 0.9)] == [0.5, 0.5, 0.75, 1.0, 1.0]
    assert calibration.label == "calibrated on 40 judged incidents"
    assert fit(past, scope="global").label == "calibrated on 40 judged incidents of all tenants"


def test_more_confidence_with_less_acceptance_is_pooled() -> None:
    past = [Judged(0.5, accepted=True)] * 15 + [Judged(0.7, accepted=False)] * 15
    assert fit(past).points == ((0.5, 0.5), (0.7, 0.5))


def test_brier_is_the_mean_squared_distance() -> None:
    assert brier([Judged(1.0, accepted=True), Judged(0.5, accepted=False)]) == 0.125
    assert brier([]) is None


def test_the_reliability_table_and_its_error() -> None:
    past = [Judged(0.72, accepted=True), Judged(0.78, accepted=False), Judged(1.0, accepted=True)]
    assert reliability(past) == (Bin(0.7, 0.8, 2, 0.75, 0.5), Bin(0.9, 1.0, 1, 1.0, 1.0))
    assert expected_calibration_error(past) == pytest.approx(0.166667)
    assert expected_calibration_error([]) is None


def test_what_is_no_share_is_left_out() -> None:
    assert brier([Judged(float("nan"), accepted=True), Judged(1.5, accepted=True)]) is None
    with pytest.raises(ValueError, match="bins: must be 1 or more, got 0"):
        reliability([], bins=0)
