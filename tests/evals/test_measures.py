"""What the evaluation counts: places of the truth, kinds, commits, chance, calibration, and quiet windows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.evaluation import constants
from copilot.evaluation.calibration import calibration
from copilot.evaluation.measures import Graded, Quiet, grade, measure, random_ranking
from copilot.evaluation.solving import Entry, Solved
from copilot.evaluation.truth import Truth


def solved(
    *names: str,
    label: str | None = None,
    kinds: tuple[str, ...] = (),
    confidence: float = 0.5,
    commit: str | None = None,
) -> Solved:
    entries = tuple(
        Entry(name, "cpu saturation", label, commit, f"{name}__cpu", confidence, 0.4, 0.6) for name in names
    )
    return Solved("set", "case", "shop", "possible causes", 0.1, 0.2, entries, len(names), 0, kinds, True)


def graded(*names: str, wanted: str, confidence: float = 0.5) -> Graded:
    return grade(solved(*names, confidence=confidence), Truth(wanted, None, "", None))


def test_the_place_of_the_truth_gives_the_shares() -> None:
    found = measure([graded("a", "b", "c", wanted="a"), graded("a", "b", "c", wanted="c"), graded("a", "b", "c", wanted="x"),
                     graded("a", "b", "c", "d", wanted="d")])  # fmt: skip
    assert (found["ac1"], found["ac3"]) == (0.25, 0.5)
    assert found["avg5"] == pytest.approx((0.25 + 0.25 + 0.5 + 0.75 + 0.75) / 5)
    assert found["mrr"] == pytest.approx((1 + 1 / 3 + 0 + 1 / 4) / 4)


def test_an_entity_named_twice_takes_one_place() -> None:
    assert graded("a", "a", "b", wanted="b").place == 2


def test_kind_is_right_only_with_the_entity() -> None:
    kinds = ("cpu_hog", "memory_leak")
    right = grade(solved("a", "b", label="cpu_hog", kinds=kinds), Truth("a", None, "cpu_hog", None))
    other = grade(solved("a", "b", label="cpu_hog", kinds=kinds), Truth("b", None, "cpu_hog", None))
    unknown = grade(solved("a", "b", label="cpu_hog", kinds=kinds), Truth("a", None, "moonlight", None))
    assert (right.kind_right, other.kind_right, unknown.kind_right) == (True, False, None)


def test_where_commits_are_given_the_commit_decides() -> None:
    right = grade(solved("a", commit="none"), Truth("b", None, "", "none"))
    assert (right.right, right.place) == (True, 0)


@given(st.integers(min_value=1, max_value=80))
def test_chance_is_what_a_uniform_order_reaches(size: int) -> None:
    found = random_ranking([size])
    places = range(1, size + 1)
    for depth, name in ((1, "ac1"), (3, "ac3")):
        assert found[name] == pytest.approx(sum(place <= depth for place in places) / size)
    assert found["avg5"] == pytest.approx(sum(sum(place <= k for place in places) / size for k in range(1, 6)) / 5)


def test_calibration_never_maps_a_case_by_itself() -> None:
    # Confidence tells nothing here: half of each is right. A map that had seen its own case would look better than chance.
    pairs = [
        graded("a", "b", wanted="a" if number % 2 else "b", confidence=0.3 + 0.001 * number) for number in range(100)
    ]
    pairs = [
        Graded(replace(one.solved, case=f"case-{number:03}"), one.truth, one.place, None, None, None)
        for number, one in enumerate(pairs)
    ]
    found = calibration(pairs)
    assert found["brier_base"] == pytest.approx(0.25)
    assert found["brier"] >= 0.24


def test_a_system_left_out_is_mapped_by_the_others_alone() -> None:
    # What is always right here is never right there: who knew one system only would be wholly wrong about the other.
    pairs = [
        Graded(replace(one.solved, case=f"{system}-{number:03}", system=system), one.truth, one.place, None, None, None)
        for system, wanted in (("here", "a"), ("there", "b"))
        for number in range(40)
        for one in [graded("a", "b", wanted=wanted, confidence=0.8)]
    ]
    found = calibration(pairs)
    assert found["brier"] == pytest.approx(0.25, abs=0.01)
    out = found["systems_out"]
    assert (out["brier"], out["better_than_base"], out["ece"]) == (1.0, -3.0, 1.0)
    assert out["systems"]["set · here"] == {
        "cases": 40,
        "right": 1.0,
        "said": 0.0,
        "brier": 1.0,
        "brier_base": 1.0,
        "ece": 1.0,
    }


def test_one_system_alone_cannot_be_left_out() -> None:
    assert calibration([graded("a", wanted="a")])["systems_out"] is None


def test_the_numbers_that_people_set_are_counted() -> None:
    found = constants.count()
    # Five weights, two ends of an interval, and how many decimals are kept.
    assert found["confidence"] == 8
    assert "observations" not in found


def test_no_fault_seen_has_a_precision_and_a_recall(tmp_path: Path) -> None:
    found = Quiet(windows=20, said=18, wrongly=2)
    assert (found.precision, found.recall) == (0.9, 0.9)
    assert Quiet(0, 0, 0).precision is None
