"""Labelled series: what is told, when, and what that is worth beside other detectors."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from copilot.cli import main
from copilot.evaluation import detection
from copilot.evaluation.detection import Marked, Told, departures, judge

if TYPE_CHECKING:
    from pathlib import Path

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
ROWS, SHIFT = 600, 400


def at(row: int) -> str:
    return f"{BEGAN + timedelta(minutes=5 * row):%Y-%m-%d %H:%M:%S}"


def values() -> list[float]:
    return [(10.0 if SHIFT <= row < SHIFT + 60 else 2.0) + 0.1 * ((row * 7) % 5 - 2) for row in range(ROWS)]


def labelled(folder: Path, *, window: tuple[int, int]) -> Path:
    (folder / "series").mkdir(parents=True)
    text = "timestamp,value\n" + "".join(f"{at(row)},{value}\n" for row, value in enumerate(values()))
    (folder / "series" / "cpu.csv.gz").write_bytes(gzip.compress(text.encode()))
    label = {"file": "cpu.csv.gz", "ops": True, "windows": [[at(window[0]), at(window[1])]]}
    (folder / "labels.json").write_text(json.dumps([label]), encoding="utf-8")
    return folder


def told(*rows: int) -> list[Told]:
    times = tuple((BEGAN + timedelta(minutes=5 * row)).timestamp() for row in range(ROWS))
    return [Told("cpu", ROWS, times, rows)]


def marked(begin: int, end: int) -> dict[str, Marked]:
    times = told()[0].times
    return {"cpu": Marked(((times[begin], times[end]),), ops=False)}


def test_a_shift_is_told_once_within_a_few_rows() -> None:
    times = np.arange(ROWS, dtype=np.float64) * 300.0

    (row,) = departures(times, np.array(values()))

    assert SHIFT < row <= SHIFT + 4


def test_what_comes_later_does_not_change_what_is_told() -> None:
    times, full = np.arange(ROWS, dtype=np.float64) * 300.0, np.array(values())

    cut = departures(times[: SHIFT + 10], full[: SHIFT + 10])

    assert cut == departures(times, full)


def test_telling_the_first_row_of_each_window_is_perfect_and_nothing_is_zero() -> None:
    perfect, silent = (judge(told(*rows), marked(400, 459))["all"] for rows in ((400,), ()))

    assert (perfect["score"], perfect["precision"], perfect["recall"], perfect["f1"]) == (
        pytest.approx(100.0),
        1.0,
        1.0,
        1.0,
    )
    assert (silent["score"], silent["precision"], silent["recall"], silent["f1"]) == (0.0, None, 0.0, None)


def test_late_is_worth_less_and_a_false_alarm_costs() -> None:
    early, late, noisy, nervous = (
        judge(told(*rows), marked(400, 459))["all"]["score"] for rows in ((401,), (455,), (200, 401), (401, 405, 410))
    )

    assert early > late > 50.0
    # Before the first window a false alarm costs .11, of a range of two points.
    assert noisy == pytest.approx(early - 5.5)
    # Telling the same window again is worth and costs nothing.
    assert nervous == early


def test_rows_that_teach_are_not_judged() -> None:
    assert judge(told(10, 20), marked(400, 459))["all"]["false_alarms"] == 0


def test_the_figures_stand_among_those_of_other_detectors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labelled(tmp_path / "world" / "marked", window=(SHIFT - 10, SHIFT + 60))

    assert main(["eval", str(tmp_path / "world"), "--set", "marked"]) == 0

    out = " ".join(capsys.readouterr().out.split())
    assert "1 of 1 labelled windows told, 0 told outside of them" in out
    assert "windowedGaussian" in out
    assert "ours" in out


def test_the_labels_are_not_opened_before_all_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = labelled(tmp_path / "marked", window=(SHIFT, SHIFT + 60))
    monkeypatch.setattr(detection, "labels", lambda _: pytest.fail("the labels were opened"))

    assert [one.name for one in detection.answer(folder)] == ["cpu.csv.gz"]


@pytest.mark.parametrize("flag", ["--rankings", "--plot", "--explain"])
def test_there_is_nothing_to_rank_in_labelled_series(
    tmp_path: Path, flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    labelled(tmp_path / "marked", window=(SHIFT, SHIFT + 60))

    assert main(["eval", str(tmp_path / "marked"), flag, "x"]) == 2
    assert "no incidents" in capsys.readouterr().err


def test_broken_labels_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = labelled(tmp_path / "marked", window=(SHIFT, SHIFT + 60))
    (folder / "labels.json").write_text('[{"file": "cpu.csv.gz"}]', encoding="utf-8")

    assert main(["eval", str(folder)]) == 1
    assert "expected a list of series, each with `file` and `windows`" in capsys.readouterr().err
