"""Numbers as people on call say them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.units import format_duration, format_lead, format_move, format_value

from . import made


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (2.4, "seconds", "2.4 s"),
        (0.18, "seconds", "180 ms"),
        (0.0124, "seconds", "12 ms"),
        (0.00004, "seconds", "40 µs"),
        (12.34, "seconds", "12.3 s"),
        (300.0, "seconds", "5 min"),
        (0.0, "seconds", "0 s"),
        (-0.5, "seconds", "-500 ms"),
        (0.12, "ratio", "12 %"),
        (0.002, "ratio", "0.2 %"),
        (0.999, "ratio", "99.9 %"),
        (1.0, "ratio", "100 %"),
        (0.0, "ratio", "0 %"),
        (412 * 2**20, "bytes", "412 MiB"),
        (1.5 * 2**30, "bytes", "1.5 GiB"),
        (900.0, "bytes", "900 B"),
        (3.2 * 2**20, "bytes/s", "3.2 MiB/s"),
        (120.0, "requests/s", "120/s"),
        (0.25, "cores", "0.25 cores"),
        (5.0, "count", "5"),
        (1234567.0, "count", "1,234,567"),
        (5.0, "", "5"),
        (7.0, "parsecs", "7 parsecs"),
        (math.nan, "seconds", "unknown"),
        (math.inf, "ratio", "unknown"),
    ],
)
def test_a_value_has_the_unit_that_people_use(value: float, unit: str, text: str) -> None:
    assert format_value(value, unit) == text


@pytest.mark.parametrize(
    ("value", "baseline", "unit", "limit", "text"),
    [
        (2.4, 0.18, "seconds", None, "2.4 s, was 180 ms (×13)"),
        (0.12, 0.002, "ratio", None, "12 %, was 0.2 %"),
        (5.0, 9.0, "count", 5.0, "5 of 5, was 9"),
        (30.0, 9.0, "count", 20.0, "30, was 9 (×3.3)"),
        (3.0, 0.0, "count", None, "3, was 0"),
        (110.0, 100.0, "requests/s", None, "110/s, was 100/s"),
    ],
)
def test_a_move_tells_now_before_and_how_many_times(
    value: float, baseline: float, unit: str, limit: float | None, text: str
) -> None:
    assert format_move(value, baseline, unit, limit=limit) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 s"), (45.0, "45 s"), (59.6, "1 min"), (360.0, "6 min"), (3600.0, "1 h"), (7500.0, "2 h 5 min"),
        (3 * 86400.0, "3 d"), (-45.0, "45 s"), (math.inf, "an unknown time"),
    ],
)  # fmt: skip
def test_a_duration_goes_to_the_unit_that_matters(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


def test_a_lead_tells_before_from_after() -> None:
    assert [format_lead(lead) for lead in (120.0, -40.0, 0.2)] == ["2 min before", "40 s after", "at"]


@made.thorough
@given(
    st.floats(), st.floats(), st.sampled_from(["seconds", "ratio", "bytes", "cores", "count", "requests/s", "", "x"])
)
def test_any_number_has_a_short_text(value: float, baseline: float, unit: str) -> None:
    assert 0 < len(format_move(value, baseline, unit)) < 90
