"""What all readers share on the way from a file's numbers to the conventions."""

import numpy as np
import pytest

from models3d.errors import InputError
from models3d.readers.conventions import check_unit, one_sided_basis, outward, unit_of


def test_heights_decide_between_units_without_overlap(tmp_path):
    for height_mm in (101.0, 200.0, 338.0, 399.0):
        mean = np.array([[0, 0, 0], [0, height_mm, 0]])
        for unit, mm in {"metres": 1000, "centimetres": 10, "millimetres": 1, "micrometres": 0.001}.items():
            assert unit_of(tmp_path, mean / mm) == unit
            assert check_unit(tmp_path, unit, mean / mm) == unit
    with pytest.raises(InputError, match=r"as high as a face in centimetres. Give lengths in metres"):
        check_unit(tmp_path, "metres", mean / 10)


def test_open_and_closed_meshes_turn_outward(face):
    """An ellipsoid's front alone, wound either way, and a closed box around it."""
    vertices = face.mean_mm
    np.testing.assert_array_equal(outward(vertices, face.triangles), face.triangles)
    np.testing.assert_array_equal(outward(vertices, face.triangles[:, ::-1].copy()), face.triangles)
    a, b, c = (vertices[face.triangles[:, i]] for i in range(3))
    normals, middles = np.cross(b - a, c - a), (a + b + c) / 3
    inside = np.array([0, 0, -1.0])
    assert ((normals * (middles - inside)).sum(1) >= -1e-3).all()


def test_a_units_full_shape_is_three_standard_deviations(rng):
    shapes = rng.normal(size=(2, 20, 3))
    basis = one_sided_basis(shapes, ("a", "b"))
    np.testing.assert_array_equal(basis.bounds, [[0, 3], [0, 3]])
    np.testing.assert_allclose(basis.bounds[:, 1, None, None] * basis.displacements_mm, shapes, atol=1e-5)
