"""NumPy and HDF5 files: shapes before numbers, nothing from outside the file, no pickles."""

import io
import zipfile

import h5py
import numpy as np
import pytest
from bad_files import count_refused

from models3d.errors import InputError
from models3d.readers.hdf5 import hdf5_fields
from models3d.readers.npz import npy_fields, npz_fields


@pytest.fixture
def npz(tmp_path, rng):
    arrays = {"a": rng.normal(size=(3, 4)), "f": np.asfortranarray(rng.integers(9, size=(2, 3)).astype(">u4"))}
    np.savez_compressed(tmp_path / "a.npz", **arrays)
    return tmp_path / "a.npz", arrays


def test_npz_comes_back(npz):
    path, arrays = npz
    found = npz_fields(path, "L")
    assert found.shapes == {"a": (3, 4), "f": (2, 3)}
    for name, array in arrays.items():
        np.testing.assert_array_equal(found.read(name), array)


def test_objects_in_an_npz_are_never_unpickled(tmp_path):
    np.savez(tmp_path / "a.npz", objects=np.array([{"a": 1}], object), text=np.array(["x"]))
    found = npz_fields(tmp_path / "a.npz", "L")
    assert found.shapes == {"objects": None, "text": None}
    with pytest.raises(InputError, match=r"'objects' is not an array of real numbers"):
        found.numbers("objects", (None,))


def test_an_npy_header_that_claims_too_much(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**9, 400)})
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("shapedirs.npy", header.getvalue() + bytes(64))
    (tmp_path / "a.npy").write_bytes(header.getvalue() + bytes(64))
    for found in (npz_fields(tmp_path / "a.npz", "L"), npy_fields(tmp_path / "a.npy", "L", "shapedirs")):
        with pytest.raises(InputError, match=r"'shapedirs' claims \(1000000000, 400\) numbers"):
            found.numbers("shapedirs", (None, None))


@pytest.mark.parametrize("text", ["{'descr': (", "{'descr': '<f8', 'shape': (1,", "x" * 50, "  {\n }"])
def test_an_npy_header_that_does_not_parse(tmp_path, text):
    header = text.ljust(118).encode()
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    with pytest.raises(InputError, match=r"a.npy: cannot be read"):
        npy_fields(tmp_path / "a.npy", "L", "landmarks")


def test_damaged_npz_files(npz, rng):
    path, _ = npz
    whole = path.read_bytes()
    damaged = [whole[:length] for length in range(0, len(whole), 7)]
    for _ in range(100):
        changed = bytearray(whole)
        changed[rng.integers(len(whole))] = rng.integers(256)
        damaged.append(bytes(changed))
    refused = count_refused(path, damaged, npz_fields)
    assert len(damaged) // 4 < refused < len(damaged)


def test_hdf5_comes_back_by_path(tmp_path, rng):
    mean = rng.normal(size=12).astype(np.float32)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["shape/model/mean"] = mean
        file["shape/text"] = "abc"
    found = hdf5_fields(tmp_path / "a.h5", "L")
    assert found.shapes == {"shape/model/mean": (12,), "shape/text": None}
    np.testing.assert_array_equal(found.read("shape/model/mean"), mean)


def test_hdf5_that_claims_too_much(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("basis", (10**6, 10**6), "f8", chunks=(1, 1000))
    with pytest.raises(InputError, match=r"'basis' claims \(1000000, 1000000\) numbers"):
        hdf5_fields(tmp_path / "a.h5", "L").numbers("basis", (None, None))


def test_hdf5_does_not_lead_out_of_the_file(tmp_path):
    (tmp_path / "secret").write_bytes(bytes(80))
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["data"] = np.ones(3)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("outside", (10,), "f8", external=[(str(tmp_path / "secret"), 0, 80)])
        file["link"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "data")
        layout = h5py.VirtualLayout((3,), "f8")
        layout[:] = h5py.VirtualSource(tmp_path / "other.h5", "data", (3,))
        file.create_virtual_dataset("virtual", layout)
    assert hdf5_fields(tmp_path / "a.h5", "L").shapes == {"outside": None, "virtual": None}


def test_hdf5_names_that_are_no_text(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file[b"\xff\xfe"] = np.ones(3)
        file["mean"] = np.ones(3)
    with pytest.raises(InputError, match=r"has no field 'other'; it holds: mean"):
        hdf5_fields(tmp_path / "a.h5", "L").shape("other")


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n\x1a\n", b"not HDF5 at all"])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "a.h5").write_bytes(content)
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"a.h5: cannot be read \(OSError"):
        hdf5_fields(tmp_path / "a.h5", "L")
    with pytest.raises(InputError, match=r"a.npz: cannot be read \(BadZipFile"):
        npz_fields(tmp_path / "a.npz", "L")
