"""Recorded metrics: columns `service__metric` over time become series, with the quiet time of the references before them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from integrations.recorded.columns import meaning
from integrations.recorded.files import Table
from scoring.observations import Series

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from integrations.recorded.columns import Column
    from integrations.recorded.entities import Entities

__all__ = ["SOURCE", "Table", "joined", "series"]

SOURCE = "metrics"
# So many rows of a reference are history enough: a day of five minutes.
REFERENCE_ROWS = 288
# Times to answer above this are milliseconds: a service whose median call takes a minute does not serve.
_NOT_SECONDS = 60.0
_NOT_A_SHARE = 1.5
# A container seldom has more cores than this: larger numbers are percent of one.
_NOT_CORES = 64.0
# A reference's level is out of date where all quiet rows of the case itself are so many spreads away from it.
_ELSEWHERE = 3.0
_MAD_TO_SIGMA = 1.4826
# A column without any number, or with so few, tells nothing.
_LEAST = 4


@dataclass(frozen=True, slots=True)
class _Read:
    entity: str
    name: str
    column: Column
    values: NDArray[np.float64]


def joined(own: Table, references: list[Table], *, quiet_until: float = -math.inf) -> Table:
    """Return a table with the rows of normal periods before its own, moved in time so that they end one step before.

    A normal period of another day lends its spread. Its level holds unless all of the table's own rows before `quiet_until`
    contradict it: then what was the case just before the incident is the level, not what was the case then.
    """
    useful = [one for one in references if set(one.columns) & set(own.columns)]
    if not useful:
        return own
    step = float(np.median(np.diff(own.times))) if own.times.size > 1 else 60.0
    places = {name: place for place, name in enumerate(own.columns)}
    times, values = [own.times], [own.values]
    first = own.times[0]
    quiet = own.values[own.times < quiet_until]
    for one in useful:
        rows = one.values[-REFERENCE_ROWS:]
        moved = np.full((len(rows), len(own.columns)), np.nan)
        for place, name in enumerate(one.columns):
            if name in places:
                moved[:, places[name]] = rows[:, place] + _drift(rows[:, place], quiet[:, places[name]])
        stamps = one.times[-REFERENCE_ROWS:]
        stamps = stamps - stamps[-1] + first - step
        first = stamps[0]
        times.insert(0, stamps)
        values.insert(0, moved)
    return Table(np.concatenate(times), own.columns, np.concatenate(values))


def _drift(reference: NDArray[np.float64], quiet: NDArray[np.float64]) -> float:
    """Return by how much at least the quiet rows of a case stand elsewhere than a normal period of another day."""
    reference, quiet = reference[np.isfinite(reference)], quiet[np.isfinite(quiet)]
    if not reference.size or not quiet.size:
        return 0.0
    level = float(np.median(reference))
    apart = quiet - level
    if not (np.all(apart > 0.0) or np.all(apart < 0.0)):
        return 0.0
    least = float(apart[np.argmin(np.abs(apart))])
    spread = _MAD_TO_SIGMA * float(np.median(np.abs(reference - level)))
    return least if abs(least) > _ELSEWHERE * spread else 0.0


def series(table: Table, entities: Entities) -> Iterator[Series]:
    """Yield a series for each column that says something of a thing with a name."""
    read = [one for place, name in enumerate(table.columns) if (one := _read(name, table.values[:, place]))]
    units = _units(read)
    by_entity: dict[str, list[_Read]] = {}
    for one in read:
        by_entity.setdefault(one.entity, []).append(one)
    for name, own in by_entity.items():
        idle = _idle(own)
        limits = {one.column.indicator: one for one in own if one.column.is_limit}
        served = {one.column.indicator for one in own if not one.column.outgoing}
        for one in own:
            if one.column.is_limit:
                continue
            yield _series(
                one,
                table.times,
                entities=entities,
                scale=units.get((one.column.indicator, one.name.rpartition("__")[2]), one.column.scale),
                idle=idle,
                limit=limits.get(one.column.indicator),
                twin=one.column.outgoing and one.column.indicator in served,
                name=name,
            )


def _read(name: str, values: NDArray[np.float64]) -> _Read | None:
    entity, mark, word = name.rpartition("__")
    if not mark or not entity:
        return None
    column = meaning(word)
    if column is None or np.count_nonzero(np.isfinite(values)) < _LEAST:
        return None
    return _Read(entity, name, column, values)


def _units(read: list[_Read]) -> dict[tuple[str, str], float]:
    """Return the scales that names leave open, told by the numbers of all columns of one name."""
    groups: dict[tuple[str, str], list[_Read]] = {}
    for one in read:
        if one.column.scale == 0.0:
            groups.setdefault((one.column.indicator, one.name.rpartition("__")[2]), []).append(one)
    found = {}
    for key, columns in groups.items():
        highest = max(float(np.nanmax(one.values)) for one in columns)
        if columns[0].column.unit == "ratio":
            found[key] = 0.01 if highest > _NOT_A_SHARE else 1.0
        elif columns[0].column.unit == "cores":
            found[key] = 0.01 if highest > _NOT_CORES else 1.0
        else:
            found[key] = 1e-3 if highest > _NOT_SECONDS else 1.0
    return found


def _idle(own: list[_Read]) -> NDArray[np.bool_] | None:
    """Return when nothing was asked of a thing: then its latencies and its share of errors are no measurements."""
    rates = [one.values for one in own if one.column.indicator == "request_rate"]
    if not rates:
        return None
    idle: NDArray[np.bool_] = np.logical_and.reduce([~(rate > 0.0) for rate in rates])
    return idle


def _series(
    one: _Read,
    times: NDArray[np.float64],
    *,
    entities: Entities,
    scale: float,
    idle: NDArray[np.bool_] | None,
    limit: _Read | None,
    twin: bool,
    name: str,
) -> Series:
    column, values = one.column, one.values * scale
    if column.complement:
        values = 1.0 - values
    if idle is not None and (column.indicator == "error_ratio" or column.indicator.startswith("latency")):
        values = np.where(idle, np.nan, values)
    if twin:
        # What it sees of its own calls, beside what it answers itself.
        column = replace(column, indicator=f"client_{column.indicator}")
    known = np.isfinite(values)
    values, stamps = values[known], times[known]
    steps = np.diff(values)
    ceiling = float(np.nanmax(limit.values)) * limit.column.scale if limit is not None else None
    return Series(
        entity=entities.named(name),
        indicator=column.indicator,
        unit=column.unit,
        times=stamps,
        values=values,
        source=SOURCE,
        worse=column.worse,
        counter=column.counter and bool(steps.size) and bool((steps >= 0).mean() > 0.9),
        limit=ceiling,
        query=one.name,
    )
