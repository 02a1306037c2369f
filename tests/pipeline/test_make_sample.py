"""The whole sample, as small as it gets: its files, their readers, and the same bytes twice."""

from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image

from models3d.camera import project, unpack
from models3d.face_model import combine, synthesize
from models3d.landmarks import JAW
from models3d.readers.lsfm import read_lsfm
from models3d.readers.native import read_native
from pipeline import make_sample
from pipeline.files import read_table
from pipeline.landmark_files import read_landmarks
from pipeline.settings.sample import MakeSample
from pipeline.shards import read_shard

SETTINGS = MakeSample(
    seed=7, identity_components=60, photos=6, subjects=1, sessions=2, sequences=1, frames=3, image_size_px=240
)


def outputs(root: Path) -> dict[str, Path]:
    return {
        "lsfm": root / "lsfm/all_all_all.mat",
        "expression": root / "models/expression.h5",
        "landmarks": root / "landmarks.json",
        "manifest4dfab": root / "4dfab/manifest.csv",
        "urls": root / "emotionet/emotioNet_URLs/emotioNet_1.txt",
        "truth": root / "truth.h5",
    }


@pytest.fixture(scope="module")
def sample(tmp_path_factory) -> dict[str, Path]:
    paths = outputs(tmp_path_factory.mktemp("sample"))
    make_sample.run({}, paths, SETTINGS)
    return paths


@pytest.fixture(scope="module")
def model(sample):
    identity = read_lsfm(sample["lsfm"], sample["landmarks"])
    return combine("sample", identity, read_native(sample["expression"]))


@pytest.fixture(scope="module")
def truth(sample):
    return read_shard(sample["truth"], "truth")


def test_the_parts_make_one_model(model):
    assert len(model.identity) == 60 and len(model.expression) == 30
    assert "smile_left" in model.expression.names


def test_the_truth_projects_onto_the_landmarks_beside_the_photos(sample, model, truth):
    vertices = synthesize(model, truth["identity"], truth["expression"])
    found = project(unpack(truth["camera"].astype(float)), vertices[:, model.landmarks].astype(float))
    assert found[:, JAW.stop :] == pytest.approx(truth["landmarks_px"][:, JAW.stop :], abs=0.02)
    folder = sample["urls"].parent.parent
    beside = [path for path in truth.text("id") if (folder / path).with_suffix(".pts").is_file()]
    assert len(beside) == 2
    for path in beside:
        expected = truth["landmarks_px"][truth.text("id").index(path)]
        assert read_landmarks((folder / path).with_suffix(".pts")) == pytest.approx(expected, abs=0.01)


def test_photos_are_there_and_two_links_are_dead(sample, truth):
    folder = sample["urls"].parent.parent
    names = [url.rpartition("/")[2] for url in sample["urls"].read_text().splitlines()]
    alive = [name for name in names if (folder / "images" / name).is_file()]
    assert (len(names), len(alive)) == (8, 6)
    assert truth.text("id") == [f"images/{name}" for name in alive]
    for name in alive:
        assert Image.open(folder / "images" / name).size == (240, 240)


def test_faces_are_found(sample, truth):
    """By a detector that has never seen the sample; its outline lies near the truth."""
    import mediapipe

    found = 0
    with mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True, refine_landmarks=True) as detector:
        for path, expected in zip(truth.text("id"), truth["landmarks_px"], strict=True):
            image = np.asarray(Image.open(sample["urls"].parent.parent / path))
            faces = detector.process(image).multi_face_landmarks
            if faces:
                corners = np.array([[faces[0].landmark[i].x, faces[0].landmark[i].y] for i in (33, 263)]) * 240
                scale = np.linalg.norm(expected[45] - expected[36])
                found += np.linalg.norm(corners - expected[[36, 45]], axis=1).max() < 0.2 * scale
    assert found >= 5


def test_clips_lead_from_a_neutral_mesh_and_follow_the_truth(sample, model, truth):
    folder = sample["manifest4dfab"].parent
    rows = read_table(sample["manifest4dfab"])
    assert len(rows) == 6 and [row["mesh"] for row in rows] == truth.text("mesh")
    for row, identity, expression in zip(rows, truth["mesh_identity"], truth["mesh_expression"], strict=True):
        mesh = trimesh.load(folder / row["mesh"], process=False)
        assert np.array_equal(mesh.faces, model.triangles)
        assert np.load(folder / row["texture"]).shape == model.mean_mm.shape
        assert (folder / row["neutral_mesh"]).is_file()
        made = synthesize(model, identity, expression)
        aligned, _, _ = trimesh.registration.procrustes(mesh.vertices, made, reflection=False, scale=False)
        moved = trimesh.transform_points(mesh.vertices, aligned)
        assert np.abs(moved - made).max() < 0.02
        assert (row["frame"] == "0") == (row["mesh"] == row["neutral_mesh"])


def test_the_truth_says_what_it_was_made_from(truth, model):
    assert truth.attributes["settings"]["photos"] == 6
    assert truth.attributes["expression_names"] == list(model.expression.names)


def test_the_same_settings_give_the_same_bytes(sample, tmp_path):
    again = outputs(tmp_path)
    make_sample.run({}, again, SETTINGS)
    root = sample["truth"].parent
    files = sorted(path.relative_to(root) for path in root.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    for path in files:
        assert (root / path).read_bytes() == (tmp_path / path).read_bytes(), path
