"""The project's own file: equal bytes, a digest that is checked, bases that stand alone."""

import json
import time
from dataclasses import replace

import h5py
import numpy as np
import pytest

from models3d.errors import InputError
from models3d.face_model import basis_from_displacements, combine, empty_basis
from models3d.readers.native import read_native, write_model


@pytest.fixture
def talking(face):
    """With one-sided units and speech, so that nothing can be mixed up."""
    rng = np.random.default_rng(5)
    speech = basis_from_displacements(rng.normal(size=(2, 441, 3)), ("o", "mouth, wide"), np.array([[0.0, 3], [-1, 2]]))
    return replace(face, speech=speech)


def test_comes_back_exactly(tmp_path, talking, assert_same):
    write_model(tmp_path / "new" / "a.h5", talking)
    found = read_native(tmp_path / "new" / "a.h5")
    assert_same(found, talking)
    assert found.digest == talking.digest
    assert (found.name, found.source, found.licence) == (talking.name, talking.source, talking.licence)


def test_equal_models_give_equal_bytes_and_no_leftovers(tmp_path, talking):
    write_model(tmp_path / "a.h5", talking)
    time.sleep(1.1)  # HDF5 would note the time in seconds
    write_model(tmp_path / "b.h5", replace(talking))
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.h5", "b.h5"]


def test_an_expression_basis_alone_is_combined(tmp_path, talking, neutral_face, assert_same):
    write_model(tmp_path / "expression.h5", replace(talking, identity=empty_basis(441), speech=empty_basis(441)))
    donor = read_native(tmp_path / "expression.h5")
    assert len(donor.identity) == 0
    assert_same(combine("both", neutral_face, donor), replace(talking, speech=empty_basis(441)))


def test_other_landmarks_take_the_place_of_its_own(tmp_path, talking):
    write_model(tmp_path / "a.h5", talking)
    (tmp_path / "ids.json").write_text(json.dumps((talking.landmarks + 1).tolist()))
    np.testing.assert_array_equal(
        read_native(tmp_path / "a.h5", tmp_path / "ids.json").landmarks, talking.landmarks + 1
    )


@pytest.fixture
def changed(tmp_path, talking):
    """The path of a file after a change to it."""

    def change(edit):
        write_model(tmp_path / "a.h5", talking)
        with h5py.File(tmp_path / "a.h5", "r+") as file:
            edit(file)
        return tmp_path / "a.h5"

    return change


def put(name, array):
    def edit(file):
        del file[name]
        file[name] = array

    return edit


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda f: f["mean_mm"].write_direct(np.zeros((1, 3), "f4"), dest_sel=np.s_[:1]),
            "was changed or damaged. Delete",
        ),
        (lambda f: f["speech"].attrs.modify("names", '["o", "x"]'), "was changed or damaged"),
        (lambda f: f.attrs.modify("digest", "0123456789abcdef"), "it states 0123456789abcdef"),
        (lambda f: f.attrs.modify("kind", "fits"), r"kind and schema \('fits', (np.int64\()?1\)?\)"),
        (lambda f: f.attrs.modify("schema_version", 99), "expected .*'face_model', 1"),
        (lambda f: f.attrs.__delitem__("licence"), "cannot be read"),
        (lambda f: f["identity"].attrs.modify("names", "{"), "cannot be read"),
        (lambda f: f.__delitem__("speech"), "cannot be read"),
        (
            lambda f: f.__delitem__("expression/bounds"),
            "has no field 'expression/bounds'; it holds: expression/components",
        ),
        (put("expression/bounds", np.zeros((4, 3), "f4")), r"'expression/bounds' has shape \(4, 3\), expected 4 x 2"),
        (put("identity/components", np.zeros((6, 440, 3), "f4")), "expected 6 x 441 x 3"),
        (put("identity/sigmas_mm", np.full(6, np.nan, "f4")), "'identity/sigmas_mm' holds numbers that are not finite"),
        (put("triangles", np.full((2, 3), 441, "i4")), "'triangles' names vertex 441"),
        (put("landmarks", np.zeros(67, "i4")), r"'landmarks' has shape \(67,\), expected 68"),
    ],
)
def test_what_was_changed_is_refused(changed, edit, message):
    with pytest.raises(InputError, match=message):
        read_native(changed(edit))


def test_truncated_files(tmp_path, talking):
    write_model(tmp_path / "a.h5", talking)
    whole = (tmp_path / "a.h5").read_bytes()
    for length in range(0, len(whole), len(whole) // 40):
        (tmp_path / "a.h5").write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"cannot be read|was changed"):
            read_native(tmp_path / "a.h5")
