"""Pickles of arrays: every protocol, chumpy and SciPy around them, and nothing that could run."""

import os
import pickle
import sys
import tracemalloc
import types
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
from bad_files import count_refused

from models3d.errors import InputError
from models3d.readers.pickled import pickle_fields


class Ch:
    """As chumpy's: an array as `x` among bookkeeping."""

    def __init__(self, x: np.ndarray) -> None:
        self.x = x
        self._dirty_vars = {"x"}
        self._itr = None
        self._depends_on_deps = {}


@pytest.fixture
def chumpy(monkeypatch):
    """Ch under chumpy's name while a test pickles it."""
    module = types.ModuleType("chumpy.ch")
    module.Ch = Ch
    monkeypatch.setattr(Ch, "__module__", "chumpy.ch")
    monkeypatch.setitem(sys.modules, "chumpy", types.ModuleType("chumpy"))
    monkeypatch.setitem(sys.modules, "chumpy.ch", module)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_come_back(tmp_path, rng, protocol, chumpy, monkeypatch):
    content = {
        "v_template": rng.normal(size=(5, 3)),
        "f": np.asfortranarray(rng.integers(5, size=(4, 3)).astype(np.uint32)),
        "big_endian": np.arange(3, dtype=">f8"),
        "shapedirs": Ch(rng.normal(size=(5, 3, 2))),
        "J_regressor": scipy.sparse.csc_matrix(np.eye(5)),
        "bs_style": "lbs",
        "objects": np.array([1, "a"], object),
    }
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(content, protocol))
    monkeypatch.undo()  # reading must not need chumpy
    found = pickle_fields(path, "L")
    assert found.shapes == dict.fromkeys(content) | {
        "v_template": (5, 3),
        "f": (4, 3),
        "big_endian": (3,),
        "shapedirs": (5, 3, 2),
    }
    np.testing.assert_array_equal(found.read("v_template"), content["v_template"])
    np.testing.assert_array_equal(found.read("f"), content["f"])
    np.testing.assert_array_equal(found.read("big_endian"), [0, 1, 2])
    np.testing.assert_array_equal(found.read("shapedirs"), content["shapedirs"].x)


def test_bytes_of_python_2(tmp_path):
    """cPickle wrote an array's numbers as a str: BINSTRING, which Python 3 no longer writes."""
    numbers = np.array([1.0, -2.0, 300.0]).tobytes()
    text = (
        b"\x80\x02}U\x01acnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01K\x03\x85"
        b"cnumpy\ndtype\nU\x02f8K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U"
    )
    (tmp_path / "a.pkl").write_bytes(text + bytes([len(numbers)]) + numbers + b"tbs.")
    np.testing.assert_array_equal(pickle_fields(tmp_path / "a.pkl", "L").read("a"), [1, -2, 300])


class Runs:
    def __init__(self, function, *arguments):
        self.reduced = function, arguments

    def __reduce__(self):
        return self.reduced


@pytest.mark.parametrize(
    ("function", "arguments", "name"),
    [
        (os.mkdir, ("ran",), "posix.mkdir"),
        (eval, ("__import__('os').mkdir('ran')",), r"(builtins|__builtin__).eval"),
        (np.fromfile, ("a.pkl",), "numpy"),
        (getattr, (Path, "cwd"), r"(builtins|__builtin__).getattr"),
        (np.lib.format.open_memmap, ("ran", "w+"), "numpy.lib"),
    ],
)
@pytest.mark.parametrize("protocol", [2, 4])
def test_names_that_no_array_needs_are_refused(tmp_path, monkeypatch, function, arguments, name, protocol):
    monkeypatch.chdir(tmp_path)
    Path("a.pkl").write_bytes(pickle.dumps({"v_template": Runs(function, *arguments)}, protocol))
    with pytest.raises(InputError, match=f"names {name}.*, which no array needs"):
        pickle_fields(Path("a.pkl"), "L")
    assert not Path("ran").exists()


def test_an_admitted_name_is_not_called_either(tmp_path):
    """numpy's own _reconstruct would allocate the shape it is given; here nothing is."""
    reconstruct = np.zeros(1).__reduce__()[0]
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"a": Runs(reconstruct, np.ndarray, (2**40,), b"b")}))
    with pytest.raises(InputError, match=r"cannot be read"):
        pickle_fields(tmp_path / "a.pkl", "L")


@pytest.mark.parametrize(
    "claim",
    [
        b"\x80\x05\x96" + (2**40).to_bytes(8, "little") + b"ab.",  # a bytearray of 1 TiB
        b"\x80\x04\x8e" + (2**40).to_bytes(8, "little") + b"ab.",  # bytes of 1 TiB
        b"\x80\x02}r\x00\x00\x00\x01.",  # memo number 2^24: 256 MiB
        b"(dp16777216\n.",
    ],
)
def test_claims_beyond_the_file_take_no_memory(tmp_path, claim):
    (tmp_path / "a.pkl").write_bytes(claim)
    tracemalloc.start()
    with pytest.raises(InputError, match=r"cannot be read"):
        pickle_fields(tmp_path / "a.pkl", "L")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


def test_a_shape_that_the_bytes_do_not_fill(tmp_path):
    data = pickle.dumps({"a": np.arange(6.0).reshape(2, 3)}, 2)
    (tmp_path / "a.pkl").write_bytes(data.replace(b"K\x02K\x03\x86", b"K\x02K\x09\x86"))
    with pytest.raises(InputError, match=r"6 numbers for an array of shape \(2, 9\)"):
        pickle_fields(tmp_path / "a.pkl", "L")


@pytest.mark.parametrize("content", [b"", b"no pickle", pickle.dumps([1, 2])])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "a.pkl").write_bytes(content)
    with pytest.raises(InputError, match=r"cannot be read|is a pickled list, not a dictionary"):
        pickle_fields(tmp_path / "a.pkl", "L")


def test_damage_ends_in_an_input_error_or_in_numbers(tmp_path, rng):
    whole = pickle.dumps({"a": np.arange(6.0), "b": np.arange(3, dtype="i4")}, 2)
    path = tmp_path / "a.pkl"
    damaged = [whole[:length] for length in range(0, len(whole), 5)]
    for _ in range(400):
        changed = bytearray(whole)
        for place in rng.integers(len(whole), size=2):
            changed[place] = rng.integers(256)
        damaged.append(bytes(changed))
    refused = count_refused(path, damaged, pickle_fields)
    assert len(damaged) // 4 < refused < len(damaged)
