import numpy as np
import pytest

from models3d.render import to_linear
from models3d.warp.mouth_colours import interior_colours, mouth_light
from tests.warped_people import crowd, portrait_of


def lit(number, tint=(1.0, 1.0, 1.0)):
    face, person = portrait_of(number), crowd().people[number]
    crop = face.scene.lens[:, :2] / person.camera.focal_px
    shift = face.scene.lens[:, 2] - crop @ person.camera.centre_px
    photo = np.clip(face.picture * np.asarray(tint), 0, 255).astype(np.uint8)
    skin = np.ones(photo.shape[:2], bool)
    return mouth_light(photo, skin, person.landmarks_px @ crop.T + shift)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_white_is_lighter_than_flesh_and_flesh_is_the_lips(number):
    light = lit(number)
    assert light.white.sum() > light.flesh.sum() > 0
    assert light.flesh[0] > light.flesh[1], "lips are red"


def test_a_tinted_photo_tints_the_teeth():
    plain, blue = lit(0), lit(0, (0.6, 0.8, 1.0))
    assert blue.white[0] / blue.white[2] < 0.8 * plain.white[0] / plain.white[2]


def test_a_darker_photo_darkens_them():
    assert (lit(0, (0.5, 0.5, 0.5)).white < 0.5 * lit(0).white).all()


def test_a_photo_without_any_skin_is_lit_too():
    black = mouth_light(np.zeros((32, 32, 3), np.uint8), np.zeros((32, 32), bool), np.full((68, 2), 5.0))
    assert np.isfinite(black.white).all() and np.isfinite(black.flesh).all()


def test_vertices_without_colour_are_black():
    light = lit(0)
    colours, lining = interior_colours(light, np.float32([1, 0, 0]), np.float32([0, 1, 0]))
    np.testing.assert_allclose(to_linear(colours[0].round().astype(np.uint8)), light.white.clip(0, 1), atol=0.02)
    np.testing.assert_allclose(to_linear(colours[1].round().astype(np.uint8)), light.flesh, atol=0.02)
    assert not colours[2].any()
    assert (lining < colours[1]).all() and (lining > 0).all()
