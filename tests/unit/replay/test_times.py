"""How times in answers move."""

import pytest

from copilot.replay.times import line_time, moved, unix


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("2026-11-03T14:02:00Z", "2026-11-03T15:02:00Z"),
        ("2026-11-03T14:02:00.123456789Z", "2026-11-03T15:02:00.123456789Z"),
        ("2026-12-31T23:30:00+02:00", "2027-01-01T00:30:00+02:00"),
        (
            '{"a": "2026-11-03T14:02:00Z", "b": ["2026-11-03T23:59:59Z"]}',
            '{"a": "2026-11-03T15:02:00Z", "b": ["2026-11-04T00:59:59Z"]}',
        ),
        ("2026-11-03 14:02:00 is no time of an API", "2026-11-03 14:02:00 is no time of an API"),
        ("2026-99-03T14:02:00Z", "2026-99-03T14:02:00Z"),
    ],
)
def test_every_rfc_3339_time_moves_and_keeps_its_form(before: str, after: str) -> None:
    assert moved(before, 3600) == after


def test_there_and_back_again_is_the_same_text() -> None:
    text = "2024-02-28T23:59:59Z and 2024-02-29T00:00:00.5+05:30"

    assert moved(moved(text, 86_401), -86_401) == text


def test_a_log_lines_time_is_its_first_word() -> None:
    assert line_time("2026-11-03T14:02:00.250000000Z ERROR no") == 1_793_714_520.0
    assert line_time("ERROR at 2026-11-03T14:02:00Z") is None


def test_a_time_parameter_is_seconds_or_rfc_3339() -> None:
    assert unix("1793714520.5") == 1_793_714_520.5
    assert unix("2026-11-03T14:02:00Z") == 1_793_714_520.0
    with pytest.raises(ValueError, match="noon"):
        unix("noon")
