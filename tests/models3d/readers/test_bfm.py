"""The Basel Face Model in both layouts, and each trap in them."""

import h5py
import numpy as np
import pytest
import scipy.io

from models3d.errors import InputError
from models3d.readers.bfm import read_bfm


@pytest.fixture
def content_2009(neutral_face, columns):
    """01_MorphableModel.mat: micrometres, standard deviations, triangles counted from 1 and clockwise; singles."""
    count = len(neutral_face.mean_mm)
    return {
        "shapeMU": neutral_face.mean_mm.reshape(-1, 1) * np.float32(1000),
        "shapePC": columns(neutral_face.identity.components).astype(np.float32),
        "shapeEV": neutral_face.identity.sigmas_mm.reshape(-1, 1) * np.float32(1000),
        "texMU": np.full((3 * count, 1), 128, np.float32),
        "texPC": np.zeros((3 * count, 2), np.float32),
        "texEV": np.ones((2, 1), np.float32),
        "tl": neutral_face.triangles[:, ::-1].astype(np.float64) + 1,
        "segbin": np.zeros((count, 4), np.uint8),
    }


@pytest.fixture
def write_2009(tmp_path):
    def save(content):
        scipy.io.savemat(tmp_path / "01_MorphableModel.mat", content)
        return tmp_path / "01_MorphableModel.mat"

    return save


@pytest.fixture
def content_2017(face, columns, rng):
    """model2017-1: the face's mean is that of the shapes plus that of the expressions."""
    expression_mean = rng.normal(scale=2, size=face.mean_mm.size)
    content = {
        "shape/model/mean": face.mean_mm.reshape(-1) - expression_mean,
        "expression/model/mean": expression_mean,
        "shape/representer/cells": face.triangles.T.astype(np.int64),
        "color/model/mean": np.full(face.mean_mm.size, 0.5),
        "version/majorVersion": np.int32(0),
    }
    for group, basis in (("shape", face.identity), ("expression", face.expression)):
        content[f"{group}/model/pcaBasis"] = columns(basis.components)
        content[f"{group}/model/pcaVariance"] = basis.sigmas_mm.astype(np.float64) ** 2
        content[f"{group}/model/noiseVariance"] = np.float32(0)
    return content


@pytest.fixture
def write_2017(tmp_path):
    def save(content):
        with h5py.File(tmp_path / "model2017-1_bfm_nomouth.h5", "w") as file:
            for name, array in content.items():
                file[name] = array
        return tmp_path / "model2017-1_bfm_nomouth.h5"

    return save


def test_2009_comes_back(content_2009, write_2009, landmarks, neutral_face, assert_same):
    assert_same(read_bfm(write_2009(content_2009), landmarks), neutral_face)


@pytest.mark.parametrize("field", ["shapeMU", "shapePC", "shapeEV", "tl"])
def test_2009_names_a_missing_field(content_2009, write_2009, landmarks, field):
    del content_2009[field]
    with pytest.raises(InputError, match=f"has no field '{field}'; it holds: .*texMU"):
        read_bfm(write_2009(content_2009), landmarks)


def test_2009_in_millimetres_is_not_2009(content_2009, write_2009, landmarks):
    content_2009["shapeMU"] = content_2009["shapeMU"] / 1000
    with pytest.raises(InputError, match=r"as high as a face in millimetres. Give lengths in micrometres"):
        read_bfm(write_2009(content_2009), landmarks)


def test_2009_counts_from_one(content_2009, write_2009, landmarks):
    content_2009["tl"] = content_2009["tl"] - 1
    with pytest.raises(InputError, match=r"'tl' names vertex 0.0; counted from 1"):
        read_bfm(write_2009(content_2009), landmarks)


def test_2017_comes_back_with_the_mean_of_the_expressions(content_2017, write_2017, landmarks, face, assert_same):
    assert_same(read_bfm(write_2017(content_2017), landmarks), face)


def test_2017_cropped_has_shorter_eigenvectors(content_2017, write_2017, landmarks, face):
    """Vertices cut away take their share of each eigenvector's norm with them, not of its displacements."""
    for group in ("shape", "expression"):
        content_2017[f"{group}/model/pcaBasis"] = content_2017[f"{group}/model/pcaBasis"] * 0.6
    model = read_bfm(write_2017(content_2017), landmarks)
    np.testing.assert_allclose(np.linalg.norm(model.identity.components, axis=(1, 2)), 1, rtol=1e-5)
    np.testing.assert_allclose(model.identity.displacements_mm, face.identity.displacements_mm * 0.6, atol=1e-4)


@pytest.mark.parametrize(
    "field",
    ["shape/model/mean", "shape/model/pcaBasis", "expression/model/pcaVariance", "expression/model/mean"],
)
def test_2017_names_a_missing_field(content_2017, write_2017, landmarks, field):
    del content_2017[field]
    with pytest.raises(InputError, match=f"has no field '{field}'; it holds: color/model/mean"):
        read_bfm(write_2017(content_2017), landmarks)


def test_2017_with_scaled_eigenvectors_is_refused(content_2017, write_2017, landmarks):
    content_2017["shape/model/pcaBasis"] = content_2017["shape/model/pcaBasis"] * 120
    with pytest.raises(InputError, match=r"column 0 of its 'shape/model/pcaBasis' has norm 120"):
        read_bfm(write_2017(content_2017), landmarks)


def test_cells_stand_in_columns(content_2017, write_2017, landmarks):
    content_2017["shape/representer/cells"] = content_2017["shape/representer/cells"].T
    with pytest.raises(InputError, match=r"cells' has shape \(800, 3\), expected 3 x any"):
        read_bfm(write_2017(content_2017), landmarks)


def test_landmarks_are_needed(content_2009, write_2009, content_2017, write_2017):
    for path in (write_2009(content_2009), write_2017(content_2017)):
        with pytest.raises(InputError, match=f"{path.name}: brings no landmarks"):
            read_bfm(path)


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"has the ending '.bin'. Give a file of Basel Face Model 2009"):
        read_bfm(tmp_path / "bfm.bin")
