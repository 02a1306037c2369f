"""From the files that a configuration names to the native model."""

import json
from dataclasses import replace

import numpy as np
import pytest
import scipy.io

from models3d.errors import InputError
from models3d.face_model import FaceModel, basis_from_displacements, empty_basis
from models3d.readers.native import read_native, write_model
from pipeline.build_models import run
from pipeline.settings.models import BuildModels

SIDE = 15
COUNT = SIDE**2


@pytest.fixture(scope="module")
def head() -> FaceModel:
    """A curved patch, 180 mm tall, with landmarks where a face has ears, chin, bridge and tip of the nose."""
    rng = np.random.default_rng(1)
    x, y = (axis.ravel() for axis in np.meshgrid(np.linspace(-70, 70, SIDE), np.linspace(-90, 90, SIDE)))
    mean = np.stack([x, y, 80 - (x / 12) ** 2 - (y / 14) ** 2], axis=1)
    corner = np.arange(COUNT).reshape(SIDE, SIDE)
    a, b, c, d = (part.ravel() for part in (corner[:-1, :-1], corner[:-1, 1:], corner[1:, 1:], corner[1:, :-1]))
    landmarks = rng.integers(COUNT, size=68)
    landmarks[[0, 8, 16, 27, 30]] = corner[[9, 0, 9, 11, 7], [0, 7, 14, 7, 7]]
    directions = np.linalg.qr(rng.normal(size=(3 * COUNT, 8)))[0].T.reshape(8, COUNT, 3)
    return FaceModel(
        name="head",
        mean_mm=mean.astype(np.float32),
        triangles=np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)]).astype(np.int32),
        landmarks=landmarks.astype(np.int32),
        identity=basis_from_displacements(directions[:5] * 90, tuple(f"identity_{i:03d}" for i in range(5))),
        expression=basis_from_displacements(directions[5:7] * 30, ("smile", "frown"), np.array([[0.0, 3], [-3, 3]])),
        speech=basis_from_displacements(directions[7:] * 20, ("o",)),
        source="tests",
        licence="MIT",
    )


@pytest.fixture
def files(tmp_path, head):
    """LSFM's identity without landmarks, expression and speech alone in native files, the landmarks beside them."""
    components = head.identity.components.astype(np.float64).reshape(5, -1).T
    variances = head.identity.sigmas_mm.astype(np.float64) ** 2
    lsfm = {"mean": head.mean_mm.reshape(-1, 1), "components": components, "eigenvalues": variances}
    scipy.io.savemat(tmp_path / "all_all_all.mat", lsfm | {"trilist": head.triangles})
    nobody = replace(head, identity=empty_basis(COUNT), source="4DFAB")
    write_model(tmp_path / "expression.h5", replace(nobody, speech=empty_basis(COUNT)))
    write_model(tmp_path / "speech.h5", replace(nobody, expression=empty_basis(COUNT), source="LRW-3D"))
    (tmp_path / "landmarks.json").write_text(json.dumps(head.landmarks.tolist()))
    return {
        "identity": tmp_path / "all_all_all.mat",
        "expression": tmp_path / "expression.h5",
        "speech": tmp_path / "speech.h5",
        "landmarks": tmp_path / "landmarks.json",
    }


def settings(**changes) -> BuildModels:
    parts = {"identity": {"reader": "lsfm"}, "expression": {"reader": "native"}, "speech": {"reader": "native"}}
    counts = {"identity_components": 60, "expression_components": 30, "speech_components": 10}
    return BuildModels(**(parts | {"landmarks": "landmarks.json"} | counts | changes))


def test_parts_of_three_files_become_one(files, tmp_path, head):
    run(files, {"model": tmp_path / "made" / "sample.h5"}, settings())
    model = read_native(tmp_path / "made" / "sample.h5")
    assert model.name == "sample" and "LSFM as released" in model.source and model.source.endswith("4DFAB; LRW-3D")
    np.testing.assert_allclose(model.mean_mm, head.mean_mm, atol=1e-4)
    np.testing.assert_array_equal(model.landmarks, head.landmarks)
    np.testing.assert_allclose(model.identity.displacements_mm, head.identity.displacements_mm, atol=1e-4)
    assert model.motion.names == ("smile", "frown", "o")
    np.testing.assert_array_equal(model.motion.displacements_mm, head.motion.displacements_mm)
    np.testing.assert_array_equal(model.motion.bounds, head.motion.bounds)


def test_the_first_components_are_kept(files, tmp_path, head):
    cut = settings(identity_components=3, expression_components=1, speech_components=0)
    run(files, {"model": tmp_path / "sample.h5"}, cut)
    model = read_native(tmp_path / "sample.h5")
    assert model.identity.names == head.identity.names[:3]
    assert model.expression.names == ("smile",) and len(model.speech) == 0


def test_one_file_can_bring_everything(files, tmp_path, head):
    write_model(tmp_path / "whole.h5", head)
    run(
        {"identity": tmp_path / "whole.h5"},
        {"model": tmp_path / "sample.h5"},
        settings(identity={"reader": "native"}, expression=None, speech=None, landmarks=None),
    )
    assert read_native(tmp_path / "sample.h5").digest == head.digest


def test_equal_inputs_give_equal_bytes(files, tmp_path):
    for folder in ("a", "b"):
        run(files, {"model": tmp_path / folder / "sample.h5"}, settings())
    assert (tmp_path / "a/sample.h5").read_bytes() == (tmp_path / "b/sample.h5").read_bytes()


def test_triangles_that_begin_at_another_corner_are_the_same_topology(files, tmp_path, head):
    turned = replace(read_native(files["expression"]), triangles=np.roll(head.triangles, 1, axis=1))
    write_model(files["expression"], turned)
    run(files, {"model": tmp_path / "sample.h5"}, settings())
    np.testing.assert_array_equal(read_native(tmp_path / "sample.h5").triangles, head.triangles)


def test_parts_on_another_topology_are_refused(files, tmp_path, head):
    """Fewer triangles over as many vertices, so that nothing but the topology can tell."""
    write_model(files["expression"], replace(read_native(files["expression"]), triangles=head.triangles[:-1]))
    with pytest.raises(
        InputError, match=r"the expression of 'head' \(225 vertices, 391 triangles\) is on another topology"
    ):
        run(files, {"model": tmp_path / "sample.h5"}, settings())
    assert not (tmp_path / "sample.h5").exists()


def test_a_part_with_fewer_vertices_is_refused(files, tmp_path, head):
    """The landmarks, which are for all parts, already name vertices that it lacks."""
    few = replace(
        head,
        mean_mm=head.mean_mm[:100],
        triangles=head.triangles[:50],
        landmarks=head.landmarks % 100,
        identity=empty_basis(100),
        expression=basis_from_displacements(np.ones((1, 100, 3)), ("smile",)),
        speech=empty_basis(100),
    )
    write_model(files["expression"], few)
    with pytest.raises(
        InputError, match=r"landmarks.json: .* the mesh of expression.h5 has 0 to 99.* all parts .* share"
    ):
        run(files, {"model": tmp_path / "sample.h5"}, settings())


def test_a_part_without_components_is_refused(files, tmp_path):
    with pytest.raises(InputError, match=r"speech.h5: brings no expression components. Name another file as"):
        run(files | {"expression": files["speech"]}, {"model": tmp_path / "sample.h5"}, settings())


def test_a_model_without_expression_is_a_template_to_learn_them_on(files, tmp_path):
    run(files, {"model": tmp_path / "sample.h5"}, settings(expression=None, speech=None))
    model = read_native(tmp_path / "sample.h5")
    assert len(model.identity) and not len(model.motion)


def test_a_mat_without_eigenvalues_names_the_remedy(files, tmp_path):
    variables = {name: a for name, a in scipy.io.loadmat(files["identity"]).items() if name[0] != "_"}
    del variables["eigenvalues"]
    scipy.io.savemat(files["identity"], variables)
    with pytest.raises(
        InputError, match=r"all_all_all.mat: has no field 'eigenvalues'.*Give a complete file in this layout"
    ):
        run(files, {"model": tmp_path / "sample.h5"}, settings())
