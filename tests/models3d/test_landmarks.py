"""The groups cover the 68 landmarks once, and the two sides mirror each other."""

import numpy as np

from models3d import landmarks
from models3d.landmarks import CLOSED_CURVES, MESH_PAIRS, MIRRORED, OPEN_CURVES, face_size_px, mesh_to_landmarks

MIRRORED_CURVES = {
    "JAW": "JAW",
    "RIGHT_BROW": "LEFT_BROW",
    "NOSE_BRIDGE": "NOSE_BRIDGE",
    "NOSTRILS": "NOSTRILS",
    "RIGHT_EYE": "LEFT_EYE",
    "OUTER_LIPS": "OUTER_LIPS",
    "INNER_LIPS": "INNER_LIPS",
}


def test_the_curves_hold_every_landmark_once():
    held = [index for curve in (*OPEN_CURVES, *CLOSED_CURVES) for index in range(*curve.indices(68))]
    assert sorted(held) == list(range(68))


def test_mirroring_takes_each_curve_to_that_of_the_other_side():
    assert np.array_equal(MIRRORED[MIRRORED], np.arange(68))
    for curve, other in MIRRORED_CURVES.items():
        reached = set(MIRRORED[getattr(landmarks, curve)])
        assert reached == set(np.arange(68)[getattr(landmarks, other)]), curve
    assert [index for index in range(68) if MIRRORED[index] == index] == [8, 27, 28, 29, 30, 33, 51, 57, 62, 66]


def test_a_landmark_lies_half_way_between_its_two_vertices(rng):
    mesh = rng.normal(size=(478, 3))
    found = mesh_to_landmarks(mesh)
    for index, (first, second) in enumerate(MESH_PAIRS):
        assert np.allclose(found[index], (mesh[first, :2] + mesh[second, :2]) / 2, atol=1e-6)
    assert len({tuple(pair) for pair in MESH_PAIRS}) == 68


def test_the_size_of_a_face_is_the_longer_side_of_its_box():
    points = np.zeros((68, 2))
    points[3], points[9] = (-10, 5), (20, 25)
    assert face_size_px(points) == 30
