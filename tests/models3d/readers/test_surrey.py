"""eos models: what eos-py writes is read without it."""

from dataclasses import replace

import numpy as np
import pytest

from models3d.errors import InputError
from models3d.face_model import basis_from_displacements
from models3d.readers.surrey import read_surrey


@pytest.fixture
def eos():
    return pytest.importorskip("eos", reason="eos-py is not installed").morphablemodel


@pytest.fixture
def pca(eos, columns):
    def make(mean, basis, triangles):
        variances = (basis.sigmas_mm**2).astype(np.float32)
        return eos.PcaModel(
            mean.reshape(-1), columns(basis.components).astype(np.float32), variances, triangles.tolist()
        )

    return make


@pytest.fixture
def units(face):
    """Six one-sided units, and the face that has them."""
    shapes = np.random.default_rng(2).normal(scale=3, size=(6, *face.mean_mm.shape))
    names = ("anger", "disgust", "fear", "happiness", "sadness", "surprise")
    bounds = np.array([[0.0, 3.0]] * 6)
    return shapes, replace(face, expression=basis_from_displacements(shapes / 3, names, bounds))


def blendshapes(eos, shapes, names):
    made = []
    for shape, name in zip(shapes, names, strict=True):
        unit = eos.Blendshape()
        unit.name, unit.deformation = name, shape.reshape(-1).astype(np.float32)
        made.append(unit)
    return made


def test_units_in_a_file_of_their_own(eos, pca, units, neutral_face, tmp_path, landmarks, assert_same):
    shapes, truth = units
    shape_model = pca(truth.mean_mm, truth.identity, truth.triangles)
    eos.save_model(eos.MorphableModel(shape_model, eos.PcaModel()), str(tmp_path / "sfm_shape_3448.bin"))
    made = blendshapes(eos, shapes, truth.expression.names)
    eos.save_blendshapes(made, str(tmp_path / "expression_blendshapes_3448.bin"))
    assert_same(read_surrey(tmp_path, landmarks), truth)
    assert_same(read_surrey(tmp_path / "sfm_shape_3448.bin", landmarks), neutral_face)


def test_units_within_the_model(eos, pca, units, tmp_path, landmarks, assert_same):
    shapes, truth = units
    made = blendshapes(eos, shapes, truth.expression.names)
    model = eos.MorphableModel(pca(truth.mean_mm, truth.identity, truth.triangles), made, eos.PcaModel())
    eos.save_model(model, str(tmp_path / "a.bin"))
    assert_same(read_surrey(tmp_path / "a.bin", landmarks), truth)


def test_an_expression_pca_brings_a_mean_of_its_own(eos, pca, face, tmp_path, landmarks, assert_same):
    offset = np.random.default_rng(4).normal(size=face.mean_mm.shape).astype(np.float32)
    shape_model = pca(face.mean_mm - offset, face.identity, face.triangles)
    expression_model = pca(offset, face.expression, face.triangles)
    eos.save_model(eos.MorphableModel(shape_model, expression_model, eos.PcaModel()), str(tmp_path / "a.bin"))
    assert_same(read_surrey(tmp_path / "a.bin", landmarks), face)


def test_a_truncated_file_is_named(eos, pca, face, tmp_path, landmarks):
    path = tmp_path / "a.bin"
    shape_model = pca(face.mean_mm, face.identity, face.triangles)
    eos.save_model(eos.MorphableModel(shape_model, eos.PcaModel()), str(path))
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match=r"a.bin: cannot be read \(ValueError: .* bytes are stated where"):
        read_surrey(path, landmarks)


def test_another_version_is_named(tmp_path, landmarks):
    (tmp_path / "a.bin").write_bytes(b"\3\0\0\0" + bytes(100))
    with pytest.raises(InputError, match="version 3, not 4"):
        read_surrey(tmp_path / "a.bin", landmarks)
