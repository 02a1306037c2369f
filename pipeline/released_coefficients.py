"""LRW-3D's speech coefficients of a clip: `.npy`, `.npz` or `.h5` of (29, 10 or more), whatever its array is called."""

from collections.abc import Callable, Mapping
from math import prod
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from models3d.errors import InputError, UnusableDatum
from models3d.readers.fields import Fields
from models3d.readers.hdf5 import hdf5_fields
from models3d.readers.npz import npy_fields, npz_fields
from pipeline.lrw import FRAMES

SUFFIXES = (".npy", ".npz", ".h5")
LAYOUT = f"LRW-3D's coefficients of a clip ({', '.join(SUFFIXES)} of one array)"
MOST_BYTES = 10_000_000
"""An array of 29 x 1,000 numbers has a fortieth of it."""


def read_released(path: Path, most: int) -> Float32[np.ndarray, "f k"]:
    """The first `most` columns of the file's only array.

    Raises UnusableDatum if it does not hold exactly one array, of 29 rows and `most` columns or more of finite numbers.
    """
    try:
        array = _only_array(path)
    except InputError as error:
        raise UnusableDatum(f"'{path.name}' cannot be read ({error})") from error
    if array.ndim != 2 or len(array) != FRAMES or array.shape[1] < most or array.dtype.kind != "f":
        problem = f"holds {array.dtype} {array.shape} where ({FRAMES}, {most} or more) floats are expected"
        raise UnusableDatum(f"'{path.name}' {problem}")
    if not np.isfinite(array[:, :most]).all():
        raise UnusableDatum(f"'{path.name}' holds numbers that are not finite")
    return array[:, :most].astype(np.float32)


def _only_array(path: Path) -> np.ndarray:
    """Nothing is unpickled, nothing outside the file is followed, no size is believed before it is checked."""
    fields = FIELDS[path.suffix](path)
    if len(fields.shapes) != 1:
        raise UnusableDatum(f"'{path.name}' holds {len(fields.shapes)} arrays instead of one")
    [name] = fields.shapes
    if 8 * prod(fields.shape(name)) > MOST_BYTES:
        raise UnusableDatum(f"'{path.name}' holds an array of {fields.shape(name)}, larger than {MOST_BYTES} bytes")
    return fields.read(name)


FIELDS: Mapping[str, Callable[[Path], Fields]] = {
    ".npy": lambda path: npy_fields(path, LAYOUT, "array"),
    ".npz": lambda path: npz_fields(path, LAYOUT),
    ".h5": lambda path: hdf5_fields(path, LAYOUT),
}
