"""NumPy's `.npz` and `.npy`: shapes from the headers, numbers on demand, never a pickle."""

from io import BufferedIOBase
from pathlib import Path
from typing import IO
from zipfile import ZipFile

import numpy as np
from numpy.lib import format as npy

from models3d.readers.fields import MAX_ENTRIES, Fields, check_file, readable

HEADER_READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def npz_fields(path: Path, layout: str) -> Fields:
    """The arrays of an `.npz`; those that hold Python objects are listed, but are no numbers and cannot be read."""
    check_file(path, layout)

    def shapes() -> dict[str, tuple[int, ...] | None]:
        with ZipFile(path) as archive:
            names = archive.namelist()
            if len(names) > MAX_ENTRIES:
                raise ValueError(f"{len(names)} arrays, more than {MAX_ENTRIES}")
            return {name.removesuffix(".npy"): _stated_shape(archive.open(name)) for name in names}

    def read(name: str) -> np.ndarray:
        with ZipFile(path) as archive, archive.open(f"{name}.npy") as stream:
            return npy.read_array(stream, allow_pickle=False)

    return Fields(path, layout, readable(path, layout, shapes), lambda name: readable(path, layout, lambda: read(name)))


def npy_fields(path: Path, layout: str, name: str) -> Fields:
    """The one array of an `.npy`, under the name given."""
    check_file(path, layout)
    shape = readable(path, layout, lambda: _stated_shape(path.open("rb")))
    return Fields(path, layout, {name: shape}, lambda _: readable(path, layout, lambda: np.load(path)))


def _stated_shape(stream: IO[bytes] | BufferedIOBase) -> tuple[int, ...] | None:
    """What the header states; None if the array holds anything but real numbers of up to eight bytes."""
    with stream:
        version = npy.read_magic(stream)
        if version not in HEADER_READERS:
            return None
        shape, _, dtype = HEADER_READERS[version](stream)
    return shape if dtype.kind in "fiu" and dtype.itemsize <= 8 else None
