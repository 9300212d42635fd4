"""Vendors' JSON is read leniently where something is absent, and refused clearly where it is broken."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations import payload
from integrations.base import BadPayload


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("2026-11-20T10:00:00Z", 1795168800.0),
        ("2026-11-20T10:00:00.434234183Z", 1795168800.434234),
        ("2026-11-20T11:00:00+01:00", 1795168800.0),
        ("2026-11-20T11:00:00+0100", 1795168800.0),
        ("2026-11-20 10:00:00 Z", 1795168800.0),
        ("2026-11-20T10:00:00", 1795168800.0),
        ("2026-11-20T10:00Z", 1795168800.0),
        (1795168800, 1795168800.0),
        ("1795168800.5", 1795168800.5),
        ("0001-01-01T00:00:00Z", None),
        ("2026-02-30T10:00:00Z", None),
        ("2026-11-20", None),
        ("20261120T100000Z", None),
        ("now", None),
        ("", None),
        (True, None),
        (0, None),
        (-5, None),
        (1e300, None),
        (float("inf"), None),
        (10**400, None),
        (None, None),
        ([], None),
    ],
)
def test_times_are_unix_seconds(value: object, seconds: float | None) -> None:
    assert payload.seconds(value) == seconds


@given(st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(9999, 12, 30)))  # noqa: DTZ001
def test_every_time_that_is_written_is_read_again(moment: datetime) -> None:
    aware = moment.replace(tzinfo=UTC)
    assert payload.seconds(aware.isoformat()) == aware.timestamp()


@pytest.mark.parametrize(
    ("value", "whole"),
    [
        (7, 7),
        ("7", 7),
        (" 7 ", 7),
        (7.0, 7),
        (-7, -7),
        (7.5, None),
        ("7.5", None),
        ("seven", None),
        (True, None),
        (2**70, None),
        ("²", None),
    ],
)
def test_whole_numbers_may_be_texts(value: object, whole: int | None) -> None:
    assert payload.whole({"n": value}, "n") == whole


def test_texts_are_fit_for_any_store() -> None:
    assert payload.text({"a": " x\x00y\ud800 "}, "a") == "xy?"
    assert payload.text({"a": "", "b": 5}, "a", "b") == "5"
    assert payload.text({"a": True, "b": None, "c": []}, "a", "b", "c") == ""
    assert payload.text(None, "a") == ""
    assert payload.text({"a": 10**5000}, "a") == ""


def test_labels_keep_what_is_flat() -> None:
    assert payload.texts({"a": "x", "b": 2.5, "c": True, "d": {}, "e": None, "f\x00": "y"}) == {
        "a": "x",
        "b": "2.5",
        "c": "true",
        "f": "y",
    }
    assert payload.texts([1]) == {}


def test_parts_leave_out_what_is_no_object() -> None:
    assert payload.parts({"a": [{"x": 1}, 2, None, {}]}, "a") == [{"x": 1}, {}]
    assert payload.parts({"a": "text"}, "a") == []
    assert payload.part({"a": []}, "a") == {}


@pytest.mark.parametrize(
    ("address", "link"),
    [
        ("https://ci.test/1", "https://ci.test/1"),
        ("HTTP://ci.test", "HTTP://ci.test"),
        ("javascript:alert(1)", ""),
        ("https://ci.test/a b", ""),
        ("https://ci.test/|<b>", ""),
        ("ci.test", ""),
        (7, ""),
    ],
)
def test_links_are_addresses(address: object, link: str) -> None:
    assert payload.link({"url": address}, "url") == link


def test_the_first_good_link_counts() -> None:
    assert payload.link({"a": "", "b": "https://b.test"}, "a", "b") == "https://b.test"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "null"),
        (True, "true"),
        ({}, "an object"),
        ([1], "a list"),
        ("a\nb", r"'a\nb'"),
        ("x" * 200, "'" + "x" * 78 + "…"),
    ],
)
def test_values_are_shown_short_and_on_one_line(value: object, shown: str) -> None:
    assert payload.shown(value) == shown


def test_a_time_that_is_there_must_be_one() -> None:
    assert payload.given_time({}, "at", "at", default=5.0) == 5.0
    assert payload.given_time({"at": None}, "at", "at", default=5.0) == 5.0
    with pytest.raises(BadPayload, match=r"`event\.at` must be an RFC 3339 time or Unix seconds, got ''"):
        payload.given_time({"at": ""}, "at", "event.at", default=5.0)


def test_times_are_written_in_utc() -> None:
    assert payload.iso(1795168800.9) == "2026-11-20T10:00:00Z"
