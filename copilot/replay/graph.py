"""The page behind evidence's links to Prometheus: a recorded query drawn as Prometheus' own graph page would show it."""

from __future__ import annotations

import html
import math
import re
from datetime import UTC, datetime
from typing import Any

WIDTH, HEIGHT, MARGIN = 900, 320, 56
MOST_SERIES = 12
COLOURS = ("#1264a3", "#c0392b", "#1e8449", "#8e44ad", "#b9770e", "#0e6655", "#5d6d7e", "#d35400")
_RANGE = re.compile(r"(\d+)([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

Rows = list[dict[str, Any]]


def span(parameters: dict[str, str], *, now: float) -> tuple[float, float]:
    """Return the start and end that a graph link asks for; an hour until now where it does not say."""
    found = _RANGE.fullmatch(parameters.get("g0.range_input", ""))
    seconds = int(found[1]) * _SECONDS[found[2]] if found else 3600
    try:
        end = datetime.fromisoformat(parameters["g0.end_input"]).replace(tzinfo=UTC).timestamp()
    except (KeyError, ValueError):
        end = now
    return end - min(max(seconds, 60), 7 * 86400), end


def page(query: str, rows: Rows, *, start: float, end: float) -> bytes:
    """Return the page for a query's series."""
    shown = [(row["metric"], points) for row in rows[:MOST_SERIES] if (points := _finite(row["values"]))]
    body = _drawing(shown, start=start, end=end) if shown else "<p>The recording has no such series.</p>"
    legend = "".join(
        f'<li style="color:{COLOURS[number % len(COLOURS)]}"><code>{html.escape(_name(metric))}</code></li>'
        for number, (metric, _) in enumerate(shown)
    )
    return f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Recorded Prometheus</title>
<style>body{{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1d1c1d}}
pre{{background:#f6f6f6;padding:.75rem;white-space:pre-wrap}}text{{font-size:12px;fill:#555}}</style></head>
<body><h1>Recorded Prometheus</h1><pre>{html.escape(query)}</pre>{body}<ul>{legend}</ul>
<p>{_clock(start)} to {_clock(end)} UTC, from a recording with its times moved to now.</p></body></html>""".encode()


def _finite(values: list[list[Any]]) -> list[tuple[float, float]]:
    return [(float(at), number) for at, value in values if math.isfinite(number := float(value))]


def _drawing(shown: list[tuple[dict[str, str], list[tuple[float, float]]]], *, start: float, end: float) -> str:
    numbers = [value for _, points in shown for _, value in points]
    low, high = min(0.0, *numbers), max(numbers)
    high = high if high > low else low + 1.0

    def place(at: float, value: float) -> str:
        x = MARGIN + (WIDTH - MARGIN) * (at - start) / (end - start)
        y = HEIGHT - 24 - (HEIGHT - 40) * (value - low) / (high - low)
        return f"{x:.1f},{y:.1f}"

    lines = "".join(
        f'<polyline fill="none" stroke="{COLOURS[number % len(COLOURS)]}" stroke-width="2" '
        f'points="{" ".join(place(at, value) for at, value in points)}"/>'
        for number, (_, points) in enumerate(shown)
    )
    marks = "".join(
        f'<text x="0" y="{place(start, value).partition(",")[2]}">{value:.4g}</text>' for value in (low, high)
    )
    times = (
        f'<text x="{MARGIN}" y="{HEIGHT - 4}">{_clock(start)}</text>'
        f'<text x="{WIDTH}" y="{HEIGHT - 4}" text-anchor="end">{_clock(end)}</text>'
    )
    title = f"from {low:.4g} to {high:.4g}"
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">{lines}{marks}{times}</svg>'


def _name(metric: dict[str, str]) -> str:
    inner = ", ".join(f'{key}="{value}"' for key, value in sorted(metric.items()) if key != "__name__")
    return f"{metric.get('__name__', '')}{{{inner}}}"


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, tz=UTC).strftime("%Y-%m-%d %H:%M")
