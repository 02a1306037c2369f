"""MAT-files: everything that MATLAB and SciPy write of real arrays, and nothing bigger than it may be."""

import struct
import tracemalloc
import zlib

import h5py
import numpy as np
import pytest
import scipy.io

from models3d.errors import InputError
from models3d.readers import fields
from models3d.readers.mat5 import mat_fields

HEADER = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"


def element(kind: int, payload: bytes, order: str = "<") -> bytes:
    return struct.pack(order + "II", kind, len(payload)) + payload + b"\x00" * (-len(payload) % 8)


def variable(name: str, shape: tuple, storage: int, numbers: bytes, matlab_class: int = 6, order: str = "<") -> bytes:
    """One matrix, byte by byte as the format's description has it."""
    parts = [
        element(6, struct.pack(order + "II", matlab_class, 0), order),
        element(5, struct.pack(f"{order}{len(shape)}i", *shape), order),
        element(1, name.encode(), order),
        element(storage, numbers, order),
    ]
    return element(14, b"".join(parts), order)


@pytest.fixture
def write(tmp_path):
    def save(*variables: bytes, header: bytes = HEADER):
        (tmp_path / "a.mat").write_bytes(header + b"".join(variables))
        return tmp_path / "a.mat"

    return save


@pytest.mark.parametrize("compressed", [False, True])
def test_arrays_equal_what_scipy_reads(tmp_path, rng, compressed):
    dtypes = ["f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"]
    arrays = {f"x_{dtype}": (rng.normal(size=(5, 3)) * 50).astype(dtype) for dtype in dtypes}
    arrays |= {
        "cube": rng.normal(size=(2, 3, 4)),
        "empty": np.zeros((0, 3)),
        "one": np.float64(3),
        "list": np.arange(7),
    }
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, arrays, do_compression=compressed)
    found, peer = mat_fields(path, "L"), scipy.io.loadmat(path)
    assert set(found.shapes) == set(arrays)
    for name in arrays:
        assert found.shapes[name] == peer[name].shape
        np.testing.assert_array_equal(found.read(name), peer[name])


def test_what_is_no_real_array_is_listed_without_a_shape(tmp_path):
    others = {"text": "abc", "complex": np.ones(2) * 1j, "cells": np.array([1, "a"], object), "struct": {"a": 1.0}}
    scipy.io.savemat(tmp_path / "a.mat", others)
    assert mat_fields(tmp_path / "a.mat", "L").shapes == dict.fromkeys(others)


@pytest.mark.parametrize("compressed", [False, True])
def test_fields_of_a_struct_have_its_name(tmp_path, rng, compressed):
    basis = rng.normal(size=(6, 2))
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, {"fmod": {"id_basis": basis, "deep": {"a": 1.0}}}, do_compression=compressed)
    found = mat_fields(path, "L", struct="fmod")
    assert found.shapes == {"fmod.id_basis": (6, 2), "fmod.deep": None}
    np.testing.assert_array_equal(found.read("fmod.id_basis"), basis)


def test_whole_doubles_in_a_byte_each_as_matlab_saves_them(write):
    path = write(variable("faces", (2, 3), storage=2, numbers=bytes([1, 2, 3, 4, 5, 6])))
    np.testing.assert_array_equal(mat_fields(path, "L").read("faces"), [[1, 3, 5], [2, 4, 6]])


def test_big_endian_files(write):
    numbers = np.array([1.5, -2.0], ">f8").tobytes()
    path = write(variable("mean", (2, 1), 9, numbers, order=">"), header=HEADER[:124] + b"\x01\x00MI")
    np.testing.assert_array_equal(mat_fields(path, "L").read("mean"), [[1.5], [-2.0]])


def test_a_shape_too_large_is_refused_before_it_is_read(write):
    found = mat_fields(write(variable("components", (2**20, 2**10), 9, b"\x00" * 8)), "L")
    with pytest.raises(InputError, match=r"'components' claims \(1048576, 1024\) numbers, more than the 67108864"):
        found.numbers("components", (None, None))


def test_a_bomb_is_not_unpacked(write, monkeypatch):
    monkeypatch.setattr(fields, "MAX_NUMBERS", 1000)
    packed = zlib.compress(variable("mean", (2**25, 1), 2, bytes(2**25)))
    path = write(struct.pack("<II", 15, len(packed)) + packed)
    tracemalloc.start()
    with pytest.raises(InputError, match=r"'mean' claims"):
        mat_fields(path, "L").numbers("mean", (None,))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


def test_a_compressed_variable_may_not_outgrow_its_stated_size(write):
    matrix = variable("mean", (3, 1), 2, bytes(3))
    lying = zlib.compress(matrix + bytes(2**25))
    path = write(struct.pack("<II", 15, len(lying)) + lying)
    tracemalloc.start()
    np.testing.assert_array_equal(mat_fields(path, "L").read("mean"), np.zeros((3, 1)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


def test_matlab_7_3_names_the_remedy(tmp_path):
    path = tmp_path / "a.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        file["mean"] = np.ones(3)
    with path.open("r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")
    with pytest.raises(InputError, match=r"is a MATLAB 7.3 file \(HDF5\).* Save it again with save\(..., '-v7'\)"):
        mat_fields(path, "L")


@pytest.mark.parametrize("content", [b"", b"short", b"\x00" * 200, b"hello world " * 40])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "a.mat").write_bytes(content)
    with pytest.raises(InputError, match=r"too short for a MAT-file|not a MAT-file of level 5"):
        mat_fields(tmp_path / "a.mat", "L")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere.mat: is not a file"):
        mat_fields(tmp_path / "nowhere.mat", "L")


@pytest.mark.parametrize("compressed", [False, True])
def test_damage_ends_in_an_input_error_or_in_numbers(tmp_path, rng, compressed):
    """Truncated at every length, and 400 times with bytes changed: never another exception."""
    path = tmp_path / "a.mat"
    content = {"mean": rng.normal(size=(9, 1)), "fmod": {"faces": np.arange(6.0).reshape(2, 3), "t": "x"}}
    scipy.io.savemat(path, content, do_compression=compressed)
    whole = path.read_bytes()
    damaged = [whole[:length] for length in range(0, len(whole), 5)]
    for _ in range(400):
        changed = bytearray(whole)
        for place in rng.integers(124, len(whole), 3):
            changed[place] = rng.integers(256)
        damaged.append(bytes(changed))
    refused = 0
    for data in damaged:
        path.write_bytes(data)
        try:
            found = mat_fields(path, "L", struct="fmod")
            for name in found.shapes:
                found.numbers(name, found.shapes[name] or ())
        except InputError as error:
            assert "TypeCheckError" not in str(error)
            refused += 1
    assert len(damaged) // 4 < refused < len(damaged)
