"""The tables of an evaluation as Markdown, for a document that keeps them between two marks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from copilot.evaluation.report import percent, share

if TYPE_CHECKING:
    from collections.abc import Iterable

BEGIN: Final = "<!-- eval -->"
END: Final = "<!-- /eval -->"
# A kind of fault is worth a line where at least so many cases have it, and where fewer than this share come first.
_LEAST: Final = 3
_WEAK: Final = 0.6


def placed(text: str, tables: str) -> str:
    """Return a document with tables in place of what stood between its marks.

    :raises ValueError: where it has not exactly one pair of marks.
    """
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise ValueError(f"expected one {BEGIN} and after it one {END}")
    return f"{text[: text.index(BEGIN)]}{BEGIN}\n\n{tables.strip()}\n\n{text[text.index(END) :]}"


def tables(found: dict[str, Any]) -> str:
    """Return all measures, as `report.summary` gives them."""
    parts = [
        _ranked("set", found["set"], found["peers"]),
        _ranked("system", found["system"], {}),
        _ranked("cases with metrics", found["with_metrics"], {}) if found["with_metrics"] else "",
        _said(found),
        _systems(found["calibration"]),
        _weak(found["kind"]),
    ]
    return "\n\n".join(part for part in parts if part)


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(head)
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def _ranked(name: str, rows: dict[str, Any], peers: dict[str, str]) -> str:
    head = [
        name, "cases", "AC@1", "AC@3", "Avg@5", "MRR", "kind", "with history: AC@1, Avg@5", "random: AC@1, Avg@5", "seconds: median, p95",
    ]  # fmt: skip
    lines = []
    for key, row in rows.items():
        after, chance = row.get("with_history") or {}, row["random"]
        lines.append(
            [
                key, str(row["cases"]), *(share(row[one]) for one in ("ac1", "ac3", "avg5", "mrr", "kind")),
                f"{share(after.get('ac1'))}, {share(after.get('avg5'))}", f"{share(chance['ac1'])}, {share(chance['avg5'])}",
                f"{row['median_seconds']:.3f}, {row['p95_seconds']:.3f}",
            ]
        )  # fmt: skip
    told = [f"- {key}: {words}" for key, words in peers.items()]
    told += [
        f"- {key}: ours names the right commit, or rightly none, in {row['commits_right']} of {row['cases']}"
        for key, row in rows.items()
        if peers and row.get("commits_right") is not None
    ]
    return _table(head, lines) + ("\n\nPeers on such cases:\n\n" + "\n".join(told) if told else "")


def _said(found: dict[str, Any]) -> str:
    sure = found["calibration"]
    lines = []
    if "history" in found:
        past = found["history"]
        lines.append(
            f"- With history, the true entity is higher in {past['lifted']} cases and lower in {past['lowered']} of {past['cases']};"
            f" {past['with_precedents']} had a similar case before them."
        )
    if "healthy" in found:
        quiet = found["healthy"]
        lines.append(
            f"- Healthy windows: {quiet['windows']}; `no fault seen` in {quiet['no_fault_seen']} of them and in"
            f" {quiet['wrongly_on_faults']} cases with a fault: precision {share(quiet['precision'])}, recall {share(quiet['recall'])}."
        )
    lines.append(
        f"- Confidence of the first line ({sure['judged']} cases, {share(sure['right'])} right): Brier raw {share(sure['brier_raw'])},"
        f" cross-validated {share(sure['brier'])}, always the base rate {share(sure['brier_base'])}"
        f" ({percent(sure['better_than_base'])} better); ECE raw {share(sure['ece_raw'])}, cross-validated {share(sure['ece'])}."
    )
    out = sure["systems_out"]
    if out is not None:
        lines.append(
            f"- Leaving one system out: Brier {share(out['brier'])} ({percent(out['better_than_base'])} better than the base rate),"
            f" ECE {share(out['ece'])}."
        )
    lines.append(f"- Numbers in named constants of `scoring/`: {sum(found['constants'].values())}.")
    return "\n".join(lines)


def _systems(sure: dict[str, Any]) -> str:
    parts = []
    rows = sure["reliability"]
    if rows:
        parts.append(
            "Reliability after cross-validated calibration:\n\n"
            + _table(
                ["confidence", "cases", "said", "right"],
                (
                    [f"{row['low']:.1f}–{row['high']:.1f}", str(row["cases"]), share(row["said"]), share(row["right"])]
                    for row in rows
                ),
            )
        )
    if sure["systems_out"] is not None:
        parts.append(
            "Calibration fitted on all other systems:\n\n"
            + _table(
                ["system", "cases", "said", "right", "Brier", "others' base rate", "ECE"],
                (
                    [
                        system,
                        str(row["cases"]),
                        *(share(row[one]) for one in ("said", "right", "brier", "brier_base", "ece")),
                    ]
                    for system, row in sure["systems_out"]["systems"].items()
                ),
            )
        )
    return "\n\n".join(parts)


def _weak(kinds: dict[str, Any]) -> str:
    """Return the kinds of fault that are found least, the worst first."""
    weak = sorted((row["ac1"], key, row) for key, row in kinds.items() if row["cases"] >= _LEAST and row["ac1"] < _WEAK)
    if not weak:
        return ""
    rows = ([key, str(row["cases"]), *(share(row[one]) for one in ("ac1", "ac3", "avg5"))] for _, key, row in weak)
    return f"Kinds of fault of which fewer than {_WEAK:.0%} come first:\n\n" + _table(
        ["kind of fault", "cases", "AC@1", "AC@3", "Avg@5"], rows
    )
