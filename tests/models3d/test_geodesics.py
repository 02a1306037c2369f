import numpy as np
import pytest
import trimesh

from models3d.geodesics import edge_graph, geodesic_distances


def grid(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit squares, each cut along the same diagonal."""
    y, x = np.mgrid[:rows, :columns]
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1].ravel(), index[:-1, 1:].ravel(), index[1:, :-1].ravel(), index[1:, 1:].ravel()
    points = np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], axis=1)
    return points, np.concatenate([np.stack([a, b, d], 1), np.stack([a, d, c], 1)]).astype(np.int32)


def test_along_edges_and_diagonals_of_a_grid():
    points, triangles = grid(4, 5)
    distances = geodesic_distances(edge_graph(points, triangles), 0, 100.0).reshape(4, 5)
    assert distances[0].tolist() == [0, 1, 2, 3, 4]
    assert np.isclose(distances[3, 3], 3 * np.sqrt(2))
    assert np.isclose(distances[3, 4], 3 * np.sqrt(2) + 1)


def test_on_a_sphere_a_little_above_the_true_distance():
    ball = trimesh.creation.icosphere(subdivisions=4, radius=10.0)
    points = np.asarray(ball.vertices)
    found = geodesic_distances(edge_graph(points, ball.faces.astype(np.int32)), 7, 100.0)
    true = 10 * np.arccos(np.clip(points @ points[7] / 100, -1, 1))
    far = true > 1
    assert np.all(found[far] > 0.995 * true[far]) and np.all(found[far] < 1.25 * true[far])
    assert np.mean(found[far] / true[far]) < 1.1


def test_beyond_the_limit_and_on_other_parts_is_infinite():
    points, triangles = grid(2, 6)
    two_parts = np.concatenate([points, points + [0, 0, 1]])
    graph = edge_graph(two_parts, np.concatenate([triangles, triangles + len(points)]))
    distances = geodesic_distances(graph, 0, 2.5)
    assert distances[2] == 2 and np.isinf(distances[3])
    assert np.all(np.isinf(distances[len(points) :]))


@pytest.mark.parametrize("source", [0, 4])
def test_vertices_in_one_place_are_no_barrier(source):
    """Seams double vertices: their edge has length 0 and is an edge all the same."""
    points = np.array([[0.0, 0, 0], [1, 0, 0], [1, 0, 0], [1, 1, 0], [2, 0, 0]])
    graph = edge_graph(points, np.array([[0, 1, 3], [1, 2, 3], [2, 4, 3]], np.int32))
    assert geodesic_distances(graph, source, 10.0)[4 - source] == 2
