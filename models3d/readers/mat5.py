"""MATLAB's MAT-files of level 5 (what `save -v7` and `-v6` write): real arrays, and structs that hold them.

Read here and not by scipy.io, because that unpacks a compressed variable to whatever size it has and
follows nested cells as deep as they go. Layout: "MAT-File Format", The MathWorks, chapter 1.
"""

import mmap
import zlib
from collections.abc import Callable, Iterator
from itertools import islice
from math import prod
from pathlib import Path
from struct import unpack_from
from typing import NamedTuple

import numpy as np

from models3d.errors import InputError
from models3d.readers.fields import MAX_ENTRIES, MAX_FILE_BYTES, Fields, check_file, readable

HEADER_BYTES = 128
START_BYTES = 4096
"""Enough of a compressed variable for its class, shape and name."""
MATRIX, COMPRESSED = 14, 15
NUMBER_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
"""Data type of an element -> NumPy's; MATLAB stores whole doubles in the smallest type that holds them."""
STRUCT_CLASS, NUMERIC_CLASSES = 2, range(6, 16)
COMPLEX_FLAG = 0x0800


class _Element(NamedTuple):
    kind: int
    data: memoryview


class _Matrix(NamedTuple):
    """A variable: what its first three elements say, and all of its elements on demand."""

    name: str
    shape: tuple[int, ...]
    matlab_class: int
    is_complex: bool
    elements: Callable[[], Iterator[_Element]]


def mat_fields(path: Path, layout: str, struct: str | None = None) -> Fields:
    """The variables of a MAT-file; with `struct`, those of the 1 x 1 struct of that name, as `struct.field`.

    Raises InputError for what is not a MAT-file of level 5, naming MATLAB 7.3's HDF5 files as such.
    """
    check_file(path, layout)
    if path.stat().st_size < HEADER_BYTES:
        raise InputError(path, "is too short for a MAT-file", f"give a file in this layout: {layout}")
    with path.open("rb") as stream:
        data = memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
    order = _byte_order(path, bytes(data[:HEADER_BYTES]))
    body = data[HEADER_BYTES:]
    variables = readable(path, layout, lambda: {found.name: found for found in _variables(body, order, struct)})
    shapes = {name: _numeric_shape(matrix) for name, matrix in variables.items()}
    return Fields(path, layout, shapes, lambda name: readable(path, layout, lambda: _numbers(variables[name], order)))


def _byte_order(path: Path, header: bytes) -> str:
    if header.startswith(b"MATLAB 7.3"):
        raise InputError(
            path, "is a MATLAB 7.3 file (HDF5), which is not read", "save it again with save(..., '-v7') in MATLAB"
        )
    orders = {b"\x00\x01IM": "<", b"\x01\x00MI": ">"}
    if header[124:] not in orders:
        raise InputError(path, "is not a MAT-file of level 5", "give the .mat file as released, or save it as '-v7'")
    return orders[header[124:]]


def _variables(data: memoryview, order: str, struct: str | None) -> Iterator[_Matrix]:
    for element in _elements(data, order):
        matrix = _compressed_matrix(element.data, order) if element.kind == COMPRESSED else _matrix(element, order)
        if matrix.name == struct and matrix.matlab_class == STRUCT_CLASS and prod(matrix.shape) == 1:
            yield from _struct_fields(matrix, order)
        else:
            yield matrix


def _elements(data: memoryview, order: str) -> Iterator[_Element]:
    """Tag, payload and padding, one after the other; ValueError where a payload reaches beyond the data."""
    at = count = 0
    while at + 8 <= len(data):
        count += 1
        if count > MAX_ENTRIES:
            raise ValueError(f"more than {MAX_ENTRIES} elements")
        kind, size = unpack_from(order + "II", data, at)
        start = at + 8
        if kind >> 16:  # the short form: two half words, then up to four bytes of payload
            kind, size, start = kind & 0xFFFF, kind >> 16, at + 4
            if size > 4:
                raise ValueError("a short element of more than four bytes")
            at += 8
        else:
            at = start + size + (0 if kind == COMPRESSED else -size % 8)
        if start + size > len(data):
            raise ValueError("an element reaches beyond the end of its data")
        yield _Element(kind, data[start : start + size])


def _matrix(element: _Element, order: str) -> _Matrix:
    if element.kind != MATRIX:
        raise ValueError(f"an element of type {element.kind} where a variable should be")
    return _described(element.data, order, lambda: _elements(element.data, order))


def _compressed_matrix(packed: memoryview, order: str) -> _Matrix:
    start = memoryview(zlib.decompressobj().decompress(packed, START_BYTES))
    kind, size = unpack_from(order + "II", start)
    if kind != MATRIX or size > MAX_FILE_BYTES:
        raise ValueError(f"a compressed element of type {kind} and {size} bytes")

    def unpacked() -> Iterator[_Element]:
        everything = zlib.decompressobj().decompress(packed, size + 8)
        return _elements(memoryview(everything)[8:], order)

    return _described(start[8:], order, unpacked)


def _described(start: memoryview, order: str, elements: Callable[[], Iterator[_Element]]) -> _Matrix:
    """The variable whose flags, dimensions and name begin at `start`."""
    flags, dimensions, name = islice(_elements(start, order), 3)
    word = unpack_from(order + "I", flags.data)[0]
    shape = tuple(np.frombuffer(dimensions.data, order + "i4").tolist())
    if any(length < 0 for length in shape):
        raise ValueError(f"a variable of shape {shape}")
    return _Matrix(bytes(name.data).decode("latin-1"), shape, word & 0xFF, bool(word & COMPLEX_FLAG), elements)


def _struct_fields(matrix: _Matrix, order: str) -> Iterator[_Matrix]:
    """Flags, dimensions, name, length of a field's name, names, then one matrix a field."""
    _, _, _, name_length, name_list, *values = matrix.elements()
    length = unpack_from(order + "i", name_length.data)[0]
    if not 1 <= length <= 64:
        raise ValueError(f"field names of {length} bytes")
    names = bytes(name_list.data)
    for number, element in enumerate(values):
        field = names[number * length : (number + 1) * length].split(b"\x00")[0].decode("latin-1")
        yield _matrix(element, order)._replace(name=f"{matrix.name}.{field}")


def _numeric_shape(matrix: _Matrix) -> tuple[int, ...] | None:
    return matrix.shape if matrix.matlab_class in NUMERIC_CLASSES and not matrix.is_complex else None


def _numbers(matrix: _Matrix, order: str) -> np.ndarray:
    _, _, _, element = islice(matrix.elements(), 4)
    if element.kind not in NUMBER_TYPES:
        raise ValueError(f"numbers of unknown type {element.kind}")
    numbers = np.frombuffer(element.data, order + NUMBER_TYPES[element.kind])
    return numbers.reshape(matrix.shape, order="F")
