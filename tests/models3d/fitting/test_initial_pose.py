import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from models3d.camera import FLIP, Camera, project
from models3d.fitting.initial_pose import translation_mm, weak_perspective


@pytest.fixture
def solid(rng) -> np.ndarray:
    return rng.normal(size=(51, 3)) * (40, 50, 20) + (0, 10, 60)


def test_exact_under_weak_perspective(rng, solid):
    rotation = Rotation.random(8, rng=rng).as_matrix()
    scale, offset = rng.uniform(0.2, 5, 8), rng.normal(size=(8, 2)) * 100
    seen = scale[:, None, None] * (solid @ np.swapaxes(FLIP @ rotation, 1, 2))[..., :2] + offset[:, None]
    found = weak_perspective(solid, seen)
    np.testing.assert_allclose(found.rotation, rotation, atol=1e-9)
    np.testing.assert_allclose(found.px_per_mm, scale, rtol=1e-9)
    np.testing.assert_allclose(found.offset_px, offset, atol=1e-6)
    assert found.sound.all()


def test_places_a_distant_head_for_a_perspective_camera(rng, solid):
    rotation = Rotation.random(5, rng=rng)
    focal = np.full(5, 40_000.0)
    translation = np.column_stack([rng.normal(size=(5, 2)) * 500, rng.uniform(2e4, 4e4, 5)])
    camera = Camera(rotation.as_rotvec(), translation, focal, np.zeros((5, 2)))
    pose = weak_perspective(solid, project(camera, np.tile(solid, (5, 1, 1))))
    np.testing.assert_allclose(translation_mm(pose, solid, focal), translation, rtol=0.01, atol=2)


@pytest.mark.parametrize(
    "picture",
    [np.full((51, 2), 7.0), np.outer(np.arange(51.0), [1, 2]), np.full((51, 2), np.nan)],
    ids=["one place", "a line", "nan"],
)
def test_what_is_no_picture_of_a_solid_is_not_sound(solid, picture):
    good = solid[:, :2] * (1, -1)
    assert weak_perspective(solid, np.stack([good, picture])).sound.tolist() == [True, False]
