"""The tables of an evaluation, and the same for machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from copilot.evaluation import constants
from copilot.evaluation.calibration import calibration
from copilot.evaluation.measures import groups, measure
from copilot.evaluation.peers import DETECTORS, PEERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from copilot.evaluation.history import Replayed
    from copilot.evaluation.measures import Graded, Quiet

_COLUMNS = ("AC@1", "AC@3", "Avg@5", "MRR", "kind", "indicator", "with history AC@1/Avg@5")


def summary(graded: Sequence[Graded], quiet: Quiet | None, replayed: Replayed | None = None) -> dict[str, Any]:
    """Return all measures as plain values; each row has beside it what the same cases reach with history."""
    after = groups(replayed.graded) if replayed is not None else {}
    found: dict[str, Any] = {
        name: {
            key: measure(ones) | {"with_history": _history(after.get(name, {}).get(key, ()))}
            for key, ones in group.items()
        }
        for name, group in groups(graded).items()
    }
    if replayed is not None:
        found["history"] = {
            "cases": len(replayed.graded),
            "confirmed": replayed.confirmed,
            "with_precedents": replayed.preceded,
            "lifted": _moved(graded, replayed.graded, 1),
            "lowered": _moved(graded, replayed.graded, -1),
        }
    found["with_metrics"] = _with_metrics(graded)
    found["calibration"] = calibration(graded)
    found["constants"] = constants.count()
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
    if "history" in found:
        past = found["history"]
        console.print(
            f"with history: {past['cases']} cases in order of time, each with what was confirmed in earlier ones of its system"
            f" ({past['confirmed']} causes confirmed, {past['with_precedents']} cases with a similar one before them); the true"
            f" entity is higher in {past['lifted']} cases and lower in {past['lowered']}"
        )
    if "healthy" in found:
        quiet = found["healthy"]
        by_set = ", ".join(f"{name} {said} of {windows}" for name, (windows, said) in quiet["by_set"].items())
        console.print(
            f"healthy windows: {quiet['windows']}; no fault seen in {quiet['no_fault_seen']} of them and in"
            f" {quiet['wrongly_on_faults']} cases with a fault: precision {share(quiet['precision'])},"
            f" recall {share(quiet['recall'])} ({by_set})"
        )
    _show_calibration(console, found["calibration"])
    console.print(
        f"scoring/ holds {sum(found['constants'].values())} numbers in named constants; people set them, looking at the shared cases."
        " The only thing that a program fitted is the map from raw confidence."
    )


def detected(found: dict[str, Any]) -> dict[str, Any]:
    """Return how well departures were told in labelled series, with what other detectors reach beside it."""
    return {**found, "peers": {name: {"all": both, "ops": ops} for name, (both, ops) in DETECTORS.items()}}


def show_detected(console: Console, name: str, found: dict[str, Any]) -> None:
    """Print how well departures were told in labelled series, among what other detectors reach."""
    from rich.table import Table

    for key, words in (("all", "all series"), ("ops", "series of running systems")):
        row = found.get(key)
        if row is not None:
            console.print(
                f"{name}, {words} ({row['series']}): {row['found']} of {row['windows']} labelled windows told, {row['false_alarms']}"
                f" told outside of them; precision {share(row['precision'])}, recall {share(row['recall'])}, F1 {share(row['f1'])}"
            )
    table = Table(title="score (100 is perfect, 0 is telling nothing)", title_justify="left")
    for heading in ("detector", "all", "running systems"):
        table.add_column(heading, justify="left" if heading == "detector" else "right")
    ours = {key: row["score"] for key, row in found.items() if key != "peers"}
    rows = [
        *((peer, both["all"], both["ops"]) for peer, both in found["peers"].items()),
        ("ours", ours.get("all"), ours.get("ops")),
    ]
    for peer, both, ops in sorted(rows, key=lambda row: -(row[1] or 0.0)):
        cells = ("–" if value is None else f"{value:.1f}" for value in (both, ops))
        table.add_row(peer, *cells, style="bold" if peer == "ours" else None)
    console.print(table)
    console.print(
        "Ours is the detector of a live run at its fixed threshold, told nothing of when to look; the others' thresholds were chosen"
        " on this benchmark."
    )


def _show_calibration(console: Console, sure: dict[str, Any]) -> None:
    from rich.table import Table

    for key, title in (
        ("reliability_raw", "reliability of the raw confidence"),
        ("reliability", "reliability after cross-validated calibration"),
    ):
        table = Table(title=title, title_justify="left")
        for name in ("confidence", "cases", "said", "right"):
            table.add_column(name, justify="right")
        for row in sure[key]:
            table.add_row(
                f"{row['low']:.1f}–{row['high']:.1f}", str(row["cases"]), share(row["said"]), share(row["right"])
            )
        console.print(table)
    console.print(
        f"confidence of the first line, {sure['judged']} cases, {share(sure['right'])} right: Brier raw {share(sure['brier_raw'])},"
        f" calibrated (cross-validated) {share(sure['brier'])}, always the base rate {share(sure['brier_base'])}"
        f" ({percent(sure['better_than_base'])} better); ECE raw {share(sure['ece_raw'])}, calibrated {share(sure['ece'])}"
    )
    out = sure["systems_out"]
    if out is None:
        return
    table = Table(title="calibration fitted on all other systems", title_justify="left")
    table.add_column("system", overflow="fold")
    for name in ("cases", "said", "right", "Brier", "others' base rate", "ECE"):
        table.add_column(name, justify="right")
    for system, row in out["systems"].items():
        shares = (row[name] for name in ("said", "right", "brier", "brier_base", "ece"))
        table.add_row(system, str(row["cases"]), *map(share, shares))
    console.print(table)
    console.print(
        f"leaving one system out: Brier {share(out['brier'])} ({percent(out['better_than_base'])} better than the base rate),"
        f" ECE {share(out['ece'])}"
    )


def _cells(row: dict[str, Any]) -> list[str]:
    chance, after = row["random"], row.get("with_history") or {}
    return [
        str(row["cases"]), *(share(row[name]) for name in ("ac1", "ac3", "avg5", "mrr", "kind", "indicator")),
        f"{share(after.get('ac1'))} / {share(after.get('avg5'))}", f"{share(chance['ac1'])} / {share(chance['avg5'])}",
        f"{row['median_seconds']:.3f}", f"{row['p95_seconds']:.3f}",
    ]  # fmt: skip


def _history(graded: Sequence[Graded]) -> dict[str, Any] | None:
    if not graded:
        return None
    found = measure(graded)
    return {name: found[name] for name in ("ac1", "ac3", "avg5", "mrr", "kind", "commits_right")}


def _moved(before: Sequence[Graded], after: Sequence[Graded], way: int) -> int:
    """Return in how many cases the true entity's place went up (`way` 1) or down (-1)."""
    first = {(one.solved.set, one.solved.case): one.place for one in before}

    def height(place: int) -> float:
        return 1 / place if place else 0.0

    return sum(1 for one in after if (height(one.place) - height(first[one.solved.set, one.solved.case])) * way > 0.0)


def _with_metrics(graded: Sequence[Graded]) -> dict[str, Any]:
    """Return the measures of those cases of a set that hold metrics, where only some do."""
    found = {}
    for name, ones in groups(graded)["set"].items():
        some = [one for one in ones if one.solved.has_metrics]
        if some and len(some) < len(ones):
            found[name] = measure(some)
    return found


def share(value: float | None) -> str:
    """Return a share as the field writes it: .75, a dash where it is not known."""
    return "–" if value is None else f"{value:.3f}".removeprefix("0") if value < 1 else f"{value:.2f}"


def percent(value: float | None) -> str:
    """Return a share in percent, a dash where it is not known."""
    return "–" if value is None else f"{value:.0%}"
