"""What is pasted, where, and that no seam is left."""

import numpy as np
import pytest

from pipeline.crops import cut
from pipeline.edit.pasting import paste

PICTURE, MADE = 128, 64


@pytest.fixture
def photo(rng):
    y, x = np.mgrid[:300, :400]
    smooth = 120 + 60 * np.sin(x / 30)[..., None] * np.cos(y / 40)[..., None] * [1.0, 0.7, 0.4]
    return np.clip(smooth + rng.normal(scale=4, size=smooth.shape), 0, 255).astype(np.uint8)


def turned(scale=0.7, angle=0.3, shift=(-60.0, -20.0)):
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[c, -s, shift[0]], [s, c, shift[1]]], np.float32)


def seen(photo, crop):
    picture = cut(photo, crop, PICTURE).astype(np.float32)
    return picture.reshape(MADE, 2, MADE, 2, 3).mean((1, 3))


def pasted(photo, crop, image, mask=None, residual=True):
    mask = np.ones((MADE, MADE), np.float32) if mask is None else mask
    return paste(photo, crop, PICTURE, seen(photo, crop), image.astype(np.float32), mask, residual)


def test_an_unchanged_picture_changes_not_one_pixel(photo):
    crop = turned()
    np.testing.assert_array_equal(pasted(photo, crop, seen(photo, crop)), photo)
    shut = np.zeros((MADE, MADE), np.float32)
    np.testing.assert_array_equal(pasted(photo, crop, seen(photo, crop), shut, residual=False), photo)


@pytest.mark.parametrize("crop", [turned(), turned(0.2, shift=(35.0, 24.0)), turned(2.5, shift=(-300.0, -200.0))])
def test_cut_again_the_photo_shows_what_was_generated(photo, crop):
    image = seen(photo, crop)
    spot = np.exp(-0.5 * (np.hypot(*(np.mgrid[:MADE, :MADE] - 31.5)) / 6) ** 2)
    image = np.clip(image + 80 * spot[..., None] * [1, -1, 0.5], 0, 255)
    again = seen(pasted(photo, crop, image), crop)
    inside = seen(np.full_like(photo, 1), crop)[..., 0] > 0
    moved, found = (image - seen(photo, crop))[inside], (again - seen(photo, crop))[inside]
    covered = spot > 0.1
    assert np.abs(found - moved)[covered.ravel()].mean() < 0.12 * np.abs(moved)[covered.ravel()].mean()


def test_what_lies_outside_the_picture_stays(photo):
    crop = turned(0.5, 0.0, (-50.0, -30.0))  # pictures cover x from 100 to 356 and y from 60 to 316 of the photo
    changed = pasted(photo, crop, np.zeros((MADE, MADE, 3))) != photo
    assert changed[80:290, 120:330].all(-1).mean() > 0.9
    assert not changed[:60].any() and not changed[:, :100].any() and not changed[:, 356:].any()


@pytest.mark.parametrize("residual", [True, False])
def test_no_step_at_the_border(photo, residual):
    flat, crop = np.full((300, 400, 3), 100, np.uint8), turned(0.5, 0.2, (-40.0, -40.0))
    result = pasted(flat, crop, np.full((MADE, MADE, 3), 200.0), residual=residual).astype(int)
    assert result.max() == 200
    steps = max(np.abs(np.diff(result, axis=axis)).max() for axis in (0, 1))
    assert steps <= 12, "a hundred levels over 15 pixels of the picture, 30 of the photo"


def test_a_generated_pixel_loses_the_photos_detail_and_a_changed_one_keeps_it(rng):
    photo = rng.integers(60, 200, (300, 400, 3)).astype(np.uint8)
    crop = turned(0.4, 0.0, (0.0, 0.0))
    grey = np.full((MADE, MADE, 3), 128.0)
    middle = np.s_[100:200, 100:200]
    generated = pasted(photo, crop, grey, residual=False)[middle].astype(int)
    assert np.abs(generated - 128).max() <= 1
    assert pasted(photo, crop, grey, residual=True)[middle].std() > 20


def test_a_picture_that_hangs_over_the_edge_is_pasted_where_the_photo_is(photo):
    crop = turned(0.5, 0.0, (40.0, 40.0))
    changed = (pasted(photo, crop, np.zeros((MADE, MADE, 3))) != photo).any(-1)
    assert changed[:100, :100].mean() > 0.8 and not changed[180:].any()
    beside = np.array([[0.5, 0, 900], [0, 0.5, 900]], np.float32)
    np.testing.assert_array_equal(pasted(photo, beside, np.zeros((MADE, MADE, 3))), photo)
