"""Fields on meshes small enough to know the answer."""

import numpy as np
import pytest

from pipeline.sample.mesh import Manifold, border_loops, grid_triangles, nearest, upper_and_lower


def flat_grid(size: int, step_mm: float = 1.0) -> Manifold:
    x, y = np.meshgrid(np.arange(size) * step_mm, -np.arange(size) * step_mm)
    return Manifold(np.stack([x, y, np.zeros_like(x)], -1).reshape(-1, 3), grid_triangles(size, size))


def test_grid_triangles_face_forward():
    assert flat_grid(5).normals == pytest.approx(np.tile([0.0, 0.0, 1.0], (25, 1)))


def test_border_loops_go_round_with_the_inside_on_their_left():
    (loop,) = border_loops(grid_triangles(4, 4))
    assert len(loop) == 12 and len(set(loop.tolist())) == 12
    corners = flat_grid(4).vertices[loop]
    following = np.roll(corners, -1, 0)
    assert (corners[:, 0] * following[:, 1] - corners[:, 1] * following[:, 0]).sum() / 2 == pytest.approx(9)


def test_a_hole_is_a_second_shorter_loop():
    triangles = grid_triangles(6, 6)
    middle = ~np.isin(triangles, [14, 15, 20, 21]).any(1)
    outer, inner = border_loops(triangles[middle])
    assert (len(outer), len(inner)) == (20, 10)
    assert border_loops(np.int32([[0, 1, 2], [0, 2, 3], [0, 3, 1], [1, 3, 2]])) == []


def test_a_loop_splits_into_chains_that_share_their_ends():
    vertices = np.array([[0, 0, 0], [1, 2, 0], [3, 2, 0], [4, 0, 0], [2, -1, 0.0]])
    for loop in (np.array([0, 1, 2, 3, 4]), np.array([2, 1, 0, 4, 3])):
        upper, lower = upper_and_lower(loop, vertices)
        assert sorted(upper.tolist()) == [0, 1, 2, 3] and sorted(lower.tolist()) == [0, 3, 4]
        assert {upper[0], upper[-1]} == {lower[0], lower[-1]} == {0, 3}


def test_a_harmonic_field_between_two_sides_is_linear():
    mesh = flat_grid(9)
    left, right = np.flatnonzero(mesh.vertices[:, 0] == 0), np.flatnonzero(mesh.vertices[:, 0] == 8)
    values = np.concatenate([np.zeros(9), np.ones(9)])[:, None]
    field = mesh.harmonic(np.concatenate([left, right]), values)
    assert field[:, 0] == pytest.approx(mesh.vertices[:, 0] / 8, abs=0.01)


def test_diffusion_keeps_constants_and_the_whole():
    mesh = flat_grid(15)
    rng = np.random.default_rng(1)
    field = np.column_stack([np.ones(225), rng.standard_normal(225)])
    smooth = mesh.diffuse(field, 2.0)
    assert smooth[:, 0] == pytest.approx(1)
    assert mesh.mass @ smooth[:, 1] == pytest.approx(mesh.mass @ field[:, 1])
    assert smooth[:, 1].std() < 0.4 * field[:, 1].std()


def test_a_bell_is_as_wide_as_asked():
    mesh = flat_grid(81)
    centre = 40 * 81 + 40
    bell = mesh.bells(np.array([centre]), 6.0)[:, 0]
    assert bell.argmax() == centre and bell[centre] == 1
    weights = bell * mesh.mass
    squared = ((mesh.vertices - mesh.vertices[centre])[:, 0] ** 2 * weights).sum() / weights.sum()
    assert np.sqrt(squared) == pytest.approx(6.0, rel=0.05)


def test_a_bell_does_not_leap_over_a_slit():
    x, y = np.meshgrid(np.arange(40.0), [0.1, 1, 2, 3, 4, 5])
    sheet = np.stack([x, y, np.zeros_like(x)], -1).reshape(-1, 3)
    flat = grid_triangles(6, 40)[:, ::-1]
    both = Manifold(np.concatenate([sheet, sheet * [1, -1, 1]]), np.concatenate([flat, grid_triangles(6, 40) + 240]))
    bell = both.bells(np.array([20]), 3.0)[:, 0]
    assert bell[20 + 40] > 0.3
    assert bell[240 + 20] == pytest.approx(0, abs=1e-12)  # 0.2 mm away across the slit


def test_nearest_looks_only_among_what_is_allowed():
    points = np.array([[0.0, 0, 0], [1, 0, 0], [5, 0, 0]])
    assert nearest(points, np.array([[0.1, 0, 0]]), np.array([False, True, True])).tolist() == [1]
