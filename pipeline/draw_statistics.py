"""What the labels of a dataset look like as a whole: distributions of errors and of every coefficient."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from scipy.stats import norm

from models3d.errors import InputError
from pipeline.files import Paths
from pipeline.plots import BARS, GHOST, bins, draw_histogram, panels, write_figure
from pipeline.settings.dataset import DrawStatistics
from pipeline.shards import Shard, read_shard

STAGE = "draw_statistics"

MEASURES: Mapping[tuple[str, str], tuple[str, str]] = {
    ("annotated", "residual"): ("landmark residual", "share of the inter-ocular distance"),
    ("annotated", "params_sigma"): ("error bars", "standard deviations of the component"),
    ("paired", "invented"): ("invented", "share of the face that the photo does not show"),
    ("paired", "draws"): ("draws", "expressions drawn until one could be shown"),
    ("meshes", "residual"): ("distance to the model", "mm"),
    ("speech", "residual"): ("landmark residual", "share of the inter-ocular distance"),
    ("speech", "confidence"): ("confidence of the alignment", "1 is certain"),
}
"""Kind and array -> title and unit. Arrays that a kind does not have are left out."""

IN_RANGE_UNITS = ("params_sigma",)
"""Arrays that, like `params`, are in parts of the range."""

LIMITS = (-3.3, 3.3)
"""Standard deviations that are shown: 3 are the usual bounds."""


def run(inputs: Paths, outputs: Paths, settings: DrawStatistics) -> None:
    """Draw `outputs["figure"]` from `inputs["shards"]`, all of kind `settings.kind`.

    First one histogram a measure of the kind (MEASURES), then one a component: its coefficient in standard deviations
    over every image that has it other than exactly zero, against the density of N(0, 1) between its bounds.
    Raises InputError if the shards have not the same components and range.
    """
    shards = [read_shard(path, settings.kind) for path in inputs["shards"]]
    if not shards:
        raise InputError(outputs["figure"], "there are no shards to draw", "give at least one")
    for path, shard in zip(inputs["shards"], shards, strict=True):
        for name in ("component_names", "range"):
            if shard.attributes[name] != shards[0].attributes[name]:
                raise InputError(path, f"has another {name} than {inputs['shards'][0]}", "draw them apart")
    names: Sequence[str] = shards[0].attributes["component_names"]  # type: ignore[assignment]
    measures = list(measured(shards))
    coefficients = in_sigmas(shards, "params").reshape(-1, len(names))
    figure, axes = panels(len(measures) + len(names))
    for place, (values, title, unit) in zip(axes, measures, strict=False):
        draw_histogram(place, values, title, unit)
    bounds = np.array(shards[0].attributes["bounds"], float) * float(shards[0].attributes["range"])  # type: ignore[arg-type]
    for place, name, column, ends in zip(axes[len(measures) :], names, coefficients.T, bounds, strict=True):
        draw_coefficient(place, column, name, ends)
    write_figure(outputs["figure"], figure)


def measured(shards: Sequence[Shard]) -> Iterator[tuple[Float[np.ndarray, " n"], str, str]]:
    """The values, title and unit of each measure that the shards have."""
    for (kind, name), (title, unit) in MEASURES.items():
        if kind == shards[0].kind and name in shards[0].arrays:
            parts = in_sigmas(shards, name) if name in IN_RANGE_UNITS else joined(shards, name)
            yield parts.reshape(-1), title, unit


def joined(shards: Sequence[Shard], name: str) -> Float[np.ndarray, "..."]:
    """An array of all shards, in double precision."""
    return np.concatenate([np.asarray(shard[name], np.float64) for shard in shards])


def in_sigmas(shards: Sequence[Shard], name: str) -> Float[np.ndarray, "..."]:
    """An array that is stored in parts of the range, in standard deviations."""
    return joined(shards, name) * float(shards[0].attributes["range"])  # type: ignore[arg-type]


def draw_coefficient(axes: Axes, values: Float[np.ndarray, " n"], name: str, bounds: Float[np.ndarray, "2"]) -> None:
    """One component's histogram as a density, and the standard normal one between its bounds."""
    moved = values[values != 0]
    if len(moved):
        axes.hist(moved, bins=bins(len(moved)), density=True, color=BARS)
    low, high = bounds
    grid = np.linspace(low, high, 121)
    axes.plot(grid, norm.pdf(grid) / (norm.cdf(high) - norm.cdf(low)), color=GHOST, linewidth=1.2)
    said = f": {moved.mean():+.2f} ± {moved.std():.2f}" if len(moved) else ": never moved"
    axes.set_title(f"{name}{said}")
    axes.set_xlim(*LIMITS)
    axes.set_yticks([])
