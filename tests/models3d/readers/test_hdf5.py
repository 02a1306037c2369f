"""HDF5's library is tried out in a child: what loses the child is an error here."""

import os
import re
import struct
from pathlib import Path

import h5py
import numpy as np
import pytest

from models3d.errors import InputError
from models3d.readers import hdf5
from models3d.readers.hdf5 import examine, hdf5_fields


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


def in_circles(path, _):
    while True:
        path = path.parent / path.name


@pytest.mark.parametrize(("lost", "signal"), [(in_circles, "SIGKILL"), (lambda *_: os.abort(), "SIGABRT")])
def test_a_file_that_the_library_is_lost_in(path, monkeypatch, lost, signal):
    monkeypatch.setattr(hdf5, "_go_through", lost)
    monkeypatch.setattr(hdf5, "PROBE_CPU_S", 1)
    with pytest.raises(InputError, match=f"a.h5: cannot be read .*HDF5's library is lost in it, {signal}"):
        hdf5_fields(path, "L")


def test_what_the_library_refuses_is_refused_in_its_words(path):
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match="truncated file"):
        hdf5_fields(path, "L")


def peak_kb() -> int:
    return int(re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[0])


@pytest.fixture
def texts(tmp_path):
    """Texts and a number as attributes, and where the first's length stands in the file."""
    path = tmp_path / "texts.h5"
    with h5py.File(path, "w", libver="earliest") as file:
        file.attrs["kind"], file.attrs["count"] = "face_model", 3
        file.create_group("part").attrs["names"] = np.bytes_("jaw, \u00fc".encode())
        file.attrs["vector"] = np.arange(3)
    content = path.read_bytes()
    heap = struct.pack("<Q", content.index(b"GCOL"))
    return path, content.index(struct.pack("<I", len("face_model")) + heap)


def test_attributes_by_what_has_them(texts):
    assert examine(texts[0]) == {"": {"kind": "face_model", "count": 3}, "part": {"names": "jaw, \u00fc"}}


def test_a_text_that_claims_gigabytes_takes_none(texts):
    path, length = texts
    content = path.read_bytes()
    path.write_bytes(content[:length] + struct.pack("<I", 2**32 - 1) + content[length + 4 :])
    Path("/proc/self/clear_refs").write_text("5")  # the peak is the present again
    before = peak_kb()
    assert examine(path)[""] == {"count": 3}
    assert peak_kb() - before < 2**18


def test_attributes_without_end_are_refused(texts, monkeypatch):
    monkeypatch.setattr(hdf5, "MAX_ATTRIBUTE_BYTES", 20)
    with pytest.raises(InputError, match="its attributes cannot be read, or take more than 20 bytes"):
        hdf5_fields(texts[0], "L")
