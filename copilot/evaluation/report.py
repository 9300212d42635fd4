"""The tables of an evaluation, and the same for machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from copilot.evaluation.measures import calibration, groups, measure
from copilot.evaluation.peers import PEERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from copilot.evaluation.measures import Graded, Quiet

_COLUMNS = ("AC@1", "AC@3", "Avg@5", "MRR", "kind", "indicator")


def summary(graded: Sequence[Graded], quiet: Quiet | None) -> dict[str, Any]:
    """Return all measures as plain values."""
    found: dict[str, Any] = {
        name: {key: measure(ones) for key, ones in group.items()} for name, group in groups(graded).items()
    }
    found["with_metrics"] = _with_metrics(graded)
    found["calibration"] = calibration(graded)
    found["peers"] = {name: PEERS[name] for name in found["set"] if name in PEERS}
    if quiet is not None:
        found["healthy"] = {
            "windows": quiet.windows, "no_fault_seen": quiet.said, "wrongly_on_faults": quiet.wrongly,
            "precision": quiet.precision, "recall": quiet.recall, "by_set": dict(quiet.by_set),
        }  # fmt: skip
    return found


def show(console: Console, found: dict[str, Any]) -> None:
    """Print the tables."""
    from rich.table import Table

    for group, title in (
        ("set", "sets"),
        ("system", "systems"),
        ("with_metrics", "the cases with metrics"),
        ("kind", "kinds of fault"),
    ):
        if not found[group]:
            continue
        table = Table(title=title, title_justify="left")
        table.add_column(title.removesuffix("s"), overflow="fold")
        for name in ("cases", *_COLUMNS, "random AC@1/Avg@5", "s median", "s p95"):
            table.add_column(name, justify="right")
        for key, row in found[group].items():
            table.add_row(key, *_cells(row))
        console.print(table)
    for name, words in found["peers"].items():
        console.print(f"peers on {name}: {words}", highlight=False)
    for key, row in found["set"].items():
        if row.get("commits_right") is not None:
            console.print(f"{key}: the right commit, or rightly none, in {row['commits_right']} of {row['cases']}")
    if "healthy" in found:
        quiet = found["healthy"]
        by_set = ", ".join(f"{name} {said} of {windows}" for name, (windows, said) in quiet["by_set"].items())
        console.print(
            f"healthy windows: {quiet['windows']}; no fault seen in {quiet['no_fault_seen']} of them and in"
            f" {quiet['wrongly_on_faults']} cases with a fault: precision {_share(quiet['precision'])},"
            f" recall {_share(quiet['recall'])} ({by_set})"
        )
    sure = found["calibration"]
    console.print(
        f"confidence of the first line, {sure['judged']} cases, {_share(sure['right'])} right: Brier raw {_share(sure['brier_raw'])},"
        f" calibrated (cross-validated) {_share(sure['brier'])}, always the base rate {_share(sure['brier_base'])}"
        f" ({_percent(sure['better_than_base'])} better); ECE raw {_share(sure['ece_raw'])}, calibrated {_share(sure['ece'])}"
    )


def _cells(row: dict[str, Any]) -> list[str]:
    chance = row["random"]
    return [
        str(row["cases"]), _share(row["ac1"]), _share(row["ac3"]), _share(row["avg5"]), _share(row["mrr"]),
        _share(row["kind"]), _share(row["indicator"]), f"{_share(chance['ac1'])} / {_share(chance['avg5'])}",
        f"{row['median_seconds']:.3f}", f"{row['p95_seconds']:.3f}",
    ]  # fmt: skip


def _with_metrics(graded: Sequence[Graded]) -> dict[str, Any]:
    """Return the measures of those cases of a set that hold metrics, where only some do."""
    found = {}
    for name, ones in groups(graded)["set"].items():
        some = [one for one in ones if one.solved.has_metrics]
        if some and len(some) < len(ones):
            found[name] = measure(some)
    return found


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}".removeprefix("0") if value < 1 else f"{value:.2f}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"
