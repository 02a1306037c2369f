import numpy as np
import pytest

from models3d.decimation import decimate
from models3d.raster import BACKGROUND, rasterise


@pytest.fixture
def bowl():
    """A paraboloid over a disc with a hole in its middle: two borders."""
    radius, angle = np.meshgrid(np.linspace(8, 40, 21), np.linspace(0, 2 * np.pi, 61)[:-1], indexing="ij")
    vertices = np.stack([radius * np.cos(angle), radius * np.sin(angle), -(radius**2) / 60], -1).reshape(-1, 3)
    index = np.arange(radius.size).reshape(radius.shape)
    a, b = index[:-1], index[1:]
    c, d = np.roll(a, -1, 1), np.roll(b, -1, 1)
    triangles = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([b, d, c], -1).reshape(-1, 3)])
    return vertices.astype(np.float32), triangles.astype(np.int32)


def borders(triangles):
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    known = {tuple(edge) for edge in edges.tolist()}
    return {edge for edge in known if edge[::-1] not in known}


def seen(vertices, triangles):
    return rasterise(vertices[:, :2] * [1, -1] + 48, 500 - vertices[:, 2], triangles, 96, 96).triangle != BACKGROUND


def test_vertices_stay_where_they_are_and_borders_stay_whole(bowl):
    vertices, triangles = bowl
    found = decimate(vertices, triangles, 800)
    own = found.kept[found.triangles]
    assert len(own) <= 801 and (np.diff(found.kept) > 0).all()
    assert borders(own) == borders(triangles)
    np.testing.assert_array_equal(seen(vertices, triangles), seen(vertices, own))


def test_what_is_left_follows_the_surface(bowl):
    vertices, triangles = bowl
    found = decimate(vertices, triangles, 800)
    middles = vertices[found.kept[found.triangles]].mean(1)
    assert np.abs(middles[:, 2] + (middles[:, :2] ** 2).sum(1) / 60).max() < 1.5


def test_a_mesh_that_is_small_enough_keeps_all(bowl):
    vertices, triangles = bowl
    found = decimate(vertices, triangles, 10**6)
    np.testing.assert_array_equal(found.kept, np.arange(len(vertices)))
    assert len(found.triangles) == len(triangles)


def test_ids_are_those_of_the_whole_mesh(bowl):
    vertices, triangles = bowl
    padded = np.concatenate([np.zeros((7, 3), np.float32), vertices])
    found = decimate(padded, triangles + np.int32(7), 800)
    assert found.kept.min() >= 7
    np.testing.assert_array_equal(found.kept - 7, decimate(vertices, triangles, 800).kept)


def test_the_same_twice(bowl):
    first, second = (decimate(*bowl, 800) for _ in range(2))
    np.testing.assert_array_equal(first.kept[first.triangles], second.kept[second.triangles])
