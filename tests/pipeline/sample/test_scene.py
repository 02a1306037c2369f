"""Photos are taken from plausible places, in plausible light."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from models3d.camera import project
from pipeline.sample.scene import draw_background, draw_gaze, draw_scene

CENTRE_MM, HEIGHT_MM = np.array([0.0, -5.0, 90.0]), 127.0


@pytest.fixture(scope="module")
def scenes():
    return [draw_scene(np.random.default_rng(seed), 64, CENTRE_MM, HEIGHT_MM) for seed in range(400)]


def test_poses_are_mostly_frontal_and_reach_to_the_side(scenes):
    yaws = np.rad2deg([Rotation.from_rotvec(s.camera.rotation_rad).as_euler("YXZ")[0] for s in scenes])
    assert np.abs(yaws).max() <= 45
    assert 0.85 < (np.abs(yaws) <= 30).mean() < 1
    assert (yaws > 5).any() and (yaws < -5).any()


def test_the_face_is_in_the_picture_at_the_size_asked_for(scenes):
    ends = CENTRE_MM + np.array([[0, HEIGHT_MM / 2, 0], [0, 0, 0], [0, -HEIGHT_MM / 2, 0]])
    for scene in scenes:
        top, middle, bottom = project(scene.camera, ends)
        assert np.abs(middle - 32).max() < 12
        assert 0.24 < np.linalg.norm(bottom - top) / 64 < 0.6


def test_light_is_positive_and_lamps_have_directions(scenes):
    for scene in scenes:
        assert np.linalg.norm(scene.lighting.directions, axis=1) == pytest.approx(1)
        assert scene.lighting.colours.min() >= 0 and scene.lighting.ambient[0].min() > 0
        assert scene.lighting.directions[0, 2] < 0.5  # the key lamp is not behind the head


def test_backgrounds_are_colours_and_differ():
    pictures = [draw_background(np.random.default_rng(seed), 48) for seed in range(20)]
    assert all(p.shape == (48, 48, 3) and p.min() >= 0 and p.max() <= 1 for p in pictures)
    assert np.std([p.mean() for p in pictures]) > 0.05


def test_eyes_look_towards_the_camera(scenes):
    for seed, scene in enumerate(scenes[:50]):
        gaze = draw_gaze(np.random.default_rng(seed), scene.camera)
        assert np.linalg.norm(gaze) == pytest.approx(1) and gaze[2] > 0.9
    turned = scenes[0].camera._replace(rotation_rad=np.array([0.0, 0.2, 0.0]))  # nose to the image's right
    sideways = [draw_gaze(np.random.default_rng(seed), turned)[0] for seed in range(200)]
    assert np.mean(sideways) < -0.1


def test_the_generator_decides_everything():
    first, again = (draw_scene(np.random.default_rng(3), 64, CENTRE_MM, HEIGHT_MM) for _ in range(2))
    assert np.array_equal(first.background, again.background)
    assert np.array_equal(first.camera.rotation_rad, again.camera.rotation_rad)
    assert np.array_equal(first.lighting.ambient, again.lighting.ambient)
