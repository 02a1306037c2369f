"""A pickle of arrays, read without running any of it.

Unpickling calls whatever the file names. Here each name becomes an inert record that keeps its arguments
and its state, so nothing is imported and nothing is called; names that no array needs are refused. What
NumPy, and chumpy and SciPy around it, leave in such records is enough to build the arrays afterwards.
"""

import pickle
import pickletools
import re
from collections.abc import Callable
from io import BytesIO
from math import prod
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from models3d.errors import InputError
from models3d.readers.fields import Fields, check_file, readable

ARRAY_NAMES = re.compile(
    r"numpy\.(ndarray|dtype)"
    r"|numpy\.(core|_core)\.(multiarray\._reconstruct|multiarray\.scalar|numeric\._frombuffer)"
    r"|chumpy\.(\w+\.)*\w+"
    r"|scipy\.sparse\.(\w+\.)*\w+"
    r"|_codecs\.encode|(copyreg|copy_reg)\._reconstructor|(builtins|__builtin__)\.(object|set)"
)
"""Names that pickles of NumPy, chumpy and SciPy arrays hold."""
MAX_MEMO = 100_000
"""The highest memo number that a file may state; FLAME needs some hundreds."""
MAX_OPCODES = 1_000_000
"""An array takes some twenty of them, whatever its size."""


class Inert:
    """What stands in for every object of the file. Each name of a file gets a subclass of its own."""

    name = ""
    arguments: tuple = ()
    state: Any = None

    def __init__(self, *arguments: object) -> None:
        self.arguments = arguments

    def __setstate__(self, state: object) -> None:
        self.state = state


class _InertUnpickler(pickle._Unpickler):  # type: ignore[name-defined, misc]
    """Python's, not C's: it lets keys be looked at before they are hashed, which takes for ever for nested tuples."""

    dispatch: ClassVar[dict] = {**pickle._Unpickler.dispatch}  # type: ignore[attr-defined]

    def __init__(self, path: Path, data: bytes) -> None:
        super().__init__(BytesIO(data), encoding="latin1")
        self.path = path

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        name = f"{module_name}.{global_name}"
        if not ARRAY_NAMES.fullmatch(name):
            raise InputError(
                self.path,
                f"names {name}, which no array needs: it is no plain model file, and unpickling it could run code",
                "get the file again from its publisher, or use the .npz",
            )
        return type(global_name, (Inert,), {"name": name})

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("it refers to objects outside the file")


def _keys_checked(load: Callable, keys: slice) -> Callable:
    def checked(self: Any) -> None:
        if any(isinstance(key, tuple | frozenset) for key in self.stack[keys]):
            raise pickle.UnpicklingError("it holds a dictionary or set of tuples")
        load(self)

    return checked


LAST, EVEN, ALL = slice(-2, -1), slice(0, None, 2), slice(None)
HASHING = {
    pickle.SETITEM: LAST, pickle.SETITEMS: EVEN, pickle.DICT: EVEN, pickle.ADDITEMS: ALL, pickle.FROZENSET: ALL
}  # fmt: skip
"""Opcodes that hash, and which things on the stack they do that to."""
for opcode, keys in HASHING.items():
    _InertUnpickler.dispatch[opcode[0]] = _keys_checked(_InertUnpickler.dispatch[opcode[0]], keys)


def pickle_fields(path: Path, layout: str) -> Fields:
    """The arrays in a pickled dictionary; other values are listed, but are no numbers.

    Raises InputError for a file that names anything but arrays, and for one that is no dictionary.
    """
    check_file(path, layout)
    content = readable(path, layout, lambda: _load(path))
    if not isinstance(content, dict):
        raise InputError(path, f"is a pickled {type(content).__name__}, not a dictionary", f"give a file of {layout}")
    texts = {key: value for key, value in content.items() if isinstance(key, str)}
    values = readable(path, layout, lambda: {name: _array(value) for name, value in texts.items()})
    arrays = {name: array for name, array in values.items() if array is not None}
    shapes = dict.fromkeys(values) | {name: array.shape for name, array in arrays.items()}
    return Fields(path, layout, shapes, lambda name: arrays[name])


def _load(path: Path) -> object:
    data = path.read_bytes()
    for number, (opcode, argument, _) in enumerate(pickletools.genops(data)):  # which checks every stated length
        if number > MAX_OPCODES or ("PUT" in opcode.name and argument is not None and argument > MAX_MEMO):
            raise pickle.UnpicklingError(f"more than {MAX_OPCODES} steps, or memo number {argument}")
    return _InertUnpickler(path, data).load()


def _array(value: object) -> np.ndarray | None:
    """The array that an inert record describes; None if it describes something else."""
    if not isinstance(value, Inert):
        return None
    # protocols 0 and 1 rebuild an object by a function that takes its class, later ones by the class itself
    owner = value.arguments[0] if value.name.endswith("._reconstructor") else value
    if owner.name.startswith("chumpy."):  # a Ch holds its array as 'x'
        return _array(value.state.get("x"))
    if value.name.endswith("._reconstruct"):
        _, shape, dtype, is_fortran, numbers = value.state
        return _filled(shape, dtype, "F" if is_fortran else "C", numbers)
    if value.name.endswith("._frombuffer"):
        numbers, dtype, shape, order = value.arguments
        return _filled(shape, dtype, order, numbers)
    return None


def _filled(shape: tuple[int, ...], dtype: Inert, order: str, numbers: object) -> np.ndarray | None:
    code = dtype.arguments[0]
    if not isinstance(code, str) or not re.fullmatch(r"[fiu][1248]", code):
        return None  # text, objects
    if not all(isinstance(length, int) for length in shape):
        raise ValueError("a shape that is not of whole numbers")
    byte_order = ">" if dtype.state and dtype.state[1] == ">" else "<"
    if isinstance(numbers, Inert) and numbers.name == "_codecs.encode":
        numbers = numbers.arguments[0]
    if isinstance(numbers, str):  # bytes of Python 2
        numbers = numbers.encode("latin-1")
    array = np.frombuffer(numbers, byte_order + code)  # type: ignore[call-overload]
    if prod(shape) != array.size:
        raise ValueError(f"{array.size} numbers for an array of shape {shape}")
    return array.reshape(shape, order="F" if order == "F" else "C")
