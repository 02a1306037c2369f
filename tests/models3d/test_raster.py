import numpy as np
import pytest

from models3d.camera import Camera, camera_to_pixel, head_to_camera
from models3d.raster import BACKGROUND, interpolate, rasterise, visible_vertices


def square(z: float) -> tuple[np.ndarray, np.ndarray]:
    """Two triangles over pixels [1, 3) x [1, 3), seen from outside."""
    points = np.array([[1, 1], [3, 1], [3, 3], [1, 3]], np.float32)
    return points, np.full(4, z, np.float32)


FACING = np.array([[0, 2, 1], [0, 3, 2]], np.int32)


def test_every_covered_pixel_is_drawn_once_with_its_plane():
    points, depth = square(2.0)
    raster = rasterise(points, depth, FACING, 4, 4)
    assert np.array_equal(raster.triangle != BACKGROUND, np.pad(np.ones((2, 2), bool), 1))
    np.testing.assert_allclose(raster.weights[1:3, 1:3].sum(-1), 1, atol=1e-6)
    at = interpolate(raster, FACING, points)[1:3, 1:3]
    np.testing.assert_allclose(at, np.stack(np.meshgrid([1.5, 2.5], [1.5, 2.5]), -1), atol=1e-6)
    assert np.all(interpolate(raster, FACING, points)[0] == 0)


def test_back_faces_and_bad_corners_are_left_out():
    points, depth = square(2.0)
    assert np.all(rasterise(points, depth, FACING[:, ::-1].copy(), 4, 4).triangle == BACKGROUND)
    for bad in (-1.0, 0.0, np.nan):
        broken = depth.copy()
        broken[2] = bad
        assert np.all(rasterise(points, broken, FACING, 4, 4).triangle == BACKGROUND)


def test_the_nearer_surface_wins_whatever_the_order():
    (near, near_z), (far, far_z) = square(1.0), square(5.0)
    for points, depth, expected in (
        (np.vstack([near, far]), np.r_[near_z, far_z], {0, 1}),
        (np.vstack([far, near]), np.r_[far_z, near_z], {2, 3}),
    ):
        raster = rasterise(points, depth, np.vstack([FACING, FACING + 4]), 4, 4)
        assert set(raster.triangle[1:3, 1:3].ravel()) <= expected


def slow_reference(points, depth, triangles, height, width):
    """Ray against plane for every pixel and triangle, in float64."""
    best = np.full((height, width), np.inf)
    for a, b, c in triangles:
        corners, z = points[[a, b, c]].astype(float), depth[[a, b, c]].astype(float)
        edge = np.stack([corners[1] - corners[0], corners[2] - corners[0]], axis=1)
        if np.linalg.det(edge) >= 0:
            continue
        for y in range(height):
            for x in range(width):
                u, v = np.linalg.solve(edge, np.array([x + 0.5, y + 0.5]) - corners[0])
                weights = np.array([1 - u - v, u, v])
                if weights.min() >= 0:
                    best[y, x] = min(best[y, x], 1 / (weights / z).sum())
    return best


def test_equal_to_the_slow_reference(rng):
    points = rng.uniform(0, 12, size=(30, 2)).astype(np.float32)
    depth = rng.uniform(1, 9, size=30).astype(np.float32)
    triangles = rng.integers(0, 30, size=(25, 3)).astype(np.int32)
    triangles = triangles[[len(set(t)) == 3 for t in triangles]]
    expected = slow_reference(points, depth, triangles, 12, 12)
    found = rasterise(points, depth, triangles, 12, 12).depth_mm
    np.testing.assert_allclose(found, expected, rtol=1e-3)


def test_hidden_vertices_are_known():
    (near, near_z), (far, far_z) = square(100.0), square(200.0)
    points, depth = np.vstack([near, (far - 2) * 0.4 + 2]), np.r_[near_z, far_z]
    raster = rasterise(points, depth, np.vstack([FACING, FACING + 4]), 4, 4)
    assert visible_vertices(points[4:], depth[4:], raster).tolist() == [False] * 4
    outside = np.array([[-1.0, 2.0], [2.0, 9.0]], np.float32)
    assert visible_vertices(outside, np.ones(2, np.float32), raster).tolist() == [False, False]


@pytest.mark.parametrize("yaw", [0.0, 0.6])
def test_interpolated_positions_project_to_their_pixels(yaw):
    """Perspective-correct weights: the point that a pixel sees projects back to the pixel's centre."""
    camera = Camera(np.array([0, yaw, 0]), np.array([0.0, 0, 60]), np.float64(40.0), np.array([16.0, 16.0]))
    corners = np.array([[-20.0, -20, 0], [20, -20, 0], [20, 20, 0], [-20, 20, 0]], np.float32)
    triangles = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    in_camera = head_to_camera(camera, corners)
    raster = rasterise(camera_to_pixel(camera, in_camera), in_camera[:, 2], triangles, 32, 32)
    seen = raster.triangle != BACKGROUND
    assert seen.sum() > 200
    back = camera_to_pixel(camera, interpolate(raster, triangles, in_camera)[seen])
    rows, columns = np.nonzero(seen)
    np.testing.assert_allclose(back, np.stack([columns, rows], 1) + 0.5, atol=1e-2)
