"""Small questions to Datadog in a conversation: one metric of one service, or which metrics it has, within bounds."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from integrations.base import Look, Seen
from integrations.datadog import api
from integrations.questions import in_scope

if TYPE_CHECKING:
    from integrations.base import Door, Scope
    from integrations.datadog import DatadogCredentials
    from scoring.observations import Window

MOST_MINUTES = 360
POINTS = 60
SHOWN_POINTS = 12
SERIES = 10
NAMES = 120
ServiceName = Annotated[str, Field(max_length=120, description="One of the services named in the document.")]
MetricName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_.]{0,150}$")]
TagName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.-]{0,60}$")]


class Metric(BaseModel):
    """Ask for one metric of one service over time."""

    model_config = ConfigDict(extra="forbid")

    service: ServiceName
    metric: MetricName
    aggregate: Literal["avg", "sum", "max", "min", "p50", "p95", "p99"] = Field(
        default="avg", description="p50, p95 and p99 for distributions such as trace.http.request only."
    )
    function: Literal["value", "as_rate", "as_count"] = "value"
    by: list[TagName] = Field(default_factory=list, max_length=3)
    minutes: int = Field(default=60, ge=5, le=MOST_MINUTES, description="How far back from now, or the incident's end.")


class Names(BaseModel):
    """Ask which metrics a service has."""

    model_config = ConfigDict(extra="forbid")

    service: ServiceName
    containing: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.]{0,60}$")] = ""


LOOKS = (
    Look("datadog_metric", "Read one of Datadog's metrics of one service: at most ten series, six hours, sixty points.", Metric),
    Look("datadog_metric_names", "List the names of a service's metrics in Datadog, to know what can be read.", Names),
)  # fmt: skip


def look(door: Door, credentials: DatadogCredentials, scope: Scope, window: Window, arguments: Metric | Names) -> Seen:
    """Return what Datadog knows.

    :raises SourceError: where the service is not in scope, or Datadog does not answer.
    """
    wanted = api.filter_of(credentials, [in_scope(scope, arguments.service)])
    with api.server(door, credentials) as asked:
        if isinstance(arguments, Names):
            found = sorted(
                name
                for name in api.metrics(asked, wanted, since=window.end - 3600)
                if arguments.containing.lower() in name.lower()
            )
            note = f"{len(found) - NAMES} more were left out" if len(found) > NAMES else ""
            return Seen(query=wanted, rows=tuple({"name": name} for name in found[:NAMES]), note=note)
        query = expression(wanted, arguments)
        step = max(15, math.ceil(arguments.minutes * 60 / POINTS))
        start = window.end - 60 * arguments.minutes
        rows = api.series(asked, [("a", (query,))], start=start, end=window.end, step=step)
    rows.sort(key=lambda row: -abs(row.values[-1]))
    note = f"{len(rows) - SERIES} more series were left out" if len(rows) > SERIES else ""
    if not rows:
        note = "no samples: the metric does not exist for this service, or had none in this time"
    return Seen(query=query, rows=tuple(map(_row, rows[:SERIES])), note=note)


def expression(wanted: str, asked: Metric) -> str:
    """Return the query; every part of it is ours, or was checked letter by letter."""
    by = f" by {{{','.join(asked.by)}}}" if asked.by else ""
    function = "" if asked.function == "value" else f".{asked.function}()"
    return f"{asked.aggregate}:{asked.metric}{{{wanted}}}{by}{function}"


def _row(row: api.Row) -> dict[str, object]:
    values = row.values
    every = math.ceil(len(values) / SHOWN_POINTS)
    shown = list(zip(row.times, values, strict=True))[::every]
    return {
        "labels": dict(row.tags),
        "min": _short(min(values)), "max": _short(max(values)), "mean": _short(sum(values) / len(values)),
        "first": _short(values[0]), "last": _short(values[-1]),
        "points": [[datetime.fromtimestamp(at, UTC).strftime("%H:%M"), _short(value)] for at, value in shown],
    }  # fmt: skip


def _short(value: float) -> float:
    return float(f"{value:.4g}")
