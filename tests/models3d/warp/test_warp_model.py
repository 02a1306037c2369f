"""A model made ready: the same face, with fewer triangles."""

import numpy as np
import pytest

from models3d.camera import Camera, camera_to_pixel, head_to_camera
from models3d.face_model import synthesize
from models3d.raster import BACKGROUND, rasterise
from models3d.readers.ict import read_ict
from models3d.warp.warp_model import NEAREST_MM, SKIN_TRIANGLES, warp_model
from tests.warped_people import crowd

SIZE = 128
CAMERA = Camera(np.array([0.0, 0.4, 0.0]), np.array([0.0, 0.0, 700.0]), np.float64(420.0), np.array([64.0, 64.0]))


def silhouette(vertices, triangles):
    placed = head_to_camera(CAMERA, vertices.astype(np.float64))
    return rasterise(camera_to_pixel(CAMERA, placed), placed[:, 2], triangles.astype(np.int32), SIZE, SIZE).triangle


def check(model, drawn):
    assert len(drawn.skin) <= SKIN_TRIANGLES + 1 and len(drawn.inside) and len(drawn.teeth) == len(drawn.part)
    assert max(drawn.skin.max(), drawn.inside.max(), drawn.teeth.max()) < len(drawn.mean_mm)
    near = np.linalg.norm(drawn.mean_mm[drawn.landmarks] - model.mean_mm[model.landmarks], axis=1)
    assert near.max() < NEAREST_MM and np.median(near) < 2.5
    p = np.linspace(-1, 1, len(model.motion))
    skin = np.unique(drawn.skin)
    moved = drawn.mean_mm[skin] + np.tensordot(p, drawn.motion_mm[:, skin], 1)
    row_of = {tuple(vertex): row for row, vertex in enumerate(model.mean_mm.tolist())}
    rows = [row_of[tuple(vertex)] for vertex in drawn.mean_mm[skin].tolist()]
    # some models have two vertices in one place, of which either is found
    np.testing.assert_allclose(moved, synthesize(model, np.zeros(0), p)[rows], atol=0.05)


def test_the_sample_s_model():
    check(crowd().model, crowd().drawn)


def test_a_real_model(ict_folder):
    model = read_ict(ict_folder / "FaceXModel")
    check(model, warp_model(model))


def test_fewer_triangles_are_the_same_picture():
    model, drawn = crowd().model, crowd().drawn
    full = warp_model(model, skin_triangles=10**6)
    few, all_of_them = (silhouette(w.mean_mm, w.skin) != BACKGROUND for w in (drawn, full))
    assert len(full.skin) > 5 * len(drawn.skin)
    assert (few != all_of_them).mean() < 0.004


def test_lower_teeth_go_with_the_jaw_and_upper_ones_stay():
    names, drawn = crowd().model.expression.names, crowd().drawn
    jaw = drawn.motion_mm[names.index("jaw_open")]
    upper, lower = (np.unique(drawn.teeth[drawn.part == part]) for part in (1, 2))
    assert np.abs(jaw[upper]).max() == pytest.approx(0)
    assert jaw[lower, 1].max() < -1, "down"


def test_alignment_follows_landmarks_that_agree():
    drawn = crowd().drawn
    offset = drawn.alignment.sum(1)
    assert offset[drawn.landmarks[17:]].min() > 0.7
    assert offset.max() < 1.3
