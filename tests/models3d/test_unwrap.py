import numpy as np
import pytest

from models3d.camera import Camera, head_to_camera, project
from models3d.dense_layout import unwrap_surface
from models3d.unwrap import FINEST_PX_PER_MM, unwrap

SIZE_PX = 200


@pytest.fixture(scope="module")
def surface(template_model):
    return unwrap_surface(template_model)


@pytest.fixture
def coefficients(template_model, rng):
    return rng.normal(size=len(template_model.identity) + len(template_model.expression)).astype(np.float32)


def camera(yaw_rad: float, enlarged: float = 1.0) -> Camera:
    turn, place = np.array([0.05, yaw_rad, 0.02]), np.array([3.0, -5.0, 700.0])
    return Camera(turn, place, np.asarray(700.0 * enlarged), np.full(2, SIZE_PX / 2 * enlarged))


def ramps(size_px: int) -> np.ndarray:
    """Red tells the column, green the row, blue is constant."""
    centres = (np.arange(size_px) + 0.5) * SIZE_PX / size_px
    picture = np.empty((size_px, size_px, 3), np.uint8)
    picture[..., 0], picture[..., 1], picture[..., 2] = centres, centres[:, None], 77
    return picture


def points_px(surface, coefficients, seen: Camera) -> np.ndarray:
    moved = surface.mean_mm.reshape(-1, 3) + (coefficients @ surface.modes_mm).reshape(-1, 3)
    return project(seen, moved).reshape(*surface.mean_mm.shape[:2], 2)


def test_every_texel_shows_its_point_of_the_fitted_surface(surface, coefficients):
    found = unwrap(surface, coefficients, camera(0.2), ramps(SIZE_PX))
    seen = found[..., 3] > 0
    assert 0.6 < seen.mean() < 1
    expected = points_px(surface, coefficients, camera(0.2))
    np.testing.assert_allclose(found[seen][:, :2], expected[seen], atol=1.5)  # ramps are cut to whole numbers
    assert (found[seen][:, 2] == 77).all()
    assert (found[~seen] == 0).all()


def test_a_finer_photo_is_averaged_to_the_same_picture(surface, coefficients, rng):
    fine = 4
    noise = rng.integers(0, 256, (SIZE_PX, SIZE_PX, 3)).astype(np.uint8)
    assert 700 * fine / 700 > 2 * FINEST_PX_PER_MM
    coarse = unwrap(surface, coefficients, camera(0.0), noise).astype(float)
    large = unwrap(surface, coefficients, camera(0.0, fine), noise.repeat(fine, 0).repeat(fine, 1)).astype(float)
    both = (coarse[..., 3] > 0) & (large[..., 3] > 0)
    assert np.corrcoef(coarse[both][:, 0], large[both][:, 0])[0, 1] > 0.9


def test_the_far_side_of_a_turned_face_is_not_seen(surface, coefficients):
    found = unwrap(surface, 0 * coefficients, camera(0.9), ramps(SIZE_PX))[..., 3] > 0
    middle = found.shape[1] // 2
    assert abs(found[:, :middle].mean() - found[:, middle:].mean()) > 0.2


def test_what_lies_outside_the_photo_is_left_out(surface, coefficients):
    aside = camera(0.0)._replace(centre_px=np.array([-500.0, 100.0]))
    assert not unwrap(surface, coefficients, aside, ramps(SIZE_PX)).any()


def test_facing_is_the_cosine_to_the_line_of_sight(surface, coefficients):
    found = unwrap(surface, 0 * coefficients, camera(0.0), ramps(SIZE_PX))[..., 3] / 255
    points = head_to_camera(camera(0.0), surface.mean_mm.reshape(-1, 3)).reshape(surface.mean_mm.shape)
    along, down = points[40, 41] - points[40, 39], points[41, 40] - points[39, 40]
    normal = np.cross(along, down)
    expected = normal @ points[40, 40] / np.linalg.norm(normal) / np.linalg.norm(points[40, 40])
    assert found[40, 40] == pytest.approx(expected, abs=0.01)
