"""FLAME as .npz and as the released .pkl."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from models3d.errors import InputError
from models3d.face_model import basis_from_displacements
from models3d.readers.flame import read_flame


@pytest.fixture(scope="module")
def flame(face):
    """The face with 300 + 100 components, as FLAME has."""
    rng = np.random.default_rng(11)
    parts = {}
    for part, count in (("identity", 300), ("expression", 100)):
        displacements = rng.normal(size=(count, *face.mean_mm.shape)) * np.geomspace(3, 0.1, count)[:, None, None]
        parts[part] = basis_from_displacements(displacements, tuple(f"{part}_{i:03d}" for i in range(count)))
    return replace(face, **parts)


@pytest.fixture
def content(flame):
    displacements = np.concatenate([flame.identity.displacements_mm, flame.expression.displacements_mm])
    count = len(flame.mean_mm)
    return {
        "v_template": flame.mean_mm.astype(np.float64) / 1000,
        "f": flame.triangles.astype(np.uint32),
        "shapedirs": np.moveaxis(displacements.astype(np.float64), 0, -1) / 1000,
        "posedirs": np.zeros((count, 3, 36)),
        "J_regressor": np.zeros((5, count)),
        "weights": np.zeros((count, 5)),
        "kintree_table": np.zeros((2, 5), np.int64),
    }


@pytest.fixture
def write(tmp_path):
    def save(content, ending=".npz"):
        path = tmp_path / f"generic_model{ending}"
        if ending == ".npz":
            np.savez(path, **content)
        else:
            path.write_bytes(pickle.dumps(content, protocol=2))
        return path

    return save


@pytest.mark.parametrize("ending", [".npz", ".pkl"])
def test_comes_back(content, write, landmarks, flame, assert_same, ending):
    model = read_flame(write(content, ending), landmarks)
    assert_same(model, flame)
    assert "skinned jaw, neck and eyeballs held still" in model.source


@pytest.mark.parametrize("ending", [".npz", ".pkl"])
@pytest.mark.parametrize("field", ["v_template", "f", "shapedirs"])
def test_a_missing_field_is_named(content, write, landmarks, ending, field):
    del content[field]
    with pytest.raises(InputError, match=f"has no field '{field}'; it holds: J_regressor, "):
        read_flame(write(content, ending), landmarks)


@pytest.mark.parametrize(
    ("field", "change", "message"),
    [
        ("shapedirs", lambda a: a[:, :, :300], r"'shapedirs' has shape \(441, 3, 300\), expected 441 x 3 x 400"),
        ("v_template", lambda a: a * 1000, "as high as a face in millimetres. Give lengths in metres"),
        ("f", lambda a: a + 1, "'f' names vertex 441"),
        ("v_template", lambda a: np.where(a == a[0, 0], np.inf, a), "'v_template' holds numbers that are not finite"),
    ],
)
def test_what_cannot_be_is_refused(content, write, landmarks, field, change, message):
    content[field] = change(content[field])
    with pytest.raises(InputError, match=message):
        read_flame(write(content), landmarks)


def test_a_pickle_that_runs_code_does_not(tmp_path, landmarks):
    class Runs:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    (tmp_path / "flame.pkl").write_bytes(pickle.dumps({"v_template": Runs()}))
    with pytest.raises(InputError, match=r"names \w+.open, which no array needs.* unpickling it could run code"):
        read_flame(tmp_path / "flame.pkl", landmarks)
    assert not (tmp_path / "ran").exists()


def test_landmarks_are_needed(content, write):
    with pytest.raises(InputError, match=r"generic_model.npz: brings no landmarks"):
        read_flame(write(content))


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"has the ending '.zip'. Give a file of FLAME"):
        read_flame(tmp_path / "flame.zip")
