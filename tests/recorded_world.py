"""Small recorded cases made by the tests themselves: a folder as a support bundle would have it."""

from __future__ import annotations

import csv
import gzip
import io
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

FAULT_AT = 1_700_000_000.0


def write_case(root: Path, name: str = "case-1", /, *, truth: Mapping[str, Any] | None = None, **case: Any) -> Path:
    """Make `<root>/cases/<name>` with a case.json; `truth` is what was wrong, where it is told."""
    folder = root / "cases" / name
    folder.mkdir(parents=True)
    known = {
        "id": name,
        "dataset": root.name,
        "system": "shop",
        "anomaly_time": FAULT_AT,
        "services": ["web", "cart", "pay"],
    }
    (folder / "case.json").write_text(json.dumps({**known, **case}), encoding="utf-8")
    if truth is not None:
        (folder / "truth.json").write_text(json.dumps(truth), encoding="utf-8")
    return folder


def write_json(folder: Path, name: str, value: Any) -> None:
    (folder / name).write_bytes(gzip.compress(json.dumps(value).encode()))


def write_lines(folder: Path, name: str, records: Sequence[Mapping[str, Any]]) -> None:
    (folder / name).write_bytes(gzip.compress("".join(json.dumps(one) + "\n" for one in records).encode()))


def write_rows(folder: Path, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(gzip.compress(text.getvalue().encode()))


def metric_rows(
    columns: Mapping[str, tuple[float, float]], *, before: int = 30, after: int = 10, step: float = 60.0
) -> list[dict[str, float]]:
    """Rows where each column wavers by 2 % around its first number, and around its second from the fault on."""
    rows = []
    for place in range(-before, after):
        waver = 1.0 + 0.02 * ((place * 7) % 5 - 2) / 2
        row = {"timestamp": FAULT_AT + place * step}
        row |= {name: round((quiet if place < 0 else loud) * waver, 9) for name, (quiet, loud) in columns.items()}
        rows.append(row)
    return rows


SHOP = {
    "web__lat_p95": (0.2, 2.0),
    "web__success_rate": (1.0, 1.0),
    "web__rps": (50.0, 50.0),
    "cart__cpu_m": (200.0, 1900.0),
    "cart__mem_mi": (300.0, 300.0),
    "pay__cpu_m": (150.0, 150.0),
}
CALLS = [["web", "cart"], ["web", "pay"]]


def shop_case(root: Path, name: str = "case-1", /, **more: Any) -> Path:
    """A slow web whose cart has used up its CPU."""
    alert = {"service": "web", "summary": "web latency p95 is high", "time": FAULT_AT}
    folder = write_case(root, name, alert=alert, call_graph=CALLS, **more)
    write_rows(folder, "metrics.csv.gz", metric_rows(SHOP))
    return folder
