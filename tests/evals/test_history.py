"""Cases in order of time: what was confirmed in earlier ones lifts the same cause later, and nothing else leaks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from copilot.cli import main
from copilot.evaluation import cases, evaluation, history, solving, truth
from copilot.evaluation.solving import Solved
from scoring.evidence import CauseKind, Direction, Evidence, EvidenceKind
from scoring.observations import Entity, EntityKind
from scoring.similarity import signature
from tests.recorded_world import CALLS, FAULT_AT, metric_rows, write_case, write_rows

if TYPE_CHECKING:
    from pathlib import Path

    from copilot.evaluation.history import Replayed

PAY = {"root_cause_service": "pay", "fault_kind": "cpu_hog"}
# Both of what web needs are out of CPU in the same way: nothing in the case itself tells which one began it.
BOTH = {
    "web__lat_p95": (0.2, 2.0),
    "cart__cpu_m": (150.0, 1400.0),
    "pay__cpu_m": (150.0, 1400.0),
}


def torn_case(root: Path, name: str, *, day: int, **more: Any) -> None:
    at = FAULT_AT + 86_400 * day
    alert = {"service": "web", "summary": "web latency p95 is high", "time": at}
    folder = write_case(root, name, alert=alert, call_graph=CALLS, anomaly_time=at, truth=PAY, **more)
    rows = [row | {"timestamp": row["timestamp"] + 86_400 * day} for row in metric_rows(BOTH)]
    write_rows(folder, "metrics.csv.gz", rows)


def replayed(root: Path) -> Replayed:
    places = cases.find(root)
    solved = [one for one in evaluation.answer(places) if isinstance(one, Solved)]
    return history.replay(solved, places)


def places_by_case(found: Replayed) -> dict[str, int]:
    return {one.solved.case: one.place for one in found.graded}


def test_a_cause_confirmed_before_comes_first_the_next_time(tmp_path: Path) -> None:
    torn_case(tmp_path / "set", "a-later", day=2)
    torn_case(tmp_path / "set", "b-first", day=1)

    found = replayed(tmp_path)

    # Time decides what is earlier, not the name.
    assert places_by_case(found) == {"b-first": 2, "a-later": 1}
    assert (found.confirmed, found.preceded) == (2, 1)


def test_another_systems_history_does_not_count(tmp_path: Path) -> None:
    torn_case(tmp_path / "set", "first", day=1)
    torn_case(tmp_path / "set", "elsewhere", day=2, system="another shop")

    assert places_by_case(replayed(tmp_path)) == {"first": 2, "elsewhere": 2}


def test_what_began_at_the_same_moment_is_no_history(tmp_path: Path) -> None:
    torn_case(tmp_path / "set", "one", day=1)
    torn_case(tmp_path / "set", "other", day=1)

    assert places_by_case(replayed(tmp_path)) == {"one": 2, "other": 2}


def test_the_truth_of_a_case_is_opened_after_its_own_ranking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for day, name in enumerate(("one", "two", "three")):
        torn_case(tmp_path / "set", name, day=day)
    places = cases.find(tmp_path)
    solved = [one for one in evaluation.answer(places) if isinstance(one, Solved)]
    done: list[str] = []
    ranked, opened = solving.again, truth.read

    def again(one: Solved, precedents: Any) -> Any:
        done.append(f"rank {one.case}")
        return ranked(one, precedents)

    def read(place: cases.Place) -> Any:
        done.append(f"open {place.case}")
        return opened(place)

    monkeypatch.setattr(solving, "again", again)
    monkeypatch.setattr(truth, "read", read)
    history.replay(solved, places)

    assert done == ["rank one", "open one", "rank two", "open two", "rank three", "open three"]


def test_a_cause_that_was_not_on_the_list_is_no_precedent(tmp_path: Path) -> None:
    torn_case(tmp_path / "set", "one", day=1)
    (tmp_path / "set" / "cases" / "one" / "truth.json").write_text(json.dumps({"root_cause_service": "moon"}))
    torn_case(tmp_path / "set", "two", day=2)

    found = replayed(tmp_path)

    assert (found.confirmed, found.preceded) == (1, 0)


def test_the_figures_with_history_stand_beside_those_without(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for day in range(4):
        torn_case(tmp_path / "set", f"case-{day}", day=day)

    assert main(["eval", str(tmp_path), "--json"]) == 0

    found = json.loads(capsys.readouterr().out)
    row = found["set"]["set"]
    assert (row["ac1"], row["with_history"]["ac1"]) == (0.0, 0.75)
    assert found["history"] == {"cases": 4, "confirmed": 4, "with_precedents": 3, "lifted": 3, "lowered": 0}


def test_a_signature_is_what_speaks_for_a_fault() -> None:
    def item(indicator: str, direction: Direction, kind: EvidenceKind = EvidenceKind.METRIC) -> Evidence:
        return Evidence("E1", kind, Entity(EntityKind.POD, "cart-1", "", "cart"), indicator, "it is", 0.5, direction, "x",
                        cause_kinds=(CauseKind.BAD_DEPLOY,))  # fmt: skip

    found = signature(
        [
            item("cpu_usage", Direction.FOR),
            item("steady", Direction.AGAINST),
            item("v2", Direction.FOR, EvidenceKind.CHANGE),
        ]
    )

    assert found == {("cart", "cpu_usage")}
