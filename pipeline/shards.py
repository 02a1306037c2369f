"""The only reader and writer of shard files: HDF5, written whole, equal bytes for equal inputs.

Arrays are contiguous and uncompressed, so a reader maps them without the HDF5 lock; nothing in the
file depends on the time, the machine or the number of cores.
"""

import json
import mmap
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path

import h5py
import numpy as np
from xxhash import xxh3_128

from models3d.errors import InputError
from models3d.readers.fields import BROKEN_FILE
from models3d.readers.hdf5 import examine
from pipeline.files import whole_file
from pipeline.shard_layouts import LAYOUTS, SIZES

SCHEMA_VERSION = 1
FILE_OPTIONS = {"libver": ("v110", "v110"), "alignment_threshold": 4096, "alignment_interval": 4096}
"""Arrays larger than a page of memory start at one, so that what maps them touches no page too many."""

PIECE = 1 << 18
"""Bytes that are written and hashed at a time: what was just read for the one is still in the cache for the other."""


@dataclass(frozen=True, eq=False)
class Shard:
    """One file: what it is, what it was made from, and its arrays (mapped, read-only)."""

    kind: str
    attributes: Mapping[str, object]
    arrays: Mapping[str, np.ndarray]

    def __getitem__(self, name: str) -> np.ndarray:
        return self.arrays[name]

    def text(self, name: str) -> list[str]:
        """A string array as Python strings."""
        return [value.decode() for value in self.arrays[name]]


def write_shard(path: Path, kind: str, arrays: Mapping[str, object], attributes: Mapping[str, object]) -> str:
    """Write one shard whole and return the digest of its content.

    arrays      by name, as `LAYOUTS[kind]` lists them; lists of strings become fixed-length UTF-8
    attributes  provenance: strings, numbers, or what JSON can hold

    Raises InputError if an array is missing, unknown, or of another dtype or shape than the layout's.
    """
    with new_shard(path, kind, {}) as writer:
        return writer.finish(arrays, attributes)


@contextmanager
def new_shard(path: Path, kind: str, streamed: Mapping[str, tuple[int, ...]]) -> Iterator["ShardWriter"]:
    """A shard whose largest arrays come item by item, so that memory never holds them whole.

    streamed  the shape of each such array; its first axis is the most items that may come

    The file appears under its name, whole, when the block ends; nothing is left of it if the block fails.
    """
    with whole_file(path) as temporary:
        writer = ShardWriter(path, temporary, kind, streamed)
        try:
            yield writer
        finally:
            writer.close()


class ShardWriter:
    """A shard in the making: `append` the items of its streamed arrays, then `finish` it with the others."""

    def __init__(self, path: Path, temporary: Path, kind: str, streamed: Mapping[str, tuple[int, ...]]) -> None:
        self._path, self._temporary, self._kind = path, temporary, kind
        self._file = h5py.File(temporary, "w", **FILE_OPTIONS)
        self._streams = {
            name: _Stream(self._file, name, np.dtype(LAYOUTS[kind][name][0]), shape) for name, shape in streamed.items()
        }

    def append(self, name: str, item: np.ndarray) -> None:
        """Add the next item of a streamed array."""
        self._streams[name].write(np.ascontiguousarray(item[None]))

    def finish(self, arrays: Mapping[str, object], attributes: Mapping[str, object]) -> str:
        """Add the arrays that were not streamed and the attributes; the digest of the content.

        Raises InputError if an array is missing, unknown, or of another dtype or shape than the layout's.
        """
        stored = {name: _as_stored(value) for name, value in arrays.items()}
        problem = layout_problem(self._kind, {**stored, **{n: s.stand_in for n, s in self._streams.items()}})
        if problem:
            raise InputError(self._path, problem, f"write what LAYOUTS['{self._kind}'] lists")
        if any(stream.spare for stream in self._streams.values()):
            self._shorten()
        for name in sorted(stored):
            self._streams[name] = _Stream(self._file, name, stored[name].dtype, stored[name].shape)
            self._streams[name].write(stored[name])
        digest = _combined({name: stream.digest for name, stream in self._streams.items()})
        described = {**attributes, "schema_version": SCHEMA_VERSION, "kind": self._kind, "content_digest": digest}
        for name in sorted(described):
            self._file.attrs[name] = stated(described[name])
        return digest

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _shorten(self) -> None:
        """Copy to a file with room for no more than came: an HDF5 array that is one piece cannot shrink."""
        self._file.flush()
        came = {
            name: (stream.dataset.dtype, (stream.count, *stream.dataset.shape[1:]), stream.dataset.id.get_offset() or 0)
            for name, stream in self._streams.items()
        }
        with self._temporary.open("rb") as whole:
            self._file.close()
            self._temporary.unlink()  # what is open stays readable
            self._file = h5py.File(self._temporary, "w", **FILE_OPTIONS)
            for name, (dtype, shape, place) in came.items():
                self._streams[name] = _Stream(self._file, name, dtype, shape)
                whole.seek(place)
                for _ in range(shape[0]):  # one at a time, as they came: memory never holds them whole
                    item = np.fromfile(whole, dtype, prod(shape[1:])).reshape(1, *shape[1:])
                    self._streams[name].write(item)


class _Stream:
    """One array of a file being written, and the digest of what came so far.

    It is written past HDF5, straight to its place in the file: HDF5 took 1.4 times as long.
    """

    def __init__(self, file: h5py.File, name: str, dtype: np.dtype, shape: tuple[int, ...]) -> None:
        self.dataset = file.create_dataset(
            name, shape, dtype, track_times=False, dcpl=_at_once() if np.prod(shape) else None
        )
        self.count = 0
        self._hash = xxh3_128()
        self._descriptor = file.id.get_vfd_handle()

    @property
    def spare(self) -> int:
        return self.dataset.shape[0] - self.count

    @property
    def stand_in(self) -> np.ndarray:
        """An array of the dtype and shape of what came, without its memory."""
        return np.broadcast_to(np.zeros((), self.dataset.dtype), (self.count, *self.dataset.shape[1:]))

    @property
    def digest(self) -> str:
        return f"{self.dataset.dtype.str} {self.dataset.shape} {self._hash.hexdigest()}"

    def write(self, rows: np.ndarray) -> None:
        if rows.dtype != self.dataset.dtype or rows.shape[1:] != self.dataset.shape[1:] or len(rows) > self.spare:
            raise InputError(
                f"array {self.dataset.name}",
                f"got {rows.dtype} {rows.shape} where {self.spare} items of {self.dataset.dtype} "
                f"{self.dataset.shape[1:]} have room",
                "announce the array with the shape that comes",
            )
        if rows.size:
            content = rows.reshape(-1).view(np.uint8).data
            place = self.dataset.id.get_offset() + self.count * rows[0].nbytes
            while content:
                written = os.pwrite(self._descriptor, content[:PIECE], place)
                self._hash.update(content[:written])
                content, place = content[written:], place + written
        self.count += len(rows)


def read_shard(path: Path, *kinds: str) -> Shard:
    """Open a shard of one of these kinds: check it against the layout of its kind and map its arrays.

    Nothing of the arrays is read, and no HDF5 file stays open: threads and forked processes may share them.
    Raises InputError if the file is not a shard of such a kind and of this schema version.
    """
    remedy = "delete it and run the workflow again, which makes it anew"
    try:
        stated = examine(path)
        with h5py.File(path, "r") as file:
            attributes = {name: _attribute(value) for name, value in stated.get("", {}).items()}
            kind, version = str(attributes.get("kind")), attributes.get("schema_version")
            if kind not in kinds or version != SCHEMA_VERSION:
                expected = f"expected a shard of kind {' or '.join(kinds)}, schema {SCHEMA_VERSION}"
                raise InputError(path, f"{expected}; found kind {kind}, schema {version}", remedy)
            content = _mapped(path)
            arrays = {name: content(file[name]) for name in LAYOUTS[kind] if name in file}
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError(path, "is missing", "run the workflow again, which makes it") from error
    except BROKEN_FILE as error:
        raise InputError(path, f"cannot be read as HDF5 ({error})", remedy) from error
    problem = layout_problem(kind, arrays)
    if problem:
        raise InputError(path, problem, remedy)
    return Shard(kind, attributes, arrays)


def content_digest(arrays: Mapping[str, np.ndarray]) -> str:
    """XXH3 of 128 bits over the names, dtypes, shapes and XXH3 of all arrays, in the order of their names.

    It tells a change from none, at the speed of memory; it is no signature against somebody who wants to deceive.
    """
    digests = {}
    for name, array in arrays.items():
        content = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data if array.size else b""
        digests[name] = f"{array.dtype.str} {array.shape} {xxh3_128(content).hexdigest()}"
    return _combined(digests)


def layout_problem(kind: str, arrays: Mapping[str, np.ndarray]) -> str | None:
    """The first way in which the arrays differ from the layout of their kind, or None."""
    layout = LAYOUTS[kind]
    if set(layout) != set(arrays):
        return f"arrays {sorted(arrays)} where a '{kind}' shard holds {sorted(layout)}"
    sizes: dict[str, int] = dict(SIZES)
    for name, (dtype, axes) in layout.items():
        array = arrays[name]
        if not array.dtype.str[1:].startswith(dtype):
            return f"'{name}' has dtype {array.dtype.str}, expected {dtype}"
        if array.ndim != len(axes):
            return f"'{name}' has shape {array.shape}, expected axes {axes}"
        for axis, size in zip(axes, array.shape, strict=True):
            if sizes.setdefault(axis, size) != size:
                return f"'{name}' has {size} along '{axis}', expected {sizes[axis]}"
    return None


def _combined(digests: Mapping[str, str]) -> str:
    listed = "".join(f"{name} {digests[name]}\n" for name in sorted(digests))
    return xxh3_128(listed.encode()).hexdigest()


def _at_once() -> h5py.h5p.PropDCID:
    """Give an array its place when it is created and do not fill it: it is written to right away."""
    creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    creation.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    creation.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    return creation


def _as_stored(value: object) -> np.ndarray:
    """Arrays as they are; strings as fixed-length UTF-8 (HDF5's variable-length ones cannot be mapped)."""
    if isinstance(value, np.ndarray) and value.dtype.kind != "U":
        return np.ascontiguousarray(value)
    encoded = [str(item).encode() for item in value]  # type: ignore[attr-defined]
    return np.array(encoded, dtype=f"S{max(map(len, encoded), default=1) or 1}")


def stated(value: object) -> str | int | float:
    """A value as an HDF5 attribute holds it: what is no string or number as JSON."""
    return value if isinstance(value, str | int | float) else json.dumps(value)


def _attribute(value: str | int | float) -> object:
    return json.loads(value) if isinstance(value, str) and value.startswith(("[", "{")) else value


def _mapped(path: Path) -> Callable[[h5py.Dataset], np.ndarray]:
    """A function that gives the arrays of a file, all of them views of one read-only mapping."""
    with path.open("rb") as stream:
        content = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)

    def view(dataset: h5py.Dataset) -> np.ndarray:
        if not dataset.size:
            return np.zeros(dataset.shape, dataset.dtype)
        offset = dataset.id.get_offset()
        if offset is None or dataset.external or offset + dataset.nbytes > len(content):
            raise OSError(f"'{dataset.name}' does not lie in the file in one piece")
        return np.ndarray(dataset.shape, dataset.dtype, content, offset)

    return view
