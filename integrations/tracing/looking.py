"""What a conversation may ask of traces, and how answers are shown: edges with their calls, and slow traces."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from integrations.base import Look

if TYPE_CHECKING:
    from collections.abc import Iterable

    from integrations.tracing.spans import Calls, Span

MOST_MINUTES = 360
EDGES = 20
TRACES = 5
SPANS = 8
ServiceName = Annotated[str, Field(max_length=120, description="One of the services named in the document.")]
Minutes = Annotated[int, Field(ge=1, le=MOST_MINUTES, description="How far back from now, or the incident's end.")]


class Edges(BaseModel):
    """Ask whom a service calls, how long that took and how often it failed."""

    model_config = ConfigDict(extra="forbid")

    service: ServiceName
    minutes: Minutes = 15


class SlowTraces(BaseModel):
    """Ask for a service's slowest traces."""

    model_config = ConfigDict(extra="forbid")

    service: ServiceName
    minutes: Minutes = 15
    least_milliseconds: int = Field(
        default=500, ge=1, le=600_000, description="Only traces that took at least so long."
    )


LOOKS = (
    Look(
        "edges", "List whom a service calls, the slowest first: calls, error ratio, median and 95th percentile.", Edges
    ),
    Look("slow_traces", "Show a service's slowest traces: at most five, of each the longest eight spans.", SlowTraces),
)


def edge_rows(found: Calls) -> tuple[dict[str, Any], ...]:
    """Return a row for each edge, the slowest first."""
    # Imported when used: a process that only lists the integrations needs no numpy.
    from integrations.tracing.edges import quantile

    rows: list[dict[str, Any]] = [
        {
            "caller": edge.caller.name,
            "callee": edge.callee.name,
            "calls": len(made),
            "error_ratio": round(sum(one.failed for one in made) / len(made), 4),
            "p50_ms": _milliseconds(quantile([one.seconds for one in made], 0.5)),
            "p95_ms": _milliseconds(quantile([one.seconds for one in made], 0.95)),
        }
        for edge, made in found.by_edge.items()
        if edge.callee
    ]
    return tuple(sorted(rows, key=lambda row: (-row["p95_ms"], row["caller"], row["callee"]))[:EDGES])


def trace_rows(spans: Iterable[Span]) -> tuple[dict[str, Any], ...]:
    """Return a row for each trace, the slowest first, with its longest spans."""
    by_trace: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        by_trace[span.trace].append(span)
    slowest = sorted(by_trace.items(), key=lambda pair: (-_length(pair[1]), pair[0]))[:TRACES]
    return tuple(
        {
            "trace": trace,
            "at": datetime.fromtimestamp(min(one.start for one in some), UTC).strftime("%H:%M:%S"),
            "ms": _milliseconds(_length(some)),
            "spans": [
                {"service": one.service, "operation": one.operation[:120], "ms": _milliseconds(one.seconds), "failed": one.failed}
                for one in sorted(some, key=lambda one: (-one.seconds, one.start, one.id))[:SPANS]
            ],
        }
        for trace, some in slowest
    )  # fmt: skip


def _length(spans: list[Span]) -> float:
    return max(one.start + one.seconds for one in spans) - min(one.start for one in spans)


def _milliseconds(seconds: float) -> float:
    return float(f"{seconds * 1000:.4g}")
