"""A decisive series as a picture: baseline band and onset marked, readable on light and dark, without relying on colour."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from copilot.lettering import drawable
from slackbot.wording import clip, duration, utc

if TYPE_CHECKING:
    from scoring.evidence import Evidence, Plot

WIDTH, HEIGHT, DOTS = 8.0, 3.2, 130
INK, GREY, BAND, LINE, ONSET = "#1d1c1d", "#5f6368", "#c9d7e8", "#1264a3", "#b3261e"
# Seconds between marks on the axis of time.
STEPS = (10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 14_400.0, 43_200.0, 86_400.0)
INDICATORS = {
    "latency_p50": "p50 latency",
    "latency_p95": "p95 latency",
    "latency_p99": "p99 latency",
    "error_ratio": "error ratio",
    "request_rate": "request rate",
    "cpu_usage": "CPU",
    "cpu_utilisation": "CPU utilisation",
    "cpu_throttling": "CPU throttling",
    "memory_usage": "memory",
    "memory_utilisation": "memory utilisation",
}
_BINARY = ("B", "KiB", "MiB", "GiB", "TiB")


@dataclass(frozen=True, slots=True)
class Drawn:
    """Hold a picture with the words that belong to it."""

    png: bytes
    title: str
    alt_text: str


@dataclass(frozen=True, slots=True)
class Scale:
    """Hold how values are shown: multiplied by `factor`, in `unit`."""

    factor: float
    unit: str

    def words(self, value: float) -> str:
        """Return a value with its unit and three significant digits."""
        shown = value * self.factor
        digits = f"{shown:.0f}" if abs(shown) >= 100 else f"{shown:.3g}"
        return f"{digits} %" if self.unit == "%" else f"{digits} {self.unit}".strip()


def indicator_name(indicator: str) -> str:
    """Return an indicator in the field's words."""
    return clip(INDICATORS.get(indicator, indicator.replace("_", " ")), 60)


def scale_for(unit: str, largest: float) -> Scale:
    """Return the unit in which numbers up to `largest` are read easily."""
    if unit in {"seconds", "s"}:
        return Scale(1000.0, "ms") if largest < 1 else Scale(1.0, "s") if largest < 600 else Scale(1 / 60, "min")
    if unit == "ratio":
        return Scale(100.0, "%")
    if unit in {"bytes", "bytes/s"}:
        step = min(len(_BINARY) - 1, int(math.log(largest, 1024)) if largest >= 1 else 0)
        return Scale(1024.0**-step, _BINARY[step] + ("/s" if unit.endswith("/s") else ""))
    if unit == "count":
        return Scale(1.0, "")
    return Scale(1.0, clip(unit, 20))


def finite(plot: Plot) -> list[tuple[float, float]]:
    """Return the points that are numbers, in order of time."""
    pairs = zip(plot.times, plot.values, strict=False)
    return sorted(
        (at, value) for at, value in pairs if math.isfinite(at) and math.isfinite(value) and 0 < at < 253_402_300_800
    )


def _known(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def alt_text(evidence: Evidence) -> str:
    """Return what the chart shows, for those who cannot see it."""
    plot = evidence.plot
    points = finite(plot) if plot else []
    if plot is None or not points:
        return f"{indicator_name(evidence.indicator)} of {clip(str(evidence.entity), 80)}: no values."
    values = [value for _, value in points]
    scale = scale_for(plot.unit, max(abs(value) for value in values))
    parts = [
        f"Line chart of {indicator_name(evidence.indicator)} of {clip(str(evidence.entity), 80)}",
        f"over {duration(points[-1][0] - points[0][0])}, ending {utc(datetime.fromtimestamp(points[-1][0], tz=UTC))}.",
        f"From {scale.words(min(values))} to {scale.words(max(values))}, last {scale.words(values[-1])}.",
    ]
    baseline, began = _known(plot.baseline), _known(plot.onset)
    if baseline is not None:
        parts.append(f"Baseline {scale.words(baseline)}.")
    if began is not None and points[0][0] <= began <= points[-1][0]:
        parts.append(f"It left its baseline at {utc(datetime.fromtimestamp(began, tz=UTC))}.")
    return " ".join(parts)


def title(evidence: Evidence) -> str:
    """Return the chart's title, with the evidence's short name."""
    return f"{clip(evidence.id, 8)} {clip(str(evidence.entity), 60)}: {indicator_name(evidence.indicator)}"


def draw(evidence: Evidence) -> Drawn:
    """Return the evidence's series as PNG, 1040 by 416 pixels; times on the axis are UTC.

    :raises ValueError: where the evidence has no series.
    """
    plot = evidence.plot
    points = finite(plot) if plot else []
    if plot is None or not points:
        raise ValueError(f"evidence {evidence.id} has no series to draw")
    # Drawing needs Agg alone; pyplot would keep state for the whole process.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    times = [at for at, _ in points]
    values = [value for _, value in points]
    scale = scale_for(plot.unit, max(abs(value) for value in values))
    figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DOTS, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    low, high, baseline = _known(plot.baseline_low), _known(plot.baseline_high), _known(plot.baseline)
    if low is not None and high is not None and high > low:
        axes.axhspan(low, high, color=BAND, alpha=0.7, linewidth=0, label="usual range", zorder=1)
    if baseline is not None:
        axes.axhline(baseline, color=GREY, linewidth=1, linestyle=(0, (4, 3)), label="baseline", zorder=2)
    axes.plot(times, values, color=LINE, linewidth=2, solid_joinstyle="round", zorder=3)
    began = _known(plot.onset)
    if began is not None and points[0][0] <= began <= points[-1][0]:
        at = datetime.fromtimestamp(began, tz=UTC)
        axes.axvline(began, color=ONSET, linewidth=1.6, linestyle=(0, (6, 2)), label=f"onset {at:%H:%M} UTC", zorder=4)
    last = drawable(f"last {scale.words(values[-1])}")
    axes.annotate(
        last,
        (times[-1], values[-1]),
        xytext=(6, 0),
        textcoords="offset points",
        fontsize=9,
        fontweight="bold",
        color=INK,
        va="center",
        annotation_clip=False,
        parse_math=False,
    )
    # Names come from outside: a dollar sign in one is a dollar sign, no formula.
    axes.set_title(drawable(title(evidence)), loc="left", fontsize=11, fontweight="bold", color=INK, parse_math=False)
    if min(values) >= 0:
        axes.set_ylim(bottom=0)
    _frame(axes, scale, times)
    buffer = io.BytesIO()
    # No software name or date in the file: equal evidence gives equal bytes.
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return Drawn(png=buffer.getvalue(), title=title(evidence), alt_text=alt_text(evidence))


def _frame(axes: Any, scale: Scale, times: list[float]) -> None:
    """Draw what surrounds the line: axes with units, a faint grid, the legend."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _position: drawable(scale.words(value))))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
    axes.xaxis.set_major_locator(FixedLocator(ticks(times[0], times[-1])))
    form = "%H:%M" if times[-1] - times[0] >= 300 else "%H:%M:%S"
    axes.xaxis.set_major_formatter(FuncFormatter(lambda at, _position: f"{datetime.fromtimestamp(at, tz=UTC):{form}}"))
    axes.set_xlabel(f"{datetime.fromtimestamp(times[-1], tz=UTC):%Y-%m-%d}, UTC", fontsize=8.5, color=GREY)
    axes.margins(x=0.01)
    axes.tick_params(colors=GREY, labelsize=8.5, length=3)
    axes.grid(axis="y", color="#e4e6e8", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color("#c4c7ca")
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        axes.legend(handles, labels, loc="upper left", fontsize=8.5, frameon=False, ncols=3, labelcolor=INK)
        # Room for the legend above the highest value.
        bottom, top = axes.get_ylim()
        axes.set_ylim(bottom, top + (top - bottom) * 0.12)


def ticks(first: float, last: float) -> list[float]:
    """Return round times between two, at most eight."""
    step = next((one for one in STEPS if (last - first) / one <= 7), 86_400.0 * math.ceil((last - first) / 86_400 / 7))
    start = math.ceil(first / step)
    return [step * place for place in range(start, math.floor(last / step) + 1)] or [last]
