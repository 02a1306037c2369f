import numpy as np
import pytest
from scipy.ndimage import center_of_mass

from pipeline.crops import canonical_landmarks_px, crop_matrix, cut, to_crop
from pipeline.media import draw_points


def centre_of_light(image: np.ndarray) -> np.ndarray:
    """The middle of what is brighter than black, in the pixels of `models3d`."""
    row, column = center_of_mass(image[..., 0].astype(float))
    return np.array([column + 0.5, row + 0.5])


def spin(scale: float, angle: float, shift: tuple[float, float]) -> np.ndarray:
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.column_stack([scale * turn, shift]).astype(np.float32)


def test_canonical_landmarks_are_upright_and_in_the_middle(template_model):
    points = canonical_landmarks_px(template_model, 128, 0.7)
    low, high = points.min(0), points.max(0)
    np.testing.assert_allclose((low + high) / 2, [64, 64], atol=1e-4)
    assert np.isclose((high - low).max(), 0.7 * 128)
    assert points[8, 1] == high[1], "the chin is lowest"
    assert points[0, 0] < points[16, 0], "landmark 0 is on the image's left"


def test_crop_matrix_brings_landmarks_home(template_model):
    canonical = canonical_landmarks_px(template_model, 128, 0.7)
    away = spin(3.7, 0.4, (500, -20))
    crop = crop_matrix(to_crop(away, canonical), canonical)
    np.testing.assert_allclose(to_crop(crop, to_crop(away, canonical)), canonical, atol=1e-3)


@pytest.mark.parametrize("scale", [0.07, 0.3, 0.5, 0.9, 1.0, 2.6])
@pytest.mark.parametrize("angle", [0.0, 0.7])
def test_pixels_land_where_the_matrix_says(scale, angle):
    """A photo with one disc: its middle in the crop is the matrix times its middle in the photo."""
    size = int(64 / scale) + 40
    at = np.array([size * 0.53, size * 0.46])
    photo = draw_points(np.zeros((size, size, 3), np.uint8), at[None], (255, 255, 255), radius_px=6 / scale)
    crop = spin(scale, angle, (0, 0))
    crop[:, 2] = (33.3, 30.7) - crop[:, :2] @ at
    np.testing.assert_allclose(centre_of_light(cut(photo, crop, 64)), to_crop(crop, at[None])[0], atol=0.05)


@pytest.mark.parametrize("scale", [0.06, 0.4, 0.7])
def test_fine_texture_turns_grey_not_into_moire(scale):
    board = (np.indices((600, 600)).sum(0) % 2 * 255).astype(np.uint8)
    crop = cut(np.repeat(board[..., None], 3, 2), spin(scale, 0.0, (1, 1)), 16)[4:-4, 4:-4]
    assert abs(crop.mean() - 127.5) < 2
    assert np.ptp(crop.astype(int)) < 0.35 * 255


def test_a_crop_at_full_size_is_the_photo(rng):
    colours = rng.integers(0, 256, (16, 16, 3)).astype(np.uint8)
    photo = colours.repeat(4, axis=0).repeat(4, axis=1)
    crop = cut(photo, spin(1.0, 0.0, (-12, -20)), 24)
    np.testing.assert_array_equal(crop[1::4, 2::4], colours[5:11, 3:9])


def test_beyond_the_photo_its_edge_repeats(rng):
    photo = rng.integers(0, 256, (20, 30, 3)).astype(np.uint8)
    crop = cut(photo, spin(1.0, 0.0, (40, 5)), 64)
    np.testing.assert_array_equal(crop[10, :38], np.repeat(crop[10:11, :1], 38, 0).squeeze(1))
    np.testing.assert_array_equal(crop[:4, 50], np.repeat(crop[:1, 50], 4, 0))


def test_a_crop_wholly_beside_the_photo_is_its_edge():
    photo = np.full((20, 30, 3), 9, np.uint8)
    photo[:, -1] = 200
    assert (cut(photo, spin(0.5, 0.3, (-900, 5)), 16) == 200).all()


def test_a_crop_much_larger_than_the_photo():
    photo = np.full((40, 40, 3), 77, np.uint8)
    assert (cut(photo, spin(0.002, 0.0, (8, 8)), 16) == 77).all()
