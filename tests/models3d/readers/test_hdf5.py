"""HDF5's library is tried out in a child: what loses the child is an error here."""

import os

import h5py
import numpy as np
import pytest

from models3d.errors import InputError
from models3d.readers import hdf5
from models3d.readers.hdf5 import hdf5_fields


@pytest.fixture
def path(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["group/numbers"] = np.arange(6.0)
        file.create_dataset("packed", data=np.ones((20, 3)), chunks=(5, 3), compression="gzip")
    return tmp_path / "a.h5"


def test_arrays_by_their_paths(path):
    found = hdf5_fields(path, "L")
    assert found.shapes == {"group/numbers": (6,), "packed": (20, 3)}
    np.testing.assert_array_equal(found.numbers("packed", (None, 3)), np.ones((20, 3)))


def in_circles(path):
    while True:
        path = path.parent / path.name


@pytest.mark.parametrize(("lost", "signal"), [(in_circles, "SIGKILL"), (lambda path: os.abort(), "SIGABRT")])
def test_a_file_that_the_library_is_lost_in(path, monkeypatch, lost, signal):
    monkeypatch.setattr(hdf5, "_go_through", lost)
    monkeypatch.setattr(hdf5, "PROBE_CPU_S", 1)
    with pytest.raises(InputError, match=f"a.h5: cannot be read .*HDF5's library is lost in it, {signal}"):
        hdf5_fields(path, "L")


def test_what_the_library_refuses_is_refused_in_its_words(path):
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match="truncated file"):
        hdf5_fields(path, "L")
