"""The charts of decisive series."""

from __future__ import annotations

import io
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from scoring.evidence import Plot
from slackbot import charts
from tests.unit.slackbot import briefings


def picture(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png)).convert("RGB")


def count(png: bytes, colour: str) -> int:
    """How many pixels are nearly of a colour."""
    wanted = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)])
    pixels = np.asarray(picture(png), dtype=np.int64)
    return int((np.abs(pixels - wanted) < 24).all(axis=2).sum())


def test_a_chart_shows_the_line_its_onset_and_its_usual_range() -> None:
    drawn = charts.draw(briefings.POOL)
    assert picture(drawn.png).size == (1040, 416)
    assert drawn.title == "E3 payments: pool utilisation"
    assert count(drawn.png, charts.LINE) > 800
    assert count(drawn.png, charts.ONSET) > 300
    assert count(drawn.png, charts.BAND) > 5000
    assert briefings.POOL.plot is not None
    bare = replace(briefings.POOL.plot, onset=None, baseline=None, baseline_low=None, baseline_high=None)
    without = charts.draw(replace(briefings.POOL, plot=bare))
    assert count(without.png, charts.ONSET) == 0
    assert count(without.png, charts.BAND) < 5000


def test_the_alt_text_says_what_the_chart_shows() -> None:
    assert charts.draw(briefings.LATENCY).alt_text == (
        "Line chart of p95 latency of checkout over 58 min, ending 2026-11-20 14:08 UTC."
        " From 0.169 s to 2.54 s, last 2.53 s. Baseline 0.18 s. It left its baseline at 2026-11-20 14:00 UTC."
    )


def test_equal_evidence_gives_equal_bytes() -> None:
    assert charts.draw(briefings.ERRORS).png == charts.draw(replace(briefings.ERRORS)).png


@pytest.mark.parametrize(
    ("unit", "largest", "value", "said"),
    [
        ("seconds", 0.4, 0.18, "180 ms"),
        ("seconds", 2.4, 2.4, "2.4 s"),
        ("seconds", 1200, 900, "15 min"),
        ("ratio", 0.5, 0.061, "6.1 %"),
        ("bytes", 3 * 1024**3, 1.5 * 1024**3, "1.5 GiB"),
        ("bytes/s", 2048, 1024, "1 KiB/s"),
        ("requests/s", 900, 450, "450 requests/s"),
        ("count", 12, 7, "7"),
        ("cores", 0.9, 0.25, "0.25 cores"),
    ],
)
def test_values_are_told_in_units_that_people_read(unit: str, largest: float, value: float, said: str) -> None:
    assert charts.scale_for(unit, largest).words(value) == said


def test_marks_of_time_are_round_and_few() -> None:
    assert charts.ticks(1000.0, 4600.0) == [1200.0, 1800.0, 2400.0, 3000.0, 3600.0, 4200.0]
    assert charts.ticks(1000.0, 1060.0) == [1000.0, 1010.0, 1020.0, 1030.0, 1040.0, 1050.0, 1060.0]
    assert charts.ticks(1001.0, 1001.0) == [1001.0]
    assert len(charts.ticks(0.0, 1e8)) <= 8


def test_evidence_without_numbers_is_not_drawn() -> None:
    nothing = Plot((1.0, 2.0), (math.nan, math.inf), "seconds")
    with pytest.raises(ValueError, match="evidence E1 has no series to draw"):
        charts.draw(replace(briefings.LATENCY, plot=nothing))
    assert charts.alt_text(replace(briefings.LATENCY, plot=nothing)) == "p95 latency of checkout: no values."


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.floats(-1e12, 1e12) | st.sampled_from([math.nan, math.inf]), min_size=1, max_size=60),
    st.sampled_from(["seconds", "ratio", "bytes", "$x^2$", "", "個"]),
    st.text(max_size=30),
)
def test_any_series_with_a_number_can_be_drawn(values: list[float], unit: str, name: str) -> None:
    times = tuple(briefings.ONSET + 30 * place for place in range(len(values)))
    evidence = replace(
        briefings.LATENCY,
        indicator=name,
        entity=replace(briefings.CHECKOUT, name=f"$a_b {name}"),
        plot=Plot(times, tuple(values), unit, baseline=0.0, baseline_low=-1.0, baseline_high=1.0, onset=times[0]),
    )
    if any(math.isfinite(value) for value in values):
        assert charts.draw(evidence).png.startswith(b"\x89PNG")
