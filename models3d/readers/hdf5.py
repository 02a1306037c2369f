"""HDF5 files: shapes by path, numbers on demand, and nothing that lies outside the file."""

from pathlib import Path

import h5py
import numpy as np

from models3d.readers.fields import MAX_ENTRIES, Fields, check_file, readable


def hdf5_fields(path: Path, layout: str) -> Fields:
    """The datasets of a file by their path, as `shape/model/mean`. Links to other files are not followed.

    Datasets that are virtual or stored outside the file are listed, but count as no numbers.
    """
    check_file(path, layout)

    def shapes() -> dict[str, tuple[int, ...] | None]:
        found: dict[str, tuple[int, ...] | None] = {}
        met: list[str | bytes] = []

        def note(name: str | bytes, item: h5py.Group | h5py.Dataset) -> None:
            met.append(name)
            if len(met) > MAX_ENTRIES:
                raise ValueError(f"more than {MAX_ENTRIES} groups and arrays")
            if isinstance(item, h5py.Dataset) and isinstance(name, str):  # bytes are a name that is no UTF-8
                found[name] = _stated_shape(item)

        with h5py.File(path, "r") as file:
            file.visititems(note)
        return found

    def read(name: str) -> np.ndarray:
        with h5py.File(path, "r") as file:
            return file[name][()]

    return Fields(path, layout, readable(path, layout, shapes), lambda name: readable(path, layout, lambda: read(name)))


def _stated_shape(dataset: h5py.Dataset) -> tuple[int, ...] | None:
    inside = dataset.external is None and not dataset.is_virtual
    return dataset.shape if inside and dataset.dtype.kind in "fiu" and dataset.dtype.itemsize <= 8 else None
