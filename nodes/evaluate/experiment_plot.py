"""A plot of scores against the share of real data, as PNG and SVG."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal

from nodes.evaluate.experiment_statistics import Row, Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = ("#555555", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00")
"""Okabe and Ito's palette, which colour-blind people can tell apart."""

_SPREAD = 0.012
"""By how much arms are moved aside, as a share of the axis, so that their bars do not hide each other."""


def draw_scores(rows: Sequence[Row], runs: Sequence[Run], *, measure: str, title: str) -> Figure:
    """Means with their intervals per arm, against the share of real data; single runs as dashes.

    With one share only, the arms stand side by side.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.2), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    arms = list(dict.fromkeys(row.arm for row in rows))
    fractions = sorted({row.fraction for row in rows})
    alone = len(fractions) == 1
    for index, arm in enumerate(arms):
        shift = index - fractions[0] if alone else (index - (len(arms) - 1) / 2) * _SPREAD
        _draw_arm(
            axes,
            [row for row in rows if row.arm == arm],
            [run for run in runs if run.arm == arm],
            shift,
            _COLOURS[index % len(_COLOURS)],
        )
    if alone:
        axes.set_xticks(range(len(arms)), arms)
        axes.set_xlim(-0.6, len(arms) - 0.4)
        axes.set_xlabel(f"arm, with {fractions[0]:.0%} of the real pictures")
    else:
        axes.set_xlim(left=0, right=1.05)
        axes.set_xlabel("share of the real pictures")
        axes.legend(frameon=False)
    axes.set_ylabel(measure)
    axes.set_ylim(bottom=0)
    axes.grid(visible=True, alpha=0.3)
    if title:
        axes.set_title(title)
    return figure


def encoded(figure: Figure, format: Literal["png", "svg"]) -> bytes:
    """The figure as a file; the same figure gives the same bytes."""
    import matplotlib as mpl

    stream = BytesIO()
    metadata = {"Software": None} if format == "png" else {"Date": None, "Creator": None}
    with mpl.rc_context({"svg.hashsalt": "nodegraph"}):
        figure.savefig(stream, format=format, metadata=metadata)
    return stream.getvalue()


def _draw_arm(axes: Axes, rows: Sequence[Row], runs: Sequence[Run], shift: float, colour: str) -> None:
    places = [row.fraction + shift for row in rows]
    means = [row.score.mean for row in rows]
    below = [0.0 if row.score.low is None else row.score.mean - row.score.low for row in rows]
    above = [0.0 if row.score.high is None else row.score.high - row.score.mean for row in rows]
    bars: Any = [below, above]
    axes.errorbar(
        places, means, yerr=bars, marker="o", capsize=3, color=colour, label=rows[0].arm, linewidth=1.5
    )
    axes.plot(
        [run.fraction + shift for run in runs],
        [run.score for run in runs],
        linestyle="none",
        marker="_",
        color=colour,
        alpha=0.6,
    )
