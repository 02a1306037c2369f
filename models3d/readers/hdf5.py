"""HDF5 files: shapes by path, numbers on demand, and nothing that lies outside the file."""

import faulthandler
import os
import resource
import signal
from math import prod
from pathlib import Path

import h5py
import numpy as np
from h5py._objects import phil  # the lock of the library, which h5py documents and does not export

from models3d.readers.fields import MAX_ENTRIES, MAX_NUMBERS, Fields, check_file, readable

PROBE_CPU_S, PROBE_WALL_S = 5, 60


def try_out(path: Path) -> None:
    """Have a child process go through a file first: a damaged one can crash HDF5's library or send it round in circles.

    Raises ValueError if the child is lost.
    """
    with phil:  # a lock that another thread held would stay held in the child
        child = os.fork()
    if not child:
        try:
            faulthandler.disable()  # a crash here is an answer
            resource.setrlimit(resource.RLIMIT_CPU, (PROBE_CPU_S, PROBE_CPU_S))
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(PROBE_WALL_S)
            _go_through(path)
        finally:
            os._exit(0)  # what the library refuses, it refuses this process, too
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        raise ValueError(f"HDF5's library is lost in it, {signal.Signals(os.WTERMSIG(status)).name}")


def _go_through(path: Path) -> None:
    """Touch what a reader may touch: groups, attributes, and arrays in pieces, as the pieces are in a tree."""
    met: list[str | bytes] = []

    def touch(name: str | bytes, item: h5py.Group | h5py.Dataset) -> int | None:
        met.append(name)
        list(item.attrs.values())
        if isinstance(item, h5py.Dataset) and item.chunks and prod(item.shape) <= MAX_NUMBERS:
            item[()]
        return 1 if len(met) > MAX_ENTRIES else None  # anything but None ends the visit

    with h5py.File(path, "r") as file:
        list(file.attrs.values())
        file.visititems(touch)


def hdf5_fields(path: Path, layout: str) -> Fields:
    """The datasets of a file by their path, as `shape/model/mean`. Links to other files are not followed.

    Datasets that are virtual or stored outside the file are listed, but count as no numbers.
    """
    check_file(path, layout)

    def shapes() -> dict[str, tuple[int, ...] | None]:
        try_out(path)
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
