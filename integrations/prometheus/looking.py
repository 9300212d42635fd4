"""Small questions to Prometheus in a conversation: built from checked words, about one service in scope, within bounds."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from statistics import fmean
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from integrations.base import Look, Rejected, Seen
from integrations.matchers import quoted
from integrations.prometheus.api import Api
from integrations.prometheus.subjects import Subject, identified
from integrations.questions import in_scope

if TYPE_CHECKING:
    from integrations.base import Door, Scope
    from integrations.prometheus import PrometheusCredentials
    from scoring.observations import Window

MOST_MINUTES = 360
POINTS = 60
SHOWN_POINTS = 12
SERIES = 10
NAMES = 120
RATE_SECONDS = 120

MetricName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z_:][a-zA-Z0-9_:]{0,150}$")]
LabelName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z][a-zA-Z0-9_]{0,60}$")]
LabelValue = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_ .:/@%+-]{1,120}$")]
ServiceName = Annotated[str, Field(max_length=120, description="One of the services named in the document.")]


class Metric(BaseModel):
    """Ask for one metric of one service over time."""

    model_config = ConfigDict(extra="forbid")

    service: ServiceName
    metric: MetricName
    function: Literal["value", "rate", "increase", "quantile"] = Field(
        description="rate and increase for counters, quantile for names that end in _bucket, value for gauges."
    )
    aggregate: Literal["sum", "avg", "max", "min", "count"] = "sum"
    by: list[LabelName] = Field(default_factory=list, max_length=3)
    labels: dict[LabelName, LabelValue] = Field(default_factory=dict, max_length=5, description="Must equal.")
    quantile: float = Field(default=0.95, ge=0.5, le=0.999)
    minutes: int = Field(default=60, ge=5, le=MOST_MINUTES, description="How far back from now, or the incident's end.")

    @model_validator(mode="after")
    def _fits(self) -> Metric:
        if self.function == "quantile" and not self.metric.endswith("_bucket"):
            raise ValueError("metric: a quantile needs a histogram's name, which ends in _bucket")
        return self


class Names(BaseModel):
    """Ask which metrics a service has."""

    model_config = ConfigDict(extra="forbid")

    service: ServiceName
    containing: Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_:]{0,60}$")] = ""


LOOKS = (
    Look("metric", "Read one metric of one service over time: at most ten series, six hours, sixty points.", Metric),
    Look("metric_names", "List the names of a service's metrics, to know what can be read.", Names),
)


def look(
    door: Door, credentials: PrometheusCredentials, scope: Scope, window: Window, arguments: Metric | Names
) -> Seen:
    """Return what Prometheus knows.

    :raises SourceError: where the service is not in scope, or Prometheus does not answer.
    """
    service = in_scope(scope, arguments.service)
    with Api(door, credentials) as api:
        wanted = (arguments.metric,) if isinstance(arguments, Metric) else credentials.pack().metrics(of_service=True)
        start = window.end - 3600
        (subject,) = identified((Subject(service),), api, None, wanted, start=start, end=window.end)
        matchers = subject.matchers or subject.placeholders().get("pods", "")
        if not matchers:
            raise Rejected(f"no labels are known that name {service.name} in Prometheus", retryable=False)
        if isinstance(arguments, Names):
            return _names(api, matchers, arguments, window)
        return _metric(api, credentials, matchers, arguments, window)


def expression(matchers: str, asked: Metric) -> str:
    """Return the query; every part of it is ours, or was checked letter by letter."""
    extra = "".join(f',{label}="{quoted(value)}"' for label, value in sorted(asked.labels.items()))
    selector = f"{asked.metric}{{{matchers}{extra}}}"
    by = f" by ({', '.join(asked.by)})" if asked.by else ""
    if asked.function == "quantile":
        grouped = ", ".join(("le", *(label for label in asked.by if label != "le")))
        return f"histogram_quantile({asked.quantile:g}, sum by ({grouped}) (rate({selector}[{RATE_SECONDS}s])))"
    inner = selector if asked.function == "value" else f"{asked.function}({selector}[{RATE_SECONDS}s])"
    return f"{asked.aggregate}{by} ({inner})"


def _metric(api: Api, credentials: PrometheusCredentials, matchers: str, asked: Metric, window: Window) -> Seen:
    query = expression(matchers, asked)
    step = max(15, math.ceil(asked.minutes * 60 / POINTS))
    end = window.end
    rows = api.range(query, start=end - asked.minutes * 60, end=end, step=step)
    series = [made for row in rows if (made := _series(row))]
    series.sort(key=lambda one: -abs(one["last"]))
    note = f"{len(series) - SERIES} more series were left out" if len(series) > SERIES else ""
    if not series:
        note = "no samples: the metric does not exist for this service, or had none in this time"
    base = (credentials.external_url or credentials.url).rstrip("/")
    shown = urlencode(
        {
            "g0.expr": query,
            "g0.tab": 0,
            "g0.range_input": f"{asked.minutes}m",
            "g0.end_input": f"{datetime.fromtimestamp(end, UTC):%Y-%m-%d %H:%M:%S}",
        }
    )
    return Seen(query=query, rows=tuple(series[:SERIES]), link=f"{base}/graph?{shown}", note=note)


def _series(row: dict[str, Any]) -> dict[str, Any]:
    points = [(float(at), value) for at, text in row.get("values") or [] if math.isfinite(value := float(text))]
    if not points:
        return {}
    values = [value for _, value in points]
    every = math.ceil(len(points) / SHOWN_POINTS)
    return {
        "labels": dict(row.get("metric") or {}),
        "min": _round(min(values)),
        "max": _round(max(values)),
        "mean": _round(fmean(values)),
        "first": _round(values[0]),
        "last": _round(values[-1]),
        "points": [[datetime.fromtimestamp(at, UTC).strftime("%H:%M"), _round(value)] for at, value in points[::every]],
    }


def _round(value: float) -> float:
    return float(f"{value:.4g}")


def _names(api: Api, matchers: str, asked: Names, window: Window) -> Seen:
    query = f"group by (__name__) ({{{matchers}}})"
    found = sorted(
        name
        for row in api.range(query, start=window.end - 3600, end=window.end, step=900)
        if asked.containing.lower() in (name := str((row.get("metric") or {}).get("__name__", ""))).lower() and name
    )
    note = f"{len(found) - NAMES} more were left out" if len(found) > NAMES else ""
    return Seen(query=query, rows=tuple({"name": name} for name in found[:NAMES]), note=note)
