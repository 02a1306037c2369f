"""Landmarks from files of ids and of points."""

import json

import menpo3d.io
import numpy as np
import pytest

from models3d.errors import InputError
from models3d.readers.landmark_file import read_landmarks

IDS = list(range(100, 168))


@pytest.fixture
def vertices(face):
    return face.mean_mm.astype(np.float64)


@pytest.fixture
def model_path(tmp_path):
    return tmp_path / "model.mat"


def write_ids(path, ids):
    if path.suffix == ".npy":
        np.save(path, ids)
    else:
        path.write_text(json.dumps(list(ids)) if path.suffix == ".json" else "\n".join(map(str, ids)))
    return path


@pytest.mark.parametrize("ending", [".json", ".txt", ".npy"])
def test_ids_come_back(tmp_path, model_path, vertices, ending):
    path = write_ids(tmp_path / f"ids{ending}", IDS)
    np.testing.assert_array_equal(read_landmarks(path, model_path, vertices, 1.0), IDS)


@pytest.mark.parametrize("ending", [".json", ".txt", ".npy"])
@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (IDS[:67], r"shape \(67,\), expected 68"),
        ([*IDS[:67], 441], "names vertex 441"),
        ([-1, *IDS[1:]], "names vertex -1"),
        ([0.5, *IDS[1:]], "names vertex 0.5"),
    ],
)
def test_other_ids_are_refused(tmp_path, model_path, vertices, ending, ids, message):
    with pytest.raises(InputError, match=message):
        read_landmarks(write_ids(tmp_path / f"ids{ending}", ids), model_path, vertices, 1.0)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("ids.json", "{"),
        ("ids.json", '{"a": 1}'),
        ("ids.json", '["a"]'),
        ("ids.json", "[[1], [2, 3]]"),
        ("ids.json", "[" * 100_000),
        ("ids.txt", "one two"),
        ("ids.npy", "no npy"),
        ("ids.ljson", "{}"),
        ("ids.ljson", '{"groups": {}}'),
        ("ids.ljson", '{"landmarks": {"points": [[1, 2], [3]]}}'),
        ("ids.ljson", '{"landmarks": {"points": [[1, 2, 3]]}}'),
        ("ids.csv", "1,2"),
        ("ids.json", " " * 2**21),
    ],
    ids=lambda text: text[:12].replace("\n", " ").strip(),
)
def test_other_files_are_refused(tmp_path, model_path, vertices, name, content):
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=rf"{name}: .* (68 vertex ids|68 points)"):
        read_landmarks(tmp_path / name, model_path, vertices, 1.0)


def test_no_file_names_model_and_remedy(model_path, vertices):
    with pytest.raises(InputError, match=r"model.mat: brings no landmarks. Set the model's 'landmarks' to a file"):
        read_landmarks(None, model_path, vertices, 1.0)


def test_a_file_that_is_not_there(tmp_path, model_path, vertices):
    with pytest.raises(InputError, match=r"nowhere.json: is not a file"):
        read_landmarks(tmp_path / "nowhere.json", model_path, vertices, 1.0)


def ljson(path, points, version):
    landmarks = {"landmarks": {"points": np.asarray(points).tolist(), "connectivity": []}, "labels": []}
    content = landmarks | {"version": 2} if version == 2 else {"groups": {"LJSON": landmarks}, "version": 3}
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize("version", [2, 3])
def test_points_snap_to_the_nearest_vertex_in_the_files_unit(tmp_path, model_path, vertices, version):
    in_micrometres = vertices * 1000
    path = ljson(tmp_path / "a.ljson", in_micrometres[IDS] + 900, version)
    np.testing.assert_array_equal(read_landmarks(path, model_path, in_micrometres, 0.001), IDS)


def test_a_point_far_from_the_mesh_is_refused(tmp_path, model_path, vertices):
    points = vertices[IDS] / 1000
    points[30] += [0, 0, 0.02]
    with pytest.raises(InputError, match=r"its landmark 30 lies [0-9.]+ mm from the nearest vertex, more than 5.0 mm"):
        read_landmarks(ljson(tmp_path / "a.ljson", points, 3), model_path, vertices / 1000, 1000.0)


def test_a_point_that_was_not_marked_is_refused(tmp_path, model_path, vertices):
    path = ljson(tmp_path / "a.ljson", vertices[IDS], 3)
    path.write_text(path.read_text().replace(str(vertices[IDS[0]].tolist()), "[null, null, null]"))
    with pytest.raises(InputError, match=r"'points' holds numbers that are not finite"):
        read_landmarks(path, model_path, vertices, 1.0)


def test_menpo3ds_template_and_its_landmarks(model_path):
    """The packaged mesh is in micrometres; its 68 points lie within 1.2 mm of 68 different vertices."""
    mesh = menpo3d.io.import_builtin_asset("template.ply")
    path = menpo3d.io.data_path_to("template.ljson")
    ids = read_landmarks(path, model_path, mesh.points, 0.001)
    assert len(set(ids.tolist())) == 68
    distances = np.linalg.norm(mesh.points[ids] - mesh.landmarks["LJSON"].points, axis=1)
    assert distances.max() < 1200
