"""LRW-3D's speech coefficients of a clip: `.npy`, `.npz` or `.h5` of (29, 10 or more), whatever its array is called."""

from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Float32

from models3d.errors import UnusableDatum
from pipeline.lrw import FRAMES

SUFFIXES = (".npy", ".npz", ".h5")
MOST_BYTES = 10_000_000
"""A file of 29 x 1,000 numbers has a fortieth of it."""


def read_released(path: Path, most: int) -> Float32[np.ndarray, "f k"]:
    """The first `most` columns of the file's only array.

    Raises UnusableDatum if it does not hold exactly one array, of 29 rows and `most` columns or more of finite numbers.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UnusableDatum(f"'{path.name}' is larger than {MOST_BYTES} bytes")
        array = _only_array(path)
    except (OSError, ValueError, EOFError, KeyError) as error:
        raise UnusableDatum(f"'{path.name}' cannot be read ({type(error).__name__})") from error
    if array.ndim != 2 or len(array) != FRAMES or array.shape[1] < most or array.dtype.kind != "f":
        problem = f"holds {array.dtype} {array.shape} where ({FRAMES}, {most} or more) floats are expected"
        raise UnusableDatum(f"'{path.name}' {problem}")
    if not np.isfinite(array[:, :most]).all():
        raise UnusableDatum(f"'{path.name}' holds numbers that are not finite")
    return array[:, :most].astype(np.float32)


def _only_array(path: Path) -> np.ndarray:
    """Nothing is unpickled; what a compressed file claims to hold is not believed before its size is checked."""
    if path.suffix == ".npy":
        return np.load(path, allow_pickle=False)
    if path.suffix == ".npz":
        return _only_member(path)
    with h5py.File(path, "r") as file:
        found = [value for value in file.values() if isinstance(value, h5py.Dataset)]
        if len(found) != 1:
            raise UnusableDatum(f"'{path.name}' holds {len(found)} arrays instead of one")
        if found[0].nbytes > MOST_BYTES:
            raise UnusableDatum(f"'{path.name}' holds an array of {found[0].nbytes} bytes")
        return found[0][()]


def _only_member(path: Path) -> np.ndarray:
    with np.load(path, allow_pickle=False) as members:
        if len(members.files) != 1:
            raise UnusableDatum(f"'{path.name}' holds {len(members.files)} arrays instead of one")
        [entry] = members.zip.infolist()
        if entry.file_size > MOST_BYTES:
            raise UnusableDatum(f"'{path.name}' holds an array of {entry.file_size} bytes")
        return members[members.files[0]]
