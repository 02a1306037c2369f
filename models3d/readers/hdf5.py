"""HDF5 files: shapes by path, numbers on demand, and nothing that lies outside the file."""

import faulthandler
import json
import os
import resource
import signal
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import BinaryIO

import h5py
import numpy as np
from h5py._objects import phil  # the lock of the library, which h5py documents and does not export

from models3d.readers.fields import MAX_ENTRIES, MAX_NUMBERS, Fields, check_file, readable

PROBE_CPU_S, PROBE_WALL_S = 5, 60
PROBE_BYTES = 2**30
"""Of memory, above what the process has."""
MAX_ATTRIBUTE_BYTES = 2**24

Attributes = Mapping[str, str | int | float]


def examine(path: Path) -> dict[str, Attributes]:
    """Have a child process go through a file first: a damaged one can crash HDF5's library, send it round in circles
    or have it take all memory.

    Gives the attributes that are one text or number, by the path of the group or array that has them ("" for the file
    itself). They are read in the child alone: texts of any length lie in a heap, whose damage the library does not see.
    Raises ValueError if the child is lost, or the attributes take more than `MAX_ATTRIBUTE_BYTES`.
    """
    with open(os.memfd_create("attributes"), "w+b") as answer:
        with phil:  # a lock that another thread held would stay held in the child
            child = os.fork()
        if not child:
            try:
                _limit_this_process()
                _go_through(path, answer)
            finally:
                os._exit(0)  # what the library refuses, it refuses this process, too
        status = os.waitpid(child, 0)[1]
        if os.WIFSIGNALED(status):
            raise ValueError(f"HDF5's library is lost in it, {signal.Signals(os.WTERMSIG(status)).name}")
        answer.seek(0)
        found = answer.read()
    if not found:
        raise ValueError(f"its attributes cannot be read, or take more than {MAX_ATTRIBUTE_BYTES} bytes")
    return dict(json.loads(found))


def _limit_this_process() -> None:
    faulthandler.disable()  # a crash here is an answer
    resource.setrlimit(resource.RLIMIT_CPU, (PROBE_CPU_S, PROBE_CPU_S))
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + PROBE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(PROBE_WALL_S)


def _go_through(path: Path, answer: BinaryIO) -> None:
    """Touch what a reader may touch: groups, attributes, and arrays in pieces, as the pieces are in a tree."""
    found: dict[str | bytes, Attributes] = {}

    def touch(name: str | bytes, item: h5py.Group | h5py.Dataset) -> int | None:
        found[name] = dict(_texts_and_numbers(item))
        if isinstance(item, h5py.Dataset) and item.chunks and prod(item.shape) <= MAX_NUMBERS:
            item[()]
        return 1 if len(found) > MAX_ENTRIES else None  # anything but None ends the visit

    try:
        with h5py.File(path, "r") as file:
            touch("", file)
            file.visititems(touch)
    finally:
        content = json.dumps({name: value for name, value in found.items() if isinstance(name, str)}).encode()
        if len(content) <= MAX_ATTRIBUTE_BYTES:
            answer.write(content)
            answer.flush()


def _texts_and_numbers(item: h5py.Group | h5py.Dataset) -> Iterator[tuple[str, str | int | float]]:
    for name in item.attrs:
        try:
            value = item.attrs[name]
        except (OSError, TypeError, ValueError, RuntimeError, MemoryError):
            continue  # one that is damaged, or of a type that NumPy does not have
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, bytes):
            value = value.decode(errors="surrogateescape")
        if isinstance(name, str) and isinstance(value, str | int | float):
            yield name, value


def hdf5_fields(path: Path, layout: str) -> Fields:
    """The datasets of a file by their path, as `shape/model/mean`. Links to other files are not followed.

    Datasets that are virtual or stored outside the file are listed, but count as no numbers.
    """
    return hdf5_content(path, layout)[0]


def hdf5_content(path: Path, layout: str) -> tuple[Fields, dict[str, Attributes]]:
    """`hdf5_fields`, and the attributes as `examine` gives them."""
    check_file(path, layout)
    attributes = readable(path, layout, lambda: examine(path))

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

    fields = Fields(
        path, layout, readable(path, layout, shapes), lambda name: readable(path, layout, lambda: read(name))
    )
    return fields, attributes


def _stated_shape(dataset: h5py.Dataset) -> tuple[int, ...] | None:
    inside = dataset.external is None and not dataset.is_virtual
    return dataset.shape if inside and dataset.dtype.kind in "fiu" and dataset.dtype.itemsize <= 8 else None
