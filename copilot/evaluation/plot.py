"""Reliability as a picture: what was said against what was right, raw and calibrated, with the number of cases in each bin."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Final

from scoring.confidence import beta_interval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_WIDTH, _HEIGHT, _DOTS = 7.2, 7.2, 150
_INK, _GREY, _FAINT = "#1d1c1d", "#5f6368", "#e4e6e8"
# Shape and line tell them apart as well as colour does.
_STYLES: Final[tuple[tuple[str, str, dict[str, Any]], ...]] = (
    ("reliability_raw", "raw", {"color": "#8a5a00", "marker": "s", "linestyle": (0, (4, 3)), "markerfacecolor": "white"}),
    ("reliability", "cross-validated", {"color": "#1264a3", "marker": "o", "linestyle": "-"}),
)  # fmt: skip
_BAR: Final = 0.038


def draw(sure: Mapping[str, Any]) -> bytes:
    """Return a calibration (as `calibration` gives it) as PNG, 1080 by 1080 pixels.

    :raises ValueError: where no case was judged.
    """
    if not sure["judged"]:
        raise ValueError("no case was judged: there is nothing to draw")
    # Drawing needs Agg alone; pyplot would keep state for the whole process.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH, _HEIGHT), dpi=_DOTS, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    shares, counts = figure.subplots(2, 1, sharex=True, height_ratios=(3.4, 1.0))
    shares.plot(
        (0, 1),
        (0, 1),
        color=_GREY,
        linewidth=1,
        linestyle=(0, (1, 2)),
        label="as right as said (bars: 80 % range of the share)",
        zorder=1,
    )
    for place, (key, name, style) in enumerate(_STYLES):
        rows: Sequence[Mapping[str, Any]] = sure[key]
        number = "brier_raw" if key == "reliability_raw" else "brier"
        error = "ece_raw" if key == "reliability_raw" else "ece"
        label = f"{name}: Brier {sure[number]:.3f}, ECE {sure[error]:.3f}"
        said, right = [row["said"] for row in rows], [row["right"] for row in rows]
        shares.plot(said, right, linewidth=1.4, markersize=6.5, label=label, zorder=3 + place, clip_on=False, **style)
        # Bins of few cases say little: the middle 80 % of what their share may be.
        ranges = [beta_interval(row["right"] * row["cases"] + 1, (1 - row["right"]) * row["cases"] + 1) for row in rows]
        shares.vlines(said, [low for _, low, _ in ranges], [high for _, _, high in ranges], color=style["color"], linewidth=1.0,
                      alpha=0.6, zorder=2, clip_on=False)  # fmt: skip
        middles = [(row["low"] + row["high"]) / 2 + (place - 0.5) * (_BAR + 0.004) for row in rows]
        bars = counts.bar(middles, [row["cases"] for row in rows], width=_BAR, color=style.get("markerfacecolor", style["color"]),
                          edgecolor=style["color"], linestyle=style["linestyle"], linewidth=1.1)  # fmt: skip
        counts.bar_label(bars, fontsize=7.5, color=_INK, padding=1.5)
    shares.set_title(
        f"Confidence of the first line, {sure['judged']} recorded cases, {sure['right']:.0%} right",
        loc="left", fontsize=11, fontweight="bold", color=_INK,
    )  # fmt: skip
    shares.set_ylabel("share that was right", fontsize=9.5, color=_INK)
    shares.set_ylim(-0.03, 1.03)
    shares.legend(loc="upper left", fontsize=9, frameon=False, labelcolor=_INK)
    counts.set_ylabel("cases", fontsize=9.5, color=_INK)
    counts.set_xlabel("confidence that was said", fontsize=9.5, color=_INK)
    counts.margins(y=0.22)
    counts.set_xlim(0, 1)
    counts.set_xticks([place / 10 for place in range(11)])
    for axes in (shares, counts):
        axes.grid(color=_FAINT, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.tick_params(colors=_GREY, labelsize=8.5, length=3)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        for side in ("left", "bottom"):
            axes.spines[side].set_color("#c4c7ca")
    buffer = io.BytesIO()
    # No software name or date in the file: equal figures give equal bytes.
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
