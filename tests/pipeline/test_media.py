"""What is drawn lies where the pixel convention says, and equal pixels give equal files."""

import numpy as np
import pytest
from PIL import Image

from pipeline.media import WHITE, blend, caption, draw_line, draw_points, tile, write_png

RED = (255, 0, 0)


def test_a_png_holds_the_pixels_and_nothing_else(tmp_path, rng):
    image = rng.integers(0, 256, (20, 30, 3), np.uint8)
    write_png(tmp_path / "a/first.png", image)
    write_png(tmp_path / "b/second.png", image)
    first = (tmp_path / "a/first.png").read_bytes()
    assert first == (tmp_path / "b/second.png").read_bytes()
    with Image.open(tmp_path / "a/first.png") as stored:
        assert np.array_equal(np.asarray(stored), image) and stored.info == {}


def test_a_point_is_drawn_around_its_place():
    image = np.zeros((21, 31, 3), np.uint8)
    drawn = draw_points(image, np.array([[12.5, 7.5]]), WHITE, 2.0)
    weight = drawn[..., 0] / drawn[..., 0].sum()
    x, y = np.meshgrid(np.arange(31) + 0.5, np.arange(21) + 0.5)
    assert ((x * weight).sum(), (y * weight).sum()) == pytest.approx((12.5, 7.5))
    assert tuple(drawn[7, 12]) == WHITE and drawn[7, 16].max() == 0
    assert image.max() == 0, "the picture that came in is left as it was"


def test_points_outside_or_not_finite_are_left_out():
    image = np.full((10, 10, 3), 9, np.uint8)
    places = np.array([[-50.0, 5], [5, 400], [np.nan, 5], [5, np.inf]])
    assert np.array_equal(draw_points(image, places, RED, 3.0), image)
    assert tuple(draw_points(image, np.array([[0.0, 0.0]]), RED, 3.0)[0, 0]) == RED


def test_a_line_goes_through_its_points():
    drawn = draw_line(np.zeros((10, 10, 3), np.uint8), np.array([[2.5, 3.5], [8.5, 3.5]]), RED, 1)
    assert {tuple(place) for place in np.argwhere(drawn[..., 0] == 255)} == {(3, x) for x in range(2, 9)}


def test_blend_is_the_weighted_mean():
    image = np.full((1, 3, 3), 100, np.uint8)
    mixed = blend(image, (200, 0, 100), np.array([[0.0, 0.25, 1.0]]))
    assert mixed.tolist() == [[[100, 100, 100], [125, 75, 100], [200, 0, 100]]]


def test_tiles_stand_in_rows():
    images = [np.full((4, 6, 3), shade, np.uint8) for shade in (10, 20, 30)]
    sheet = tile(images, columns=2, gap_px=1, background=WHITE)
    assert sheet.shape == (11, 15, 3)
    assert [sheet[1, 1, 0], sheet[1, 8, 0], sheet[6, 1, 0]] == [10, 20, 30]
    assert (sheet[6:, 8:] == 255).all() and (sheet[0] == 255).all()


def test_a_caption_stands_below():
    image = np.full((30, 80, 3), 50, np.uint8)
    captioned = caption(image, "id 0.031", height_px=16)
    assert np.array_equal(captioned[:30], image) and captioned.shape == (46, 80, 3)
    assert captioned[30:].min() < 60 and captioned[30:].max() == 255
    assert np.array_equal(caption(image, "id 0.031"), captioned)
