"""Diagrams for people: PNG files with equal bytes for equal numbers, legible on a telephone."""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from models3d.whole_file import whole_file

PLAIN: Any = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same letters everywhere
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "figure.facecolor": "white",
}
DOTS_PER_INCH = 110
COLUMNS = 2
PANEL_INCHES = (3.6, 2.1)
BARS, MARK, GHOST = "#3a6ea5", "#c44e52", "#999999"
MOST_BINS = 40


def panels(count: int) -> tuple[Figure, list[Axes]]:
    """An empty figure with `count` axes, two a row, in reading order."""
    rows = max(1, -(-count // COLUMNS))
    with rc_context(PLAIN):
        figure = Figure(figsize=(PANEL_INCHES[0] * COLUMNS, PANEL_INCHES[1] * rows), layout="constrained")
        axes = list(figure.subplots(rows, COLUMNS, squeeze=False).flat)
    for spare in axes[count:]:
        spare.set_axis_off()
    return figure, axes[:count]


def bins(count: int) -> int:
    """How many bars so many values deserve."""
    return int(np.clip(np.sqrt(count), 5, MOST_BINS))


def draw_histogram(axes: Axes, values: Float[np.ndarray, " n"], title: str, label: str) -> None:
    """How often which value occurs, with the median marked; what is not finite is counted in the title."""
    finite = values[np.isfinite(values)]
    lost = len(values) - len(finite)
    if len(finite):
        axes.hist(finite, bins=bins(len(finite)), color=BARS)
        middle = float(np.median(finite))
        axes.axvline(middle, color=MARK, linewidth=1.2)
        title = f"{title}: median {middle:.3g}"
    axes.set_title(title + (f", {lost} not finite" if lost else ""))
    axes.set_xlabel(label)
    axes.locator_params(axis="x", nbins=5)
    axes.set_yticks([])


def write_figure(path: Path, figure: Figure) -> None:
    """Write a figure whole, as PNG, without the time or the name of the program."""
    with whole_file(path) as temporary, rc_context(PLAIN):
        figure.savefig(temporary, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
