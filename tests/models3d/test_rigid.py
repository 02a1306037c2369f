import numpy as np
import pytest
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from models3d.errors import UnusableDatum
from models3d.rigid import Similarity, apply, matrix, similarity


def test_a_quarter_turn_by_hand():
    square = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
    turned = np.array([[5.0, 7], [5, 9], [3, 9], [3, 7]])  # twice as large, turned by 90 degrees, moved to (5, 7)
    found = similarity(square, turned)
    assert np.isclose(found.scale, 2)
    np.testing.assert_allclose(found.rotation, [[0, -1], [1, 0]], atol=1e-12)
    np.testing.assert_allclose(matrix(found), [[0, -2, 5], [2, 0, 7]], atol=1e-12)


@pytest.mark.parametrize("dimension", [2, 3])
def test_recovers_any_similarity_of_a_batch(rng, dimension):
    source = rng.normal(size=(2, 5, 9, dimension))
    rotation = Rotation.random(10, rng=rng).as_matrix().reshape(2, 5, 3, 3)
    if dimension == 2:
        angle = rng.uniform(-np.pi, np.pi, (2, 5))
        rotation = np.moveaxis([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], (0, 1), (-2, -1))
    truth = Similarity(rng.uniform(0.1, 5, (2, 5)), rotation, rng.normal(size=(2, 5, dimension)) * 100)
    found = similarity(source, apply(truth, source))
    for part, expected in zip(found, truth, strict=True):
        np.testing.assert_allclose(part, expected, atol=1e-9)


def test_is_the_least_squares_optimum(rng):
    source, target = rng.normal(size=(2, 12, 2))

    def residual(x):
        s, angle, tx, ty = x
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        return (s * source @ turn.T + (tx, ty) - target).ravel()

    slow = min((least_squares(residual, [1, start, 0, 0]) for start in (-2, 0, 2)), key=lambda found: found.cost)
    fast = np.square(apply(similarity(source, target), source) - target).sum() / 2
    assert np.isclose(fast, slow.cost, rtol=1e-6)


def test_a_mirror_image_is_not_mirrored_back(rng):
    points = rng.normal(size=(20, 3))
    assert np.isclose(np.linalg.det(similarity(points, points * (-1, 1, 1)).rotation), 1)


def test_a_rigid_motion_keeps_the_size(rng):
    points = rng.normal(size=(6, 3))
    found = similarity(points, 3 * points, scaled=False)
    assert found.scale == 1
    np.testing.assert_allclose(found.rotation, np.eye(3), atol=1e-9)


def test_points_in_one_place_have_no_alignment():
    with pytest.raises(UnusableDatum, match="coincide"):
        similarity(np.ones((68, 2)), np.zeros((68, 2)))
