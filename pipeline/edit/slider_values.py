"""What can be set, from where to where, and reading it from text."""

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32

from models3d.errors import InputError
from pipeline.actions import side_free
from pipeline.config_check import nearest
from pipeline.files import read_table
from pipeline.gan.checkpoints import Description

LARGEST_FILE = 1_000_000
"""Bytes; a thousand sliders take a fiftieth of that."""


class Slider(NamedTuple):
    """One parameter of a checkpoint."""

    name: str
    low: float
    """Lowest value that training can have shown: -1, or 0 for what works in one direction only."""
    high: float


def sliders_of(description: Description) -> tuple[Slider, ...]:
    """The sliders of a checkpoint, in the order of its parameters."""
    condition = description.condition
    if description.names == condition.component_names:
        bounds: Sequence[tuple[float, float]] = condition.bounds
    else:
        bounds = [(0.0, 1.0)] * len(description.names)  # intensities of action units
    return tuple(
        Slider(name, max(-1.0, low), min(1.0, high))
        for name, (low, high) in zip(description.names, bounds, strict=True)
    )


def read_values(texts: Iterable[str], sliders: Sequence[Slider]) -> dict[str, float]:
    """`name=value` texts as values by slider. A name without its side stands for both.

    Raises InputError for a text of another form, an unknown name (the nearest is named) or a value beyond its slider.
    """
    values: dict[str, float] = {}
    for text in texts:
        name, equals, number = text.partition("=")
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not equals or not math.isfinite(value):
            raise InputError(f"--set {text}", "is not a name and a number", "write it as jaw_open=0.6")
        values |= {slider.name: _within(value, slider) for slider in _named(name.strip(), sliders)}
    return values


def read_values_file(path: Path, sliders: Sequence[Slider]) -> dict[str, float]:
    """The values of a CSV with the columns name and value, as the page of sliders saves it; see `read_values`.

    Raises InputError, too, if the file is missing or has other columns.
    """
    remedy = "name a CSV with the columns name and value, as the page of sliders saves it"
    if not path.is_file() or path.stat().st_size > LARGEST_FILE:
        raise InputError(path, "is missing, or far too large to hold values", remedy)
    try:
        rows = [f"{row['name']}={row['value']}" for row in read_table(path)]
    except (KeyError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(path, f"is no table of values ({error})", remedy) from error
    return read_values(rows, sliders)


def _named(name: str, sliders: Sequence[Slider]) -> list[Slider]:
    found = [slider for slider in sliders if slider.name == name]
    found = found or [slider for slider in sliders if side_free(slider.name) == name]
    if not found:
        known = {slider.name for slider in sliders} | {side_free(slider.name) for slider in sliders}
        raise InputError(f"--set {name}", "there is no such slider", nearest(name, known))
    return found


def _within(value: float, slider: Slider) -> float:
    if not slider.low <= value <= slider.high:
        remedy = f"keep it within [{slider.low:g}, {slider.high:g}]"
        raise InputError(f"--set {slider.name}={value:g}", "is beyond its slider", remedy)
    return value


def with_values(
    params: Float32[np.ndarray, " p"], values: Mapping[str, float], sliders: Sequence[Slider]
) -> Float32[np.ndarray, " p"]:
    """Parameters with some of them set, all of them within their sliders."""
    chosen = [values.get(slider.name, float(value)) for slider, value in zip(sliders, params, strict=True)]
    return np.clip(chosen, [slider.low for slider in sliders], [slider.high for slider in sliders]).astype(np.float32)
