"""How a training went: every loss, the mask and the pace, over the steps."""

import numpy as np
from jaxtyping import Float

from models3d.errors import InputError
from pipeline.files import Paths, read_table
from pipeline.plots import BARS, GHOST, panels, write_figure
from pipeline.settings.train import DrawTraining

STAGE = "draw_training"

NOT_CURVES = ("step", "paired")


def run(inputs: Paths, outputs: Paths, settings: DrawTraining) -> None:
    """Draw `outputs["figure"]` from `inputs["history"]`, what `train_slidergan` wrote: a panel a column.

    A grey line marks where the paired epochs end. A term that the training does not have gets no panel.
    Raises InputError if the history has no rows.
    """
    rows = read_table(inputs["history"])
    if not rows:
        raise InputError(inputs["history"], "holds no steps", "delete it and run the workflow again")
    columns = {name: np.array([float(row[name] or "nan") for row in rows]) for name in rows[0]}
    curves = {name: c for name, c in columns.items() if name not in NOT_CURVES and np.isfinite(c).any()}
    steps, paired = columns["step"], columns["paired"] > 0
    figure, axes = panels(len(curves))
    for place, (name, values) in zip(axes, curves.items(), strict=True):
        known = np.isfinite(values)
        place.plot(steps[known], values[known], color=BARS, linewidth=0.6, alpha=0.5)
        place.plot(steps[known], smoothed(values[known]), color=BARS, linewidth=1.5)
        if paired.any() and not paired.all():
            place.axvline(steps[paired].max(), color=GHOST, linewidth=1)
        place.set_title(f"{name.replace('_', ' ')}: {values[known][-1]:.3g}")
        place.margins(x=0)
    write_figure(outputs["figure"], figure)


def smoothed(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Mean over a window of a twentieth of the curve, narrower at its ends."""
    half = len(values) // 40
    sums = np.concatenate([[0.0], np.cumsum(values)])
    places = np.arange(len(values))
    low, high = np.maximum(places - half, 0), np.minimum(places + half + 1, len(values))
    return (sums[high] - sums[low]) / (high - low)
