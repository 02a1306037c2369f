"""The parts of the warp that stand on their own: reading the photo, distances, the surroundings."""

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from models3d.warp.surfaces import LEAST_REACH_PX, OUTSIDE, REACH, SKIN, chamfer, move_surroundings, sample


def test_the_canvas_is_read_linearly_between_the_middles_of_pixels():
    canvas = np.zeros((12, 12, 3), np.uint8)
    canvas[..., 0] = 10 * np.arange(12)
    canvas[..., 1] = 5 * np.arange(12)[:, None]
    red, green, _ = sample(canvas, 8, np.float32(1.5), np.float32(2.25))
    assert (red, green) == pytest.approx((10 * (1.5 + 2), 5 * (2.25 + 2)))
    assert sample(canvas, 8, np.float32(-99), np.float32(99))[:2] == pytest.approx((0, 5 * 11), abs=5.1), "its edge"


def test_distances_are_those_of_the_plane_within_eight_percent(rng):
    zero = rng.random((50, 60)) < 0.01
    zero[20, 30] = True
    distance = np.where(zero, 0, 1000).astype(np.float32)
    chamfer(distance)
    true = distance_transform_edt(~zero)
    assert (distance[zero] == 0).all()
    assert (np.abs(distance - true) <= 0.085 * true + 1e-3).all()


def moved_disc(size, shift):
    rows, columns = np.indices((size, size))
    kind = np.where(np.hypot(rows - size / 2, columns - size / 2) < size / 5, SKIN, OUTSIDE).astype(np.uint8)
    displacement = np.zeros((size, size, 2), np.float32)
    displacement[kind == SKIN] = shift
    move_surroundings(kind, displacement)
    return kind, displacement


def test_the_surroundings_follow_the_face_and_come_to_rest():
    kind, displacement = moved_disc(160, (4.0, -2.0))
    distance = distance_transform_edt(kind == OUTSIDE)
    np.testing.assert_array_equal(displacement[kind == SKIN], np.tile(np.float32([4, -2]), ((kind == SKIN).sum(), 1)))
    beside, far = (distance > 0) & (distance < 2), distance > 1.1 * max(REACH * 4, LEAST_REACH_PX) + 2
    assert (np.abs(displacement[beside] - [4, -2]) < 0.8).all()
    assert not displacement[far].any()
    steps = max(np.abs(np.diff(displacement, axis=axis)).max() for axis in (0, 1))
    assert steps < 0.75, "softly: no two neighbours are torn apart"


def test_a_face_that_rests_moves_nothing():
    assert not moved_disc(64, (0.0, 0.0))[1].any()
