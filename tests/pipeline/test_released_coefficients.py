"""LRW-3D's files of every kind, and those that hold something else."""

import h5py
import numpy as np
import pytest

from models3d.errors import UnusableDatum
from pipeline.lrw import FRAMES
from pipeline.released_coefficients import MOST_BYTES, read_released


@pytest.fixture
def values(rng):
    return rng.normal(size=(FRAMES, 12))


def test_every_kind_of_file(tmp_path, values):
    np.save(tmp_path / "a.npy", values)
    np.savez_compressed(tmp_path / "b.npz", anything=values)
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file["p"] = values
    for name in ("a.npy", "b.npz", "c.h5"):
        np.testing.assert_allclose(read_released(tmp_path / name, 10), values[:, :10], rtol=1e-6)


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((28, 12)), r"\(28, 12\)"),
        (np.zeros((FRAMES, 9)), r"\(29, 9\)"),
        (np.zeros((FRAMES, 12), int), "int64"),
        (np.full((FRAMES, 12), np.nan), "not finite"),
        (np.array([{}], object), "cannot be read"),
        (np.zeros(MOST_BYTES // 8 + 1), "larger than"),
    ],
)
def test_other_content(tmp_path, array, reason):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(UnusableDatum, match=reason):
        read_released(tmp_path / "a.npy", 10)


def test_two_arrays(tmp_path, values):
    np.savez(tmp_path / "a.npz", one=values, two=values)
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["one"], file["two"] = values, values
    for name in ("a.npz", "b.h5"):
        with pytest.raises(UnusableDatum, match="2 arrays"):
            read_released(tmp_path / name, 10)


def test_a_small_file_that_unfolds(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", huge=np.zeros(2 * MOST_BYTES // 8))
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file.create_dataset("huge", (2 * MOST_BYTES,), "f8")
    for name in ("a.npz", "b.h5"):
        with pytest.raises(UnusableDatum, match="bytes"):
            read_released(tmp_path / name, 10)


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.h5"])
def test_damaged_files(tmp_path, name):
    (tmp_path / name).write_bytes(b"\x93NUMPY no")
    with pytest.raises(UnusableDatum, match="cannot be read"):
        read_released(tmp_path / name, 10)
