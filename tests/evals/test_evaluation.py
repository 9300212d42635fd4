"""`copilot eval` runs recorded cases through the code of a live run and is honest about what it measures."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from copilot.cli import main
from copilot.evaluation import cases, evaluation, solving, truth
from copilot.evaluation.solving import Solved
from integrations import recorded
from tests.recorded_world import shop_case, write_case, write_json

CART = {"root_cause_service": "cart", "root_cause_metric": "cart__cpu_m", "fault_kind": "cpu_hog"}


def test_the_slow_cart_is_found_behind_the_slow_web(tmp_path: Path) -> None:
    (place,) = cases.find(shop_case(tmp_path / "set", truth=CART))
    answer = solving.solve(place)
    first = answer.entries[0]
    assert (first.entity, first.cause_kind, first.indicator) == ("cart", "cpu saturation", "cart__cpu_m")
    assert {one.entity for one in answer.entries} == {"web", "cart", "pay"}


def test_the_truth_is_not_opened_until_all_rankings_are_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "world"
    for number in range(3):
        shop_case(root / "set", f"case-{number}", truth=CART)
    places = cases.find(root)
    opened: list[str] = []
    really = Path.open

    def watch(self: Path, *arguments: object, **more: object) -> object:
        opened.append(self.name)
        return really(self, *arguments, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", watch)
    monkeypatch.setattr(truth, "read", lambda place: pytest.fail(f"{place.case}: the truth was opened"))
    answers = list(evaluation.answer(places))
    list(evaluation.watch(places))
    assert len(answers) == 3
    assert opened
    assert not [name for name in opened if "truth" in name]


def test_the_rankings_are_written_where_no_truth_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "world"
    shop_case(root / "set")
    out = tmp_path / "rankings.jsonl"
    assert main(["eval", str(root), "--rankings", str(out)]) == 0
    (line,) = map(json.loads, out.read_text(encoding="utf-8").splitlines())
    assert list(line) == ["set", "case", "verdict", "seconds", "ranking"]
    assert (line["set"], line["case"]) == ("set", "case-1")
    assert list(line["ranking"][0]) == [
        "entity",
        "cause_kind",
        "label",
        "commit",
        "indicator",
        "confidence",
        "low",
        "high",
    ]
    assert line["ranking"][0]["commit"] is None
    assert "nothing is measured" in capsys.readouterr().out


def test_without_truth_and_without_a_file_for_rankings_it_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shop_case(tmp_path / "world" / "set")
    assert main(["eval", str(tmp_path / "world")]) == 1
    assert "--rankings FILE" in capsys.readouterr().err


def test_the_measures_for_machines_hold_each_set_system_and_kind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "world"
    shop_case(root / "rcd-sockshop", truth=CART)
    assert main(["eval", str(root), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    row = found["set"]["rcd-sockshop"]
    assert (row["cases"], row["ac1"], row["kind"], row["indicator"]) == (1, 1.0, 1.0, 1.0)
    assert row["random"]["ac1"] == pytest.approx(1 / 3)
    assert list(found["kind"]) == ["rcd-sockshop · cpu_hog"]
    assert found["healthy"]["windows"] == 1
    assert "BARO" in found["peers"]["rcd-sockshop"]


def test_the_tables_name_the_sets_and_the_peers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "world"
    shop_case(root / "petshop", truth=CART)
    assert main(["eval", str(root)]) == 0
    out = capsys.readouterr().out
    assert "petshop · shop" in out
    assert "peers on petshop: BARO .15/.27/.25" in out
    assert "healthy windows: 1" in out


def test_the_reliability_is_drawn(tmp_path: Path) -> None:
    root, picture = tmp_path / "world", tmp_path / "reliability.png"
    shop_case(root / "set", truth=CART)
    assert main(["eval", str(root), "--json", "--plot", str(picture)]) == 0
    body = picture.read_bytes()
    assert body.startswith(b"\x89PNG")
    assert struct.unpack(">II", body[16:24]) == (1080, 1080)


def test_a_picture_that_cannot_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "world"
    shop_case(root / "set", truth=CART)
    assert main(["eval", str(root), "--plot", str(tmp_path / "nowhere" / "one.png")]) == 2
    assert "--plot" in capsys.readouterr().err


def test_a_case_is_explained_with_its_evidence_and_factors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "world"
    shop_case(root / "set", truth=CART)
    assert main(["eval", str(root), "--explain", "case-1"]) == 0
    out = capsys.readouterr().out
    assert "1. cart: cpu saturation" in out
    for factor in (
        "signal strength",
        "temporal correlation",
        "precedent frequency",
        "evidence quality",
        "human validation",
    ):
        assert factor in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--set", "nothing"], "known: set"), (["--explain", "case-9"], "there is no case 'case-9'")],
)
def test_what_is_not_there_is_told_with_what_is(
    tmp_path: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "world"
    shop_case(root / "set")
    assert main(["eval", str(root), *arguments]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("layout", ["set/cases/one", "set/one", "one"])
def test_cases_are_found_however_deep_they_lie(tmp_path: Path, layout: str) -> None:
    made = shop_case(tmp_path / "elsewhere", "one")
    home = tmp_path / "world" / layout
    home.parent.mkdir(parents=True)
    made.rename(home)

    (place,) = cases.find(tmp_path / "world")

    assert (place.set, place.case) == ("set" if "set" in layout else "world", "one")
    assert cases.find(home.parent) == (place,)
    assert cases.find(home) == (place,)


def test_where_no_truth_is_no_time_is_spent_on_healthy_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop_case(tmp_path / "set")
    monkeypatch.setattr(recorded, "quiet", lambda _: pytest.fail("a healthy window was looked at"))
    assert main(["eval", str(tmp_path), "--rankings", str(tmp_path / "rankings.jsonl")]) == 0


def test_the_tables_are_written_between_the_marks_of_a_document(tmp_path: Path) -> None:
    shop_case(tmp_path / "world" / "petshop", truth=CART)
    document = tmp_path / "ranking.md"
    document.write_text("# Before\n\n<!-- eval -->\nold\n<!-- /eval -->\n\nafter\n", encoding="utf-8")

    for _ in range(2):
        assert main(["eval", str(tmp_path / "world"), "--json", "--markdown", str(document)]) == 0

    text = document.read_text(encoding="utf-8")
    assert text.startswith("# Before\n\n<!-- eval -->\n\n| set | cases | AC@1 |")
    assert text.endswith("\n\n<!-- /eval -->\n\nafter\n")
    assert "| petshop | 1 | 1.00 | 1.00 | 1.00 |" in text
    assert "BARO" in text
    assert "old" not in text


def test_a_document_without_marks_is_left_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shop_case(tmp_path / "world" / "set", truth=CART)
    document = tmp_path / "ranking.md"
    document.write_text("# Nothing", encoding="utf-8")

    assert main(["eval", str(tmp_path / "world"), "--markdown", str(document)]) == 2

    assert "expected one <!-- eval -->" in capsys.readouterr().err
    assert document.read_text(encoding="utf-8") == "# Nothing"


def test_a_folder_without_cases_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", str(tmp_path)]) == 2
    assert "holds no recorded case" in capsys.readouterr().err


def test_a_broken_case_is_told_and_the_rest_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "world"
    shop_case(root / "set", "case-1", truth=CART)
    (write_case(root / "set", "case-2", truth=CART) / "case.json").write_text("{", encoding="utf-8")
    assert main(["eval", str(root), "--json"]) == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out)["set"]["set"]["cases"] == 1
    assert "case-2" in captured.err


def test_a_limit_takes_cases_evenly(tmp_path: Path) -> None:
    root = tmp_path / "world"
    for number in range(9):
        write_case(root / "set", f"case-{number}")
    assert [one.case for one in cases.find(root, limit=3)] == ["case-0", "case-3", "case-6"]


def test_two_processes_give_what_one_gives(tmp_path: Path) -> None:
    root = tmp_path / "world"
    for number in range(4):
        shop_case(root / "set", f"case-{number}")
    places = cases.find(root)
    one, two = (
        [answer.entries for answer in evaluation.answer(places, jobs=jobs) if isinstance(answer, Solved)]
        for jobs in (1, 2)
    )
    assert one == two


def test_a_case_with_commits_names_a_commit_or_none(tmp_path: Path) -> None:
    folder = shop_case(tmp_path / "set")
    write_json(
        folder,
        "commits.json.gz",
        [{"sha": "ab" * 20, "message": "cart: poll harder", "timestamp": "2023-11-14T22:00:00Z"}],
    )
    write_json(
        folder,
        "deploys.json.gz",
        [{"timestamp": "2023-11-14T22:12:00Z", "service": "cart", "commit_sha": "ab" * 20, "version": "v7"}],
    )
    answer = solving.solve(cases.find(folder)[0])
    assert answer.entries[0].commit == "ab" * 20
    assert {one.commit for one in answer.entries} == {"ab" * 20, "none"}


def test_the_shared_cases_are_answered_without_their_truth(shared: Path, tmp_path: Path) -> None:
    out = tmp_path / "rankings.jsonl"
    assert main(["eval", str(shared / "cases"), "--limit", "2", "--rankings", str(out), "--json"]) == 0
    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert len(lines) == 12
    for line in lines:
        known = recorded.read(shared / "cases" / line["set"] / "cases" / line["case"]).entities
        named = [one["entity"] for one in line["ranking"]]
        assert set(named) <= set(known)
        assert len(set(named)) >= min(5, len(known))
        assert all(0.0 <= one["low"] <= one["confidence"] <= one["high"] <= 1.0 for one in line["ranking"])
        confidences = [one["confidence"] for one in line["ranking"]]
        assert confidences == sorted(confidences, reverse=True)
