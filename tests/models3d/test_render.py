"""Light and pictures: worked examples, properties, and slow references."""

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from models3d.camera import Camera
from models3d.render import (
    Lighting,
    Surface,
    draw,
    harmonics,
    over,
    render_photo,
    shade,
    shadows,
    to_linear,
    to_srgb,
    vertex_normals,
)

DARK = np.zeros((9, 3))
EVEN = np.vstack([np.full((1, 3), np.sqrt(4 * np.pi)), np.zeros((8, 3))])
"""Harmonics of a radiance of 1 from all around."""


def camera(size: int, focal: float = 200.0, distance: float = 100.0) -> Camera:
    return Camera(np.zeros(3), np.array([0.0, 0.0, distance]), np.float64(focal), np.full(2, size / 2))


def surface(count: int, albedo: float = 0.5, gloss: float = 0.0) -> Surface:
    fields = np.full((count, 3), albedo), np.full(count, gloss), np.full(count, 20.0)
    return Surface(*(field.astype(np.float32) for field in fields))


def lamp(*direction: float) -> Lighting:
    return Lighting(DARK, np.array([direction]) / np.linalg.norm(direction), np.ones((1, 3)))


def sphere() -> tuple[np.ndarray, np.ndarray]:
    """Unit sphere, counter-clockwise from outside."""
    mesh = trimesh.creation.icosphere(4)
    return mesh.vertices.astype(np.float32), mesh.faces.astype(np.int32)


def plate(z: float, half: float, cells: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """A square in the camera's frame that faces the camera."""
    x, y = np.meshgrid(np.linspace(-half, half, cells), np.linspace(-half, half, cells))
    points = np.stack([x, y, np.full_like(x, z)], -1).reshape(-1, 3)
    index = np.arange(cells * cells).reshape(cells, cells)
    a, b, c, d = (part.ravel() for part in (index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]))
    triangles = np.concatenate([np.stack([a, c, b], 1), np.stack([b, c, d], 1)])
    return points.astype(np.float32), triangles.astype(np.int32)


def test_srgb_comes_back_from_linear_light():
    every = np.arange(256, dtype=np.uint8)
    assert np.array_equal(to_srgb(to_linear(every)), every)
    assert to_linear(np.array([0, 188, 255], np.uint8)) == pytest.approx([0, 0.5029, 1], abs=1e-4)
    assert to_srgb(np.array([-1.0, 7.0])).tolist() == [0, 255]


def test_normals_of_a_sphere_point_away_from_its_centre():
    points, triangles = sphere()
    normals = vertex_normals(points, triangles)
    assert (normals * points).sum(1).min() > 0.99
    assert np.linalg.norm(normals, axis=1) == pytest.approx(1, abs=1e-5)


def test_a_vertex_of_no_triangle_has_no_normal():
    assert np.array_equal(
        vertex_normals(np.ones((4, 3), np.float32), np.array([[0, 1, 2]], np.int32)), np.zeros((4, 3))
    )


def test_harmonics_are_orthonormal():
    cosines, weights = np.polynomial.legendre.leggauss(8)
    turns = np.arange(16) * np.pi / 8
    flat = np.sqrt(1 - cosines**2)[:, None]
    directions = np.stack(
        np.broadcast_arrays(flat * np.cos(turns), flat * np.sin(turns), cosines[:, None]), -1
    ).reshape(-1, 3)
    area = np.repeat(weights, 16) * np.pi / 8
    values = harmonics(directions)
    assert (values.T * area) @ values == pytest.approx(np.eye(9), abs=1e-12)


def test_a_surface_in_even_light_sends_back_its_albedo():
    points, triangles = sphere()
    normals = vertex_normals(points, triangles)
    light = Lighting(EVEN, np.zeros((0, 3)), np.zeros((0, 3)))
    radiance = shade(
        points + np.float32([0, 0, 9]),
        normals,
        surface(len(points), 0.3),
        light,
        np.zeros((0, len(points)), np.float32),
    )
    assert radiance == pytest.approx(np.full_like(radiance, 0.3), abs=1e-5)


def test_irradiance_is_the_integral_of_the_radiance_over_the_hemisphere():
    rng = np.random.default_rng(3)
    ambient = rng.normal(0, 0.2, (9, 3)) + 2 * EVEN
    directions = rng.standard_normal((400_000, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    normal = np.array([[0.36, -0.48, -0.8]])
    cosine = np.maximum(directions @ normal[0], 0)
    reference = 4 * (harmonics(directions) @ ambient * cosine[:, None]).mean(0)  # 4 pi / pi
    light = Lighting(ambient, np.zeros((0, 3)), np.zeros((0, 3)))
    found = shade(
        np.float32([[0, 0, 5]]), normal.astype(np.float32), surface(1, 1.0), light, np.zeros((0, 1), np.float32)
    )
    assert found[0] == pytest.approx(reference, rel=0.01)


def test_lambert_follows_the_cosine_and_shadow_takes_it_away():
    normals = np.float32([[0, 0, -1], [0, -0.6, -0.8], [0, 0, 1], [0, 0, -1]])
    points = np.float32([[0, 0, 10]] * 4)
    lit = np.float32([[1, 1, 1, 0.25]])
    radiance = shade(points, normals, surface(4), lamp(0, 0, -1), lit)
    assert radiance[:, 0] == pytest.approx([0.5, 0.4, 0, 0.125], abs=1e-6)


def test_a_highlight_lies_where_the_lamp_is_mirrored():
    turns = Rotation.from_euler("x", np.arange(-60, 61, 5)[:, None], degrees=True)
    normals = turns.apply([0.0, 0.0, -1.0]).astype(np.float32)
    points = np.tile(np.float32([0, 0, 10]), (len(normals), 1))
    towards = Rotation.from_euler("x", 40, degrees=True).apply([0.0, 0.0, -1.0])
    light, lit = lamp(*towards), np.ones((1, len(normals)), np.float32)
    glossy = shade(points, normals, surface(len(normals), gloss=1.0), light, lit)
    matt = shade(points, normals, surface(len(normals)), light, lit)
    assert np.arange(-60, 61, 5)[(glossy - matt)[:, 0].argmax()] == 20


def test_a_plate_casts_its_shadow_on_the_wall_behind_it():
    wall, wall_triangles = plate(200.0, 60.0, cells=40)
    near, near_triangles = plate(150.0, 20.0)
    points = np.concatenate([wall, near])
    triangles = np.concatenate([wall_triangles, near_triangles + np.int32(len(wall))])
    share = shadows(points, triangles, np.array([0.0, 0.0, -1.0]))
    across, inside = np.abs(wall[:, :2]).max(1) > 24, np.abs(wall[:, :2]).max(1) < 16
    assert np.all(share[: len(wall)][inside] == 0)
    assert np.all(share[: len(wall)][across] == 1)
    assert np.all(share[len(wall) :] == 1)
    slanted = shadows(points, triangles, np.array([0.6, 0.0, -0.8]))  # moves the shadow 37.5 mm to the left
    assert slanted[: len(wall)][np.abs(wall[:, :2] + [37.5, 0]).max(1) < 14].max() < 0.2


def test_coverage_is_the_share_of_a_pixel():
    # from x = 0 rightwards; with focal length 10 at depth 10 a millimetre is a pixel
    points = np.float32([[0.5, -50, 10], [0.5, 50, 10], [90, 0, 10]])
    picture = draw(points, np.int32([[0, 1, 2]]), np.ones((3, 3), np.float32), camera(8, focal=10.0), 8, 8, 4)
    assert picture.coverage[4].tolist() == [0, 0, 0, 0, 0.5, 1, 1, 1]
    assert picture.radiance[..., 0] == pytest.approx(picture.coverage, abs=1e-6)
    mixed = over(picture, np.full((8, 8, 3), 0.2))
    assert mixed[4, :, 1] == pytest.approx([0.2, 0.2, 0.2, 0.2, 0.6, 1, 1, 1], abs=1e-6)


def test_supersampling_is_the_mean_of_a_finer_picture():
    points, triangles = sphere()
    points = (points * 30 + np.float32([0, 0, 100])).astype(np.float32)
    radiance = np.abs(points[:, :3]) / 100
    coarse = draw(points, triangles, radiance, camera(32, 40.0), 32, 32, 3)
    fine = draw(points, triangles, radiance, camera(96, 120.0), 96, 96, 1)
    blocks = fine.radiance.reshape(32, 3, 32, 3, 3).mean((1, 3))
    assert coarse.radiance == pytest.approx(blocks, abs=1e-5)


def test_a_photo_of_a_ball_is_bright_towards_the_lamp_and_leaves_the_background():
    points, triangles = sphere()
    background = np.full((64, 64, 3), 0.125)
    light = lamp(-1, -1, -1)  # above, on the image's left
    image = render_photo(points * 10, triangles, surface(len(points), 0.8), light, camera(64), background)
    assert np.all(image[0] == 0.125)
    assert image[24, 24, 0] > 0.6 > 0.1 > image[42, 42, 0]
    again = render_photo(points * 10, triangles, surface(len(points), 0.8), light, camera(64), background)
    assert np.array_equal(image, again)
