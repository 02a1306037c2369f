"""ICT-FaceKit: the real folder where there is one, and small folders in its layout."""

import json
from dataclasses import replace

import numpy as np
import pytest

from models3d.errors import InputError
from models3d.face_model import basis_from_displacements, synthesize
from models3d.readers.ict import read_ict
from models3d.readers.obj import obj_triangles, obj_vertices

UNITS = ("browDown_L", "jawOpen", "mouthSmile_R")


@pytest.fixture(scope="module")
def small(face):
    """The face with ICT's names; units from 0 to a full shape at three standard deviations."""
    rng = np.random.default_rng(3)
    shapes = rng.normal(scale=4, size=(3, *face.mean_mm.shape))
    bounds = np.array([[0.0, 3.0]] * 3)
    identities = replace(face.identity, names=tuple(f"identity{i:03d}" for i in range(6)))
    return replace(face, identity=identities, expression=basis_from_displacements(shapes / 3, UNITS, bounds))


def write_obj(path, vertices_cm, triangles):
    """As ICT's: comments, vertices, texture coordinates, then faces by material; here a sheet over the eye too."""
    lines = ["#####", "# ICT FaceKit", "#####", "", "mtllib ICTFaceModelMaterial.mtl"]
    lines += ["v {:.9f} {:.9f} {:.9f}".format(*vertex) for vertex in vertices_cm]
    lines += ["vt 0.5 0.5", "usemtl M_Face"]
    lines += ["f " + " ".join(f"{corner + 1}/{number + 1}" for corner in t) for number, t in enumerate(triangles)]
    lines += ["usemtl M_EyeOcclusion", "f 1/1 2/1 3/1"]
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def folder(tmp_path, small):
    neutral = small.mean_mm.astype(np.float64)
    write_obj(tmp_path / "generic_neutral_mesh.obj", neutral / 10, small.triangles)
    for basis, worth in ((small.identity, 1), (small.expression, 3)):
        for name, displacement in zip(basis.names, basis.displacements_mm, strict=True):
            write_obj(tmp_path / f"{name}.obj", (neutral + worth * displacement) / 10, small.triangles)
    indices = {"expressions": list(UNITS), "idx_to_landmark_verts": small.landmarks.tolist(), "incompatibilities": []}
    (tmp_path / "vertex_indices.json").write_text(json.dumps(indices))
    return tmp_path


def test_comes_back(folder, small, assert_same):
    model = read_ict(folder)
    assert_same(replace(model, mean_mm=small.mean_mm), small)
    np.testing.assert_allclose(model.mean_mm, small.mean_mm, atol=1e-4)
    assert model.source.endswith("lengths in centimetres") and model.licence.startswith("MIT")


def test_other_landmarks_take_the_place_of_its_own(folder, small):
    (folder / "mine.json").write_text(json.dumps((small.landmarks + 1).tolist()))
    np.testing.assert_array_equal(read_ict(folder, folder / "mine.json").landmarks, small.landmarks + 1)


def test_any_number_of_identity_shapes(folder, small):
    for name in small.identity.names[2:]:
        (folder / f"{name}.obj").unlink()
    assert read_ict(folder).identity.names == ("identity000", "identity001")


@pytest.mark.parametrize("name", ["generic_neutral_mesh.obj", "jawOpen.obj", "vertex_indices.json"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(InputError, match=f"{name}: is not"):
        read_ict(folder)


def test_no_folder(tmp_path):
    with pytest.raises(
        InputError, match=r"nowhere: is not a folder. Give the path of ICT-FaceKit \(the folder FaceXModel"
    ):
        read_ict(tmp_path / "nowhere")


def test_a_shape_of_another_release(folder, small):
    write_obj(folder / "jawOpen.obj", small.mean_mm[:-1] / 10, small.triangles[:1])
    with pytest.raises(InputError, match=r"jawOpen.obj: has 440 vertices, the neutral face has 441"):
        read_ict(folder)


def test_a_shape_that_moves_nothing(folder, small):
    write_obj(folder / "jawOpen.obj", small.mean_mm.astype(float) / 10, small.triangles)
    with pytest.raises(InputError, match=r"jawOpen.* move no vertex"):
        read_ict(folder)


@pytest.mark.parametrize(
    ("indices", "message"),
    [
        ({"expressions": ["../../secret"]}, "no list 'expressions' of plain names"),
        ({"expressions": ["R" * 5000]}, "no list 'expressions' of plain names"),
        ({"expressions": "jawOpen"}, "no list 'expressions' of plain names"),
        ({"idx_to_landmark_verts": [1, 2]}, r"'idx_to_landmark_verts' has shape \(2,\), expected 68"),
        ({"idx_to_landmark_verts": [441] * 68}, "names vertex 441"),
        ({"idx_to_landmark_verts": [[1], [1, 2]]}, "cannot be read"),
    ],
)
def test_indices_that_cannot_be(folder, indices, message):
    path = folder / "vertex_indices.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | indices))
    with pytest.raises(InputError, match=message):
        read_ict(folder)


def test_polygons_become_fans(tmp_path):
    (tmp_path / "a.obj").write_text(
        "v 0 0 0\nusemtl A\nf 1/1 2/1 3/1 4/1\nf 3/1 4/1 5/1\nusemtl B\nf 1/1 2/2 3/3 4/4 5/5\n"
    )
    found = obj_triangles(tmp_path / "a.obj")
    np.testing.assert_array_equal(found["A"], [[0, 1, 2], [0, 2, 3], [2, 3, 4]])
    np.testing.assert_array_equal(found["B"], [[0, 1, 2], [0, 2, 3], [0, 3, 4]])


@pytest.mark.parametrize(
    "faces", ["f 1 2 3", "f 1/1 2/1", "f 1/1 2/1 x/1", "f 1/1/1 2/1/1 3/1/1", "f 1/1 2/1 99999999999/1"]
)
def test_other_faces_are_refused(tmp_path, faces):
    (tmp_path / "a.obj").write_text(f"v 0 0 0\nusemtl A\n{faces}\n")
    with pytest.raises(InputError, match=r"a.obj: has faces that are not polygons"):
        obj_triangles(tmp_path / "a.obj")


def test_no_faces_but_transparent_ones(folder, small):
    write_obj(folder / "generic_neutral_mesh.obj", small.mean_mm / 10, [])
    with pytest.raises(InputError, match=r"generic_neutral_mesh.obj: has no faces but transparent ones"):
        read_ict(folder)


def test_faces_beyond_the_vertices(folder, small):
    write_obj(folder / "generic_neutral_mesh.obj", small.mean_mm / 10, [[0, 1, 441]])
    with pytest.raises(InputError, match=r"faces with vertices outside 1 to 441"):
        read_ict(folder)


@pytest.mark.parametrize("lines", ["v 1 2\n", "v 1 2 x\n", "v nan 1 2\n", "", "v 1 2 3 4\n"])
def test_other_vertices_are_refused(tmp_path, lines):
    (tmp_path / "a.obj").write_text(f"#\n{lines}vt 0 0\n")
    with pytest.raises(InputError, match=r"a.obj: has a vertex line that is not|a.obj: has no vertices"):
        obj_vertices(tmp_path / "a.obj")


@pytest.fixture(scope="module")
def real(ict_folder):
    return read_ict(ict_folder / "FaceXModel")


def test_real_model_is_what_its_documentation_says(real):
    assert real.mean_mm.shape == (26719, 3) and len(real.identity) == 30 and len(real.expression) == 53
    assert 330 < np.ptp(real.mean_mm[:, 1]) < 345  # a bust, in millimetres
    np.testing.assert_array_equal(real.expression.bounds, [[0, 3]] * 53)
    assert not set(real.expression.names) & {"generic_neutral_mesh", "PupilDilate_L", "cheekRaiser_L"}


def test_real_shapes_come_back_from_coefficients(real, ict_folder):
    """A unit's weight is its coefficient over 3; an identity shape is one standard deviation."""
    jaw = np.zeros(53)
    jaw[real.expression.names.index("jawOpen")] = 3
    expected = obj_vertices(ict_folder / "FaceXModel" / "jawOpen.obj") * 10
    np.testing.assert_allclose(synthesize(real, np.zeros(0), jaw), expected, atol=1e-3)
    expected = obj_vertices(ict_folder / "FaceXModel" / "identity007.obj") * 10
    np.testing.assert_allclose(synthesize(real, np.eye(30)[7], np.zeros(0)), expected, atol=1e-3)


def test_real_landmarks_lie_where_ibug_has_them(real):
    points = real.mean_mm[real.landmarks]
    brows, nose, eyes, mouth = points[17:27], points[27:36], points[36:48], points[48:68]
    assert brows[:, 1].min() > eyes[:, 1].max() > nose[:, 1].max() - 6 and nose[:, 1].min() > mouth[:, 1].max()
    mirrored = points[[16 - i for i in range(17)]] * [-1, 1, 1]
    np.testing.assert_allclose(points[:17], mirrored, atol=0.1)


def test_real_mouth_and_eyes_are_kept_and_nothing_covers_them(real, ict_folder):
    materials = obj_triangles(ict_folder / "FaceXModel" / "generic_neutral_mesh.obj")
    kept = set(map(tuple, np.sort(real.triangles, axis=1).tolist()))
    assert len(real.triangles) == 48836
    for material in ("M_Teeth", "M_GumsTongue", "M_ScleraLeft", "M_IrisRight"):
        assert set(map(tuple, np.sort(materials[material], axis=1).tolist())) <= kept
    assert not set(map(tuple, np.sort(materials["M_EyeOcclusion"], axis=1).tolist())) & kept
