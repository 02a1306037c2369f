"""Files in the licensed sets' layouts, read by what reads theirs."""

import time

import menpo.io as mio
import numpy as np
import pytest
import scipy.io
import trimesh
from PIL import Image

from models3d.readers.lsfm import read_lsfm
from pipeline.sample import layouts


@pytest.fixture(scope="module")
def lsfm(population, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lsfm")
    layouts.write_lsfm(folder / "all_all_all.mat", population.model, people=100)
    layouts.write_landmarks(folder / "landmarks.json", population.model.landmarks)
    return folder


def test_lsfm_has_the_fields_of_the_release(population, lsfm):
    count = len(population.head.vertices)
    fields = scipy.io.loadmat(lsfm / "all_all_all.mat", squeeze_me=True)
    assert fields["mean"].shape == (3 * count,)
    assert fields["components"].shape == (3 * count, 60)
    assert fields["eigenvalues"] == pytest.approx(population.model.identity.sigmas_mm.astype(float) ** 2)
    assert fields["cumulative_explained_variance"][-1] == pytest.approx(1)
    assert fields["trilist"].min() == 0 and fields["trilist"].shape == population.model.triangles.shape
    assert fields["n_training_samples"] == 100


def test_lsfm_comes_back_through_the_reader(population, lsfm):
    model, made = read_lsfm(lsfm / "all_all_all.mat", lsfm / "landmarks.json"), population.model
    assert np.abs(model.mean_mm - made.mean_mm).max() < 1e-4
    assert np.array_equal(model.triangles, made.triangles)
    assert np.array_equal(model.landmarks, made.landmarks)
    assert np.abs(model.identity.components - made.identity.components).max() < 1e-6
    assert model.identity.sigmas_mm == pytest.approx(made.identity.sigmas_mm, rel=1e-5)


def test_lsfm_does_not_tell_the_time(population, lsfm, tmp_path, monkeypatch):
    monkeypatch.setattr(time, "asctime", lambda *_: "Thu Jan  1 00:00:00 1970")
    layouts.write_lsfm(tmp_path / "later.mat", population.model, people=100)
    assert (tmp_path / "later.mat").read_bytes() == (lsfm / "all_all_all.mat").read_bytes()


def test_pts_come_back_through_menpo(tmp_path):
    """menpo counts the centre of the first pixel as 0; `models3d` as 0.5."""
    points = np.random.default_rng(2).uniform(0, 300, (68, 2))
    layouts.write_pts(tmp_path / "face.pts", points)
    read = mio.import_landmark_file(tmp_path / "face.pts")
    group = next(iter(read.values())) if hasattr(read, "values") else read
    assert group.points[:, ::-1] + 0.5 == pytest.approx(points, abs=1e-3)


def test_a_mesh_comes_back(tmp_path):
    vertices, triangles = np.float32([[0, 0, 0], [1.5, 0, 0], [0, 2, 0], [0, 0, 3]]), np.int32([[0, 1, 2], [0, 2, 3]])
    layouts.write_ply(tmp_path / "mesh.ply", vertices, triangles)
    mesh = trimesh.load(tmp_path / "mesh.ply", process=False)
    assert np.array_equal(mesh.vertices, vertices) and np.array_equal(mesh.faces, triangles)


def test_colours_and_photos_come_back(tmp_path):
    image = np.full((40, 30, 3), [200, 120, 90], np.uint8)
    layouts.write_colours(tmp_path / "c.npy", image[0])
    layouts.write_jpeg(tmp_path / "p.jpg", image)
    assert np.array_equal(np.load(tmp_path / "c.npy", allow_pickle=False), image[0])
    assert np.abs(np.asarray(Image.open(tmp_path / "p.jpg")).astype(int) - image).max() < 4
