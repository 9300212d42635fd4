"""Metrics in a bundle: CSV tables, wide or long, and answers of Prometheus, as columns `thing__metric` over time."""

from __future__ import annotations

import csv
import io
import math
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np

from integrations.recorded.files import Table, number
from integrations.recorded.traces import seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_TIMES = frozenset({"timestamp", "time", "ts", "date", "datetime", "_time", "@timestamp"})
_VALUES = ("value", "_value", "val")
_METRICS = ("__name__", "metric", "metric_name", "indicator", "name", "_measurement", "_field")
# What a label may call the thing that was measured, nearest first.
_THINGS = (
    "service", "app", "workload", "deployment", "pod", "container", "job", "component", "entity", "host", "node", "instance",
)  # fmt: skip
_Cells = dict[str, dict[float, list[float]]]
_MARKS = re.compile(r"__|::|/|:|\.(?=[A-Za-z])| - |\s")
_MOST_ROWS = 1_000_000
# What is measured a few seconds apart is one moment where a table is made of many series.
_STEP = 1.0


def read_csv(text: str, *, stem: str) -> Table | None:
    """Return a CSV's table, None where it has no column of times or no numbers; `stem` is the file's name without its ending."""
    try:
        dialect = csv.Sniffer().sniff(text[:4096], delimiters=",;\t")
    except csv.Error:
        dialect = csv.excel
    reader = csv.reader(io.StringIO(text), dialect)
    try:
        header = [cell.strip() for cell in next(reader, [])]
        rows = [row for _, row in zip(range(_MOST_ROWS), reader, strict=False) if row]
    except csv.Error:
        return None
    lowered = [cell.lower() for cell in header]
    at = next((place for place, cell in enumerate(lowered) if cell in _TIMES), None)
    if at is None or len(header) < 2 or not rows:
        return None
    value = next((lowered.index(name) for name in _VALUES if name in lowered), None)
    if value is not None and len(header) > 2:
        return _long(rows, lowered, at=at, value=value, stem=stem)
    named = [(place, _column(cell, stem)) for place, cell in enumerate(header) if place != at and cell]
    times = np.array([_time(row[at]) if len(row) > at else math.nan for row in rows], dtype=np.float64)
    values = np.array(
        [[number(row[place].strip() or "nan") if len(row) > place else math.nan for place, _ in named] for row in rows],
        dtype=np.float64,
    )
    return _table(times, [name for _, name in named], values)


def read_prometheus(document: Any, *, stem: str) -> Table | None:
    """Return the table of an answer to a range query, None where the document is none."""
    data = document.get("data") if isinstance(document, dict) else None
    if not isinstance(data, dict) or data.get("resultType") != "matrix" or not isinstance(data.get("result"), list):
        return None
    cells: _Cells = defaultdict(lambda: defaultdict(list))
    for one in data["result"]:
        labels = one.get("metric") if isinstance(one, dict) else None
        if not isinstance(labels, dict):
            continue
        name = _named({str(key): str(word) for key, word in labels.items()}, stem)
        for pair in one.get("values") or ():
            if isinstance(pair, list) and len(pair) == 2:
                _add(cells[name], number(pair[0]), number(pair[1]))
    return _gathered(cells)


def merged(tables: Iterable[Table]) -> Table | None:
    """Return all tables as one over all of their times, None where there are none."""
    tables = list(tables)
    if len(tables) < 2:
        return tables[0] if tables else None
    cells: _Cells = defaultdict(lambda: defaultdict(list))
    for one in tables:
        for place, name in enumerate(one.columns):
            for at, value in zip(one.times.tolist(), one.values[:, place].tolist(), strict=True):
                _add(cells[name], at, value)
    return _gathered(cells)


def _long(rows: list[list[str]], header: list[str], *, at: int, value: int, stem: str) -> Table | None:
    cells: _Cells = defaultdict(lambda: defaultdict(list))
    for row in rows:
        if len(row) != len(header):
            continue
        labels = {name: row[place].strip() for place, name in enumerate(header) if place not in (at, value)}
        _add(cells[_named(labels, stem)], _time(row[at]), number(row[value]))
    return _gathered(cells)


def _named(labels: Mapping[str, str], stem: str) -> str:
    metric = next((labels[name] for name in _METRICS if labels.get(name)), stem)
    thing = next((labels[name] for name in _THINGS if labels.get(name)), "")
    return f"{thing or 'system'}__{metric}"


def _column(name: str, stem: str) -> str:
    """Return a column's name as `thing__metric`: the last mark in it parts the two, else the file is called after the thing."""
    parts = [part for part in _MARKS.split(name) if part]
    if len(parts) > 1:
        return f"{name[: name.rindex(parts[-1])].rstrip('_:/. -')}__{parts[-1]}"
    return f"{stem}__{name}"


def _time(text: str) -> float:
    text = text.strip()
    found = (
        seconds(number(text)) if re.fullmatch(r"[-+.\deE]+", text) and math.isfinite(number(text)) else seconds(text)
    )
    return math.nan if found is None else found


def _add(cells: dict[float, list[float]], at: float, value: float) -> None:
    if math.isfinite(at) and math.isfinite(value):
        cells[round(at / _STEP) * _STEP].append(value)


def _gathered(cells: _Cells) -> Table | None:
    """Return a table of what was measured; several series of one thing and metric (its pods) are one: their mean."""
    names = [name for name, own in cells.items() if own]
    if not names:
        return None
    times = np.array(sorted({at for name in names for at in cells[name]}), dtype=np.float64)
    values = np.full((times.size, len(names)), np.nan)
    for place, name in enumerate(names):
        own = cells[name]
        means = [math.fsum(some) / len(some) for some in own.values()]
        values[np.searchsorted(times, np.array(list(own), dtype=np.float64)), place] = means
    return Table(times, tuple(names), values)


def _table(
    times: np.ndarray[Any, np.dtype[np.float64]], names: list[str], values: np.ndarray[Any, np.dtype[np.float64]]
) -> Table | None:
    known = np.isfinite(times)
    filled = np.isfinite(values).any(axis=0) if values.size else np.zeros(0, dtype=bool)
    if not known.any() or not filled.any():
        return None
    times, values = times[known], values[known]
    order = np.argsort(times, kind="stable")
    return Table(
        times[order], tuple(name for name, some in zip(names, filled, strict=True) if some), values[order][:, filled]
    )
