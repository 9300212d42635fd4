"""`copilot eval`: run recorded incidents through the code of a live run, and print how often it was right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot.cli.session import Problem, print_json

if TYPE_CHECKING:
    import argparse

    from copilot.evaluation.cases import Place
    from copilot.evaluation.solving import Solved


def add(subparsers: Any, common: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "eval",
        parents=[common],
        help="measure the ranking on recorded incidents",
        description="Run every recorded case below DIR through detection, candidates and ranking, without a model. The truth "
        "is opened after all rankings are made; with --rankings it need not be there.",
    )
    parser.add_argument("directory", type=Path, metavar="DIR", help="a folder of sets, one set, or one case")
    parser.add_argument("--set", metavar="NAME", help="only this set")
    parser.add_argument("--limit", type=_count, metavar="N", help="at most so many cases of each set, evenly chosen")
    parser.add_argument("--jobs", type=_count, default=1, metavar="N", help="processes (default 1)")
    parser.add_argument("--json", action="store_true", help="print the measures for machines")
    parser.add_argument("--rankings", type=Path, metavar="FILE", help="write one JSON line a case")
    parser.add_argument(
        "--markdown", type=Path, metavar="FILE", help="write the tables between <!-- eval --> and <!-- /eval -->"
    )
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw the reliability of the confidence")
    parser.add_argument("--explain", metavar="CASE", help="print one case's evidence, candidates and factors")
    parser.set_defaults(run=run, needs_installation=False)


def run(options: argparse.Namespace) -> int:
    """Answer all cases, then judge and print."""
    from rich.console import Console

    from copilot.evaluation import cases, detection, evaluation, history, report, truth

    series = detection.find(options.directory, options.set)
    if series is not None:
        return _detect(series, options)
    try:
        places = cases.find(options.directory, only=options.set, limit=None if options.explain else options.limit)
    except cases.NoCases as error:
        raise Problem(str(error), code=2) from None
    console = Console(highlight=False)
    if options.explain:
        return _explain(console, places, options.explain)
    solved, failures = _answer(places, options.jobs)
    if options.rankings is not None:
        _write(options.rankings, solved)
    verdicts = _watch(places, options.jobs) if any(map(truth.is_there, places)) else []
    # All rankings are made: now the truth may be opened.
    graded = evaluation.judge(solved, places)
    for failure in failures:
        Console(stderr=True).print(f"{failure.place.case}: {failure.reason}", style="red", markup=False)
    if not graded:
        if options.rankings is None:
            raise Problem(f"{options.directory}: no truth beside the cases; --rankings FILE writes the rankings alone")
        print(f"{options.rankings}: {len(solved)} rankings; no truth beside the cases, so nothing is measured")
        return 1 if failures else 0
    found = report.summary(graded, evaluation.quiet(verdicts, solved), history.replay(solved, places))
    if options.markdown is not None:
        _markdown(options.markdown, found)
    if options.plot is not None:
        _plot(options.plot, found["calibration"])
    if options.json:
        print_json(found)
    else:
        report.show(Console(highlight=False, width=None if console.is_terminal else 160), found)
    return 1 if failures else 0


def _detect(folder: Path, options: argparse.Namespace) -> int:
    """Tell departures in labelled series, then open the labels and print how well that went."""
    from rich.console import Console

    from copilot.evaluation import detection, report
    from integrations.recorded import BadCase

    if any(one is not None for one in (options.rankings, options.explain, options.plot, options.markdown)):
        raise Problem(
            f"{folder}: holds labelled series, no incidents: there is nothing to rank, explain or plot", code=2
        )
    try:
        total = sum(1 for _ in (folder / "series").iterdir())
        told = list(_progress(detection.answer(folder, jobs=options.jobs), "series", total))
        # All are answered: now the labels may be opened.
        found = report.detected(detection.judge(told, detection.labels(folder)))
    except BadCase as error:
        raise Problem(str(error)) from None
    if options.json:
        print_json(found)
    else:
        report.show_detected(Console(highlight=False), folder.name, found)
    return 0


def _answer(places: tuple[Place, ...], jobs: int) -> tuple[list[Solved], list[Any]]:
    from copilot.evaluation.evaluation import Failure, answer

    solved: list[Solved] = []
    failures: list[Failure] = []
    for one in _progress(answer(places, jobs=jobs), "cases", len(places)):
        if isinstance(one, Failure):
            failures.append(one)
        else:
            solved.append(one)
    return solved, failures


def _watch(places: tuple[Place, ...], jobs: int) -> list[tuple[Place, str | None]]:
    from copilot.evaluation.evaluation import watch

    return list(_progress(watch(places, jobs=jobs), "healthy windows", len(places)))


def _progress(work: Any, words: str, total: int) -> Any:
    from rich.console import Console
    from rich.progress import track

    return track(work, description=words, total=total, console=Console(stderr=True), transient=True)


def _explain(console: Any, places: tuple[Place, ...], wanted: str) -> int:
    from copilot.evaluation.explain import explain
    from integrations.recorded import BadCase

    place = next((one for one in places if one.case == wanted), None)
    if place is None:
        raise Problem(f"--explain: there is no case {wanted!r} below the folder", code=2)
    try:
        explain(console, place)
    except BadCase as error:
        raise Problem(str(error)) from None
    return 0


def _write(path: Path, solved: list[Solved]) -> None:
    try:
        with path.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(one.line(), ensure_ascii=False) + "\n" for one in solved)
    except OSError as error:
        raise Problem(f"--rankings: {path} cannot be written: {error.strerror}", code=2) from None


def _markdown(path: Path, found: dict[str, Any]) -> None:
    from copilot.evaluation import markdown

    try:
        path.write_text(markdown.placed(path.read_text(encoding="utf-8"), markdown.tables(found)), encoding="utf-8")
    except OSError as error:
        raise Problem(f"--markdown: {path} cannot be written: {error.strerror}", code=2) from None
    except ValueError as error:
        raise Problem(f"--markdown: {path}: {error}", code=2) from None


def _plot(path: Path, sure: dict[str, Any]) -> None:
    from copilot.evaluation.plot import draw

    try:
        path.write_bytes(draw(sure))
    except OSError as error:
        raise Problem(f"--plot: {path} cannot be written: {error.strerror}", code=2) from None
    except ValueError as error:
        raise Problem(f"--plot: {error}") from None


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value
