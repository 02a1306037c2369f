import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from models3d.camera import Camera, camera_to_pixel, head_to_camera
from models3d.fitting.texture_sites import LEAST_SITES, Crop, features, look, texture_vertices, visible_sites

WHOLE = np.array([[1, 0, 0], [0, 1, 0]], np.float32)


@pytest.fixture(scope="module")
def sites(template_model):
    return texture_vertices(template_model, 500, np.random.default_rng(1))


def turned(yaw_deg: float) -> Camera:
    rotation = Rotation.from_euler("Y", yaw_deg, degrees=True).as_rotvec()
    return Camera(rotation, np.array([0.0, 0, 700]), np.array(384.0), np.array([128.0, 128.0]))


def test_sites_lie_on_the_face_and_depend_on_nothing_but_the_generator(template_model, sites):
    assert len(np.unique(sites)) == 500 and (np.diff(sites) > 0).all()
    again = texture_vertices(template_model, 500, np.random.default_rng(1))
    np.testing.assert_array_equal(sites, again)
    points, marks = template_model.mean_mm[sites], template_model.mean_mm[template_model.landmarks]
    assert points[:, 1].min() > marks[:, 1].min() and np.median(points[:, 2]) > 50
    assert points[:, 1].max() > marks[17:27, 1].max(), "a part of the forehead too"


def test_hidden_and_outside_sites_are_not_visible(template_model, sites):
    face, triangles = template_model.mean_mm, template_model.triangles
    ahead = visible_sites(face, triangles, turned(0), WHOLE, 256, sites)[1]
    aside_px, aside = visible_sites(face, triangles, turned(60), WHOLE, 256, sites)
    assert ahead.mean() > 0.95
    # a positive turn about y takes the image's left side of the face away
    far = face[sites, 0] < 0 if aside[face[sites, 0] < 0].mean() < 0.5 else face[sites, 0] > 0
    assert aside[far].mean() < 0.5 and aside[~far].mean() > 0.9
    points = head_to_camera(turned(60), face)
    np.testing.assert_allclose(aside_px, camera_to_pixel(turned(60), points)[sites], atol=1e-3)
    away = np.array([[1, 0, 1000], [0, 1, 0]], np.float32)
    assert not visible_sites(face, triangles, turned(0), away, 256, sites)[1].any()


def test_what_lies_beyond_the_photo_is_not_visible(template_model, sites, rng):
    picture = rng.integers(0, 255, (256, 256, 3)).astype(np.uint8)
    half, whole = (
        look(template_model.mean_mm, template_model.triangles, turned(0), Crop(picture, WHOLE, (width, 256)), sites)
        for width in (128, 256)
    )
    points = camera_to_pixel(turned(0), head_to_camera(turned(0), template_model.mean_mm))[sites]
    assert whole.visible.mean() > 0.95
    np.testing.assert_array_equal(half.visible, whole.visible & (points[:, 0] <= 128))


def test_features_do_not_know_brightness_nor_contrast(rng):
    image = rng.integers(40, 120, (64, 64, 3)).astype(np.uint8)
    places, seen = rng.uniform(2, 62, (200, 2)).astype(np.float32), rng.random(200) > 0.2
    whole, at = features(image, places, seen)
    brighter, at_brighter = features((image * 1.5 + 20).astype(np.uint8), places, seen)
    np.testing.assert_allclose(at, at_brighter, atol=0.1)
    np.testing.assert_allclose(at[seen].mean(0), 0, atol=1e-4)
    assert np.square(at[seen]).mean() == pytest.approx(1, rel=1e-3)
    assert whole.shape == brighter.shape == (3, 64, 64)


@pytest.mark.parametrize("shown", [0, LEAST_SITES - 1])
def test_too_few_visible_sites_give_nothing(rng, shown):
    seen = np.arange(100) < shown
    whole, at = features(np.zeros((32, 32, 3), np.uint8), np.full((100, 2), 9, np.float32), seen)
    assert not whole.any() and not at.any()


def test_a_flat_picture_does_not_divide_by_zero():
    whole, at = features(np.full((32, 32, 3), 9, np.uint8), np.full((100, 2), 9, np.float32), np.ones(100, bool))
    assert np.isfinite(whole).all() and np.abs(at).max() < 1e-3
