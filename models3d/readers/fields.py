"""The numeric arrays of a file by name, and the questions asked of each before and after its numbers are read."""

import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from pickle import PickleError
from tokenize import TokenError
from typing import TypeVar
from zipfile import BadZipFile

import numpy as np
from jaxtyping import Float, Int32

from models3d.errors import InputError

MAX_NUMBERS = 2**26
"""Largest array that is read, in numbers: 2.5 times the 158 components of LSFM's full head."""
MAX_MESH_NUMBERS = 2**23
"""The same for a list of vertices or of what names vertices: ten times a raw scan's."""
MAX_FILE_BYTES = 2**30
MAX_ENTRIES = 10_000
"""Arrays, groups or variables in a file; the richest layout has some fifty."""

Shape = tuple[int | None, ...]
"""An expected shape; None takes any length."""


@dataclass(frozen=True)
class Fields:
    """A file's arrays: shapes are known at once, numbers are read on demand.

    layout  the layout expected of the file, for messages
    shapes  by name; None for what is not a real numeric array
    read    the array of a name, in the type that the file stores
    """

    path: Path
    layout: str
    shapes: Mapping[str, tuple[int, ...] | None]
    read: Callable[[str], np.ndarray]

    def shape(self, name: str, most: int = MAX_NUMBERS) -> tuple[int, ...]:
        """The shape that the file states. Raises InputError if there is no such array or it has more than `most`
        numbers."""
        if name not in self.shapes:
            found = ", ".join(sorted(self.shapes)[:20]) or "nothing"
            raise self.problem(f"has no field '{name}'; it holds: {found}")
        shape = self.shapes[name]
        if shape is None:
            raise self.problem(f"its field '{name}' is not an array of real numbers")
        if prod(shape) > most:
            raise self.problem(f"its field '{name}' claims {shape} numbers, more than the {most} allowed")
        return shape

    def numbers(self, name: str, expected: Shape) -> Float[np.ndarray, "..."]:
        """A field as finite floating-point numbers of the expected shape.

        A vector may be stored as MATLAB stores it, as a row or a column. Raises InputError if the field
        is missing, of another shape, too large (both before any number is read), or not finite.
        """
        array = self._read_shaped(name, expected, MAX_MESH_NUMBERS if expected == (None, 3) else MAX_NUMBERS)
        if not np.isfinite(array).all():
            raise self.problem(f"its field '{name}' holds numbers that are not finite")
        return array if array.dtype.kind == "f" else array.astype(np.float64)

    def positive(self, name: str) -> Float[np.ndarray, " k"]:
        """A vector of variances or standard deviations. Raises InputError if one is not positive."""
        array = self.numbers(name, (None,))
        if not (array > 0).all():
            raise self.problem(f"its field '{name}' holds {array.min():.4g}, but spreads are positive")
        return array

    def interleaved(self, name: str) -> Float[np.ndarray, "n 3"]:
        """A vector x0 y0 z0 x1 ... as points. Raises InputError if its length is no multiple of three."""
        self.shape(name, MAX_MESH_NUMBERS)
        array = self.numbers(name, (None,))
        if array.size == 0 or array.size % 3:
            raise self.problem(f"its field '{name}' has {array.size} numbers, no multiple of three")
        return array.reshape(-1, 3)

    def indices(
        self, name: str, expected: Shape, first: int, count: int, mesh: str = "the mesh"
    ) -> Int32[np.ndarray, "..."]:
        """A field of vertex numbers that the file counts from `first`, as 0-based indices below `count`.

        Raises InputError if there is none, or one is outside that range or not whole (MATLAB stores them as doubles).
        """
        array = self._read_shaped(name, expected, MAX_MESH_NUMBERS)
        if not array.size:
            raise self.problem(f"its field '{name}' is empty")
        with np.errstate(invalid="ignore"):  # a NaN fails the comparison below
            inside = (array >= first) & (array < count + first)
            whole = array == np.floor(array)
        if not (inside & whole).all():
            wrong = array[~(inside & whole)].flat[0]
            raise self.problem(
                f"its field '{name}' names vertex {wrong}; counted from {first}, {mesh} has {first} to "
                f"{count + first - 1}"
            )
        return (array.astype(np.int64) - first).astype(np.int32)

    def problem(self, text: str) -> InputError:
        """What is wrong with the file, with the remedy that fits all such cases."""
        return InputError(self.path, text, f"give a complete file in this layout: {self.layout}")

    def _read_shaped(self, name: str, expected: Shape, most: int) -> np.ndarray:
        stated = self.shape(name, most)
        shape = stated
        if len(expected) == 1:
            shape = tuple(length for length in stated if length != 1) or (1,)
        fits = len(shape) == len(expected) and all(e in (None, s) for e, s in zip(expected, shape, strict=True))
        if not fits:
            wanted = " x ".join("any" if length is None else str(length) for length in expected)
            raise self.problem(f"its field '{name}' has shape {stated}, expected {wanted}")
        return self.read(name).reshape(shape)


Result = TypeVar("Result")
BROKEN_FILE = (
    *(OSError, EOFError, ValueError, TypeError, LookupError, AttributeError, RuntimeError, MemoryError, OverflowError),
    *(SyntaxError, TokenError, struct.error, zlib.error, BadZipFile, PickleError),
)
"""What libraries raise over a damaged file, in their own words."""


def readable(path: Path, layout: str, action: Callable[[], Result]) -> Result:
    """The result of an action that parses the file; what a library raises over a damaged one becomes an InputError."""
    try:
        return action()
    except InputError:
        raise
    except BROKEN_FILE as error:
        problem = f"cannot be read ({type(error).__name__}: {error})"
        raise InputError(path, problem, f"give an undamaged file in this layout: {layout}") from error


def check_file(path: Path, layout: str) -> None:
    """Raises InputError if there is no file of this name, or one too large to be a face model."""
    if not path.is_file():
        raise InputError(path, "is not a file", f"give the path of a file in this layout: {layout}")
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise InputError(path, f"has {size} bytes, more than a face model's {MAX_FILE_BYTES}", "check the path")
