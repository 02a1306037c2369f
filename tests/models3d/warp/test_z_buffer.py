import numpy as np

from models3d.raster import rasterise
from models3d.warp.z_buffer import BEHIND_MM, NOTHING, corner_weights, number_pixels, place, z_buffer, z_samples

SIZE = 24
NONE = np.zeros((0, 3), np.uint32)


def scattered(rng, count=60):
    """Points around the picture and triangles among them, either way round."""
    points = np.column_stack([rng.uniform(-4, SIZE + 4, (count, 2)), rng.uniform(400, 600, count)]).astype(np.float32)
    triangles = np.array([rng.choice(count, 3, replace=False) for _ in range(40)])
    return points, triangles.astype(np.uint32)


def slow_reference(points, triangles):
    """The nearest triangle at the middle of each pixel, in float64, and how far the next one is behind it."""
    best, margin = np.full((SIZE, SIZE), NOTHING), np.full((SIZE, SIZE), np.inf)
    for y in range(SIZE):
        for x in range(SIZE):
            depths = []
            for t, corners in enumerate(triangles):
                a, b, c = points[corners].astype(float)
                edges = np.column_stack([b[:2] - a[:2], c[:2] - a[:2]])
                u, v = np.linalg.solve(edges, np.array([x + 0.5, y + 0.5]) - a[:2])
                margin[y, x] = min(margin[y, x], abs(min(u, v, 1 - u - v)) * 1e3)
                if np.linalg.det(edges) < 0 and min(u, v, 1 - u - v) >= 0:
                    depths.append((a[2] + u * (b[2] - a[2]) + v * (c[2] - a[2]), t))
            if depths:
                depths.sort()
                best[y, x] = depths[0][1]
                margin[y, x] = min(margin[y, x], *(z - depths[0][0] for z, _ in depths[1:] or [(np.inf, 0)]))
    return best, margin


def test_equal_to_the_slow_reference(rng):
    points, triangles = scattered(rng)
    expected, margin = slow_reference(points, triangles)
    found = z_buffer(points, triangles, NONE, SIZE, SIZE)
    clear = margin > 0.01
    assert clear.mean() > 0.8 and (expected != NOTHING).sum() > 100
    np.testing.assert_array_equal(found[clear], expected[clear])


def test_equal_to_the_other_rasteriser_but_for_edges(rng):
    points, triangles = scattered(rng)
    found = z_buffer(points, triangles, NONE, SIZE, SIZE)
    other = rasterise(points[:, :2], points[:, 2], triangles.astype(np.int32), SIZE, SIZE).triangle
    # that one's depths are perspective-correct, this one's linear in the picture
    assert ((found == NOTHING) == (other == NOTHING)).mean() > 0.99
    assert (found == other).mean() > 0.9


def test_samples_are_the_picture_of_a_larger_picture(rng):
    points, triangles = scattered(rng)
    fine = z_buffer(points * np.float32([2, 2, 1]), triangles, NONE, 2 * SIZE, 2 * SIZE)
    asked = (rng.random((SIZE, SIZE)) < 0.5).astype(np.uint8)
    slots, count = number_pixels(asked)
    assert count == asked.sum() and (slots[asked == 0] == NOTHING).all()
    np.testing.assert_array_equal(slots[asked == 1], np.arange(count))
    samples = z_samples(points, triangles, NONE, slots, count, 1)
    expected = fine.reshape(SIZE, 2, SIZE, 2).swapaxes(1, 2).reshape(SIZE, SIZE, 4)[asked == 1]
    assert (samples == expected).mean() > 0.99, "edges may round differently"


def test_skin_is_in_front_of_what_lies_behind_the_lips():
    points = np.array([[0, 0, 500], [0, 30, 500], [30, 0, 500], [0, 0, 400], [0, 30, 400], [30, 0, 400]], np.float32)
    skin, nearer = np.array([[0, 1, 2]], np.uint32), np.array([[3, 4, 5]], np.uint32)
    assert z_buffer(points, skin, nearer, SIZE, SIZE)[3, 3] == 0
    assert z_buffer(points, NONE, nearer, SIZE, SIZE)[3, 3] == 0
    assert z_buffer(points, nearer, skin, SIZE, SIZE)[3, 3] == 0
    assert BEHIND_MM > 1e4


def test_degenerate_triangles_and_places_are_left_out():
    points = np.array([[0, 0, 500], [5, 5, 500], [10, 10, 500], [np.nan, 3, 500], [1e9, 2, 500]], np.float32)
    flat, broken = np.array([[0, 1, 2]], np.uint32), np.array([[0, 3, 1], [0, 1, 3]], np.uint32)
    for triangles in (flat, broken):
        assert (z_buffer(points, triangles, NONE, SIZE, SIZE) == NOTHING).all()
    assert z_buffer(points, np.array([[0, 1, 4]], np.uint32), NONE, SIZE, SIZE).shape == (SIZE, SIZE)
    slots, count = number_pixels(np.zeros((SIZE, SIZE), np.uint8))
    assert z_samples(points, flat, NONE, slots, count, 1).shape == (0, 4)


def test_weights_find_a_point_again(rng):
    points = rng.uniform(0, 20, (3, 3)).astype(np.float32)
    true = np.array([0.2, 0.3, 0.5])
    x, y = true @ points[:, :2]
    found = corner_weights(points, 0, 1, 2, np.float32(x), np.float32(y))
    np.testing.assert_allclose(found, true, atol=1e-4)


def test_points_are_placed_by_pose_lens_and_offset():
    pose = np.array([[1, 0, 0, 5], [0, -1, 0, 0], [0, 0, -1, 600]], np.float32)
    lens = np.array([[300, 0, 64], [0, 300, 64]], np.float32)
    found = place(np.array([[10, 20, 0]], np.float32), pose, lens, np.array([[0.5, -0.5]], np.float32))
    np.testing.assert_allclose(found, [[64 + 300 * 15 / 600 + 0.5, 64 - 300 * 20 / 600 - 0.5, 600]], rtol=1e-5)
