"""pyrender as the oracle of both rasterisers: silhouettes but for boundary pixels, colours but for two grey levels."""

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, binary_erosion

from models3d.camera import Camera, camera_to_pixel, head_to_camera
from models3d.errors import InputError
from models3d.raster import BACKGROUND, interpolate, rasterise
from models3d.raster_gl import GlRasteriser
from models3d.warp.z_buffer import z_buffer

SIZE = 128


@pytest.fixture(scope="module")
def gl():
    try:
        renderer = GlRasteriser()
    except InputError as reason:
        pytest.skip(str(reason))
    yield renderer
    renderer.close()


@pytest.fixture(scope="module", params=[0.0, 0.6, -1.1])
def seen(request, template_model):
    """The template from three sides: points, depths, and a smooth texture, grey levels."""
    camera = Camera(np.array([0.1, request.param, 0]), np.array([0.0, 0, 700]), np.float64(420), np.full(2, SIZE / 2))
    placed = head_to_camera(camera, template_model.mean_mm.astype(np.float64))
    colours = 127.5 + 110 * np.sin(template_model.mean_mm / (9, 11, 13))
    points = camera_to_pixel(camera, placed).astype(np.float32)
    return points, placed[:, 2].astype(np.float32), template_model.triangles, colours.astype(np.float32)


def boundary(silhouette):
    return binary_dilation(silhouette) & ~binary_erosion(silhouette)


def drawn_by_gl(gl, points, depth, triangles, colours):
    corners = np.rint(colours[triangles.reshape(-1)]).astype(np.uint8)
    return gl.draw(points, depth, triangles, corners, SIZE, SIZE)


def test_unlit_textured_meshes_look_the_same(gl, seen):
    points, depth, triangles, colours = seen
    picture = drawn_by_gl(gl, points, depth, triangles, np.clip(colours, 1, 255))
    raster = rasterise(points, depth, triangles, SIZE, SIZE)
    own, other = raster.triangle != BACKGROUND, picture.any(-1)
    assert own.sum() > 2000
    assert not ((own != other) & ~boundary(own)).any(), "silhouettes differ off the boundary"
    inside = binary_erosion(own & other)
    difference = np.abs(interpolate(raster, triangles, np.clip(colours, 1, 255)) - picture)[inside]
    assert difference.mean() < 2


def test_the_warp_s_own_rasteriser_has_the_same_silhouette_and_depths(gl, seen):
    points, depth, triangles, _ = seen
    found = gl.rasterise(points, depth, triangles, SIZE, SIZE)
    own = z_buffer(
        np.column_stack([points, depth]), triangles.astype(np.uint32), np.zeros((0, 3), np.uint32), SIZE, SIZE
    )
    silhouette = own != BACKGROUND
    assert not ((silhouette != (found.triangle != BACKGROUND)) & ~boundary(silhouette)).any()
    inside = binary_erosion(silhouette & (found.triangle != BACKGROUND))
    assert (own == found.triangle)[inside].mean() > 0.9, "but for triangles thinner than a pixel"
    middle = depth[triangles].mean(1)
    assert np.abs(middle[own] - middle[found.triangle])[inside].mean() < 0.5


def test_weights_and_depth_are_those_of_the_other_backend(gl, seen):
    points, depth, triangles, _ = seen
    found, other = gl.rasterise(points, depth, triangles, SIZE, SIZE), rasterise(points, depth, triangles, SIZE, SIZE)
    same = (found.triangle == other.triangle) & (found.triangle != BACKGROUND)
    assert same.sum() > 2000
    np.testing.assert_allclose(found.weights[same], other.weights[same], atol=2e-2)
    np.testing.assert_allclose(found.depth_mm[same], other.depth_mm[same], rtol=1e-4)
    assert np.isinf(found.depth_mm[found.triangle == BACKGROUND]).all()


def test_what_cannot_be_drawn_is_left_out(gl):
    points = np.array([[10, 10], [10, 90], [90, 10], [np.nan, 5]], np.float32)
    depth = np.array([500, 500, 500, 500], np.float32)
    facing, broken = np.array([[0, 1, 2]], np.int32), np.array([[0, 1, 3]], np.int32)
    assert (gl.rasterise(points, depth, facing, SIZE, SIZE).triangle == 0).sum() > 1000
    for bad_points, bad_depth, triangles in ((points, depth, broken), (points, -depth, facing)):
        assert (gl.rasterise(bad_points, bad_depth, triangles, SIZE, SIZE).triangle == BACKGROUND).all()
    assert (gl.rasterise(points, depth, facing[:, ::-1].copy(), SIZE, SIZE).triangle == BACKGROUND).all()


def test_a_renderer_is_reused_for_pictures_of_any_size(gl, seen):
    points, depth, triangles, _ = seen
    whole = gl.rasterise(points, depth, triangles, SIZE, SIZE).triangle
    half = gl.rasterise(points / 2, depth, triangles, SIZE // 2, SIZE // 2).triangle
    assert half.shape == (SIZE // 2, SIZE // 2) and (half != BACKGROUND).sum() > (whole != BACKGROUND).sum() / 5
    np.testing.assert_array_equal(gl.rasterise(points, depth, triangles, SIZE, SIZE).triangle, whole)
