"""What the networks are conditioned on: the shards' parameters, or action units for a GANimation."""

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32

from models3d.errors import InputError
from pipeline.gan.pictures import Pictures
from pipeline.provenance import file_digest
from pipeline.seeds import generator

OPENFACE_STRONGEST = 5.0
"""OpenFace's intensities (columns AU.._r) go from 0 to 5."""

CONDITIONS = ("params", "action_units")


class Conditions(NamedTuple):
    """The parameters of all pictures as the networks take them."""

    values: Float32[np.ndarray, "n p"]
    names: tuple[str, ...]
    usable: Bool[np.ndarray, " n"]
    """Whether the picture has any."""
    origin: str
    """For reports, and in the digest of a training."""


def read_conditions(
    pictures: Pictures, condition: str, action_units: Path | None, detector_noise: float, seed: int
) -> Conditions:
    """The parameters, or action units: from OpenFace if there is a file of them, else the known actions with noise.

    detector_noise  standard deviation of what a detector would add, in units of the shards' parameters

    Raises InputError if the condition is unknown, or the file is not as `read_action_units` expects.
    """
    everything = np.ones(len(pictures.params), bool)
    if condition == "params":
        return Conditions(pictures.params, pictures.condition.component_names, everything, "parameters of the shards")
    if condition != "action_units":
        raise InputError("train_slidergan.condition", f"got '{condition}'", f"use one of {CONDITIONS}")
    if action_units is None:
        noise = generator(seed, "train_slidergan", "detector").standard_normal(pictures.params.shape)
        detected = np.clip(pictures.params + detector_noise * noise, -1, 1).astype(np.float32)
        origin = f"known actions with a detector's noise of {detector_noise:g}"
        return Conditions(detected, pictures.condition.component_names, everything, origin)
    values, names, usable = read_action_units(action_units, pictures.ids)
    return Conditions(values, names, usable, f"OpenFace, {file_digest(action_units)[:16]}")


def read_action_units(
    path: Path, ids: tuple[str, ...]
) -> tuple[Float32[np.ndarray, "n p"], tuple[str, ...], Bool[np.ndarray, " n"]]:
    """Intensities over 5 of every picture from a CSV: OpenFace's columns and `id`, with `success` 0 for no face.

    id  a picture's id; that of a `paired` shard's is `<id>#<variant>`

    Raises InputError if a column is missing, a value is no number, or not one picture is in the file.
    """
    remedy = "write one row a picture: a column 'id', and OpenFace's columns AU01_r to AU45_r"
    try:
        names, rows = _intensities(path, remedy)
    except (OSError, csv.Error, UnicodeDecodeError) as error:
        raise InputError(path, f"cannot be read as a CSV in UTF-8 ({error})", remedy) from error
    usable = np.array([name in rows for name in ids], bool)
    if not usable.any():
        raise InputError(path, f"has none of the training's pictures ('{ids[0]}' is one)", remedy)
    values = np.array([rows.get(name, [0.0] * len(names)) for name in ids], np.float32) / OPENFACE_STRONGEST
    if not np.isfinite(values).all():
        raise InputError(path, "has intensities that are no numbers", remedy)
    return np.clip(values, 0, 1), names, usable


def _intensities(path: Path, remedy: str) -> tuple[tuple[str, ...], dict[str, list[float]]]:
    """The columns of action units, and the numbers of every picture in which a face was found."""
    rows = {}
    with path.open(newline="", encoding="utf-8") as stream:
        reader = csv.DictReader(stream, skipinitialspace=True, strict=True)
        names = tuple(name for name in reader.fieldnames or () if name.startswith("AU") and name.endswith("_r"))
        if not names or "id" not in (reader.fieldnames or ()):
            raise InputError(path, "has no column 'id', or none of action units", remedy)
        for row in reader:
            if None in row or None in row.values():
                raise InputError(path, f"line {reader.line_num} has not one value a column", remedy)
            if row.get("success", "1").strip() == "0":
                continue
            try:
                rows[row["id"]] = [float(row[name]) for name in names]
            except ValueError as error:
                raise InputError(path, f"line {reader.line_num} holds no numbers ({error})", remedy) from error
    return names, rows
