import numpy as np
import pytest

from models3d.warp.alignment import FADE_MM, alignment_weights, cotangent_laplacian


def sheet(scale=1.0):
    """A flat square, 120 mm wide."""
    line = np.linspace(-60, 60, 31) * scale
    x, y = np.meshgrid(line, line)
    vertices = np.column_stack([x.ravel(), y.ravel(), np.zeros(x.size)])
    index = np.arange(x.size).reshape(x.shape)
    a, b, c, d = index[:-1, :-1].ravel(), index[:-1, 1:].ravel(), index[1:, :-1].ravel(), index[1:, 1:].ravel()
    triangles = np.concatenate([np.column_stack([a, b, c]), np.column_stack([b, d, c])]).astype(np.int32)
    return vertices, triangles


def test_the_laplacian_of_a_plane():
    vertices, triangles = sheet()
    stiffness, area = cotangent_laplacian(vertices, triangles)
    assert abs(stiffness - stiffness.T).max() < 1e-9
    np.testing.assert_allclose(stiffness @ np.ones(len(vertices)), 0, atol=1e-8)
    inner = np.abs(vertices[:, :2]).max(1) < 59
    np.testing.assert_allclose((stiffness @ vertices[:, 0])[inner], 0, atol=0.2)
    assert np.linalg.eigvalsh(stiffness.toarray()).min() > -1e-8
    assert area.sum() == pytest.approx(120 * 120, rel=1e-3)


def test_offsets_are_met_at_the_landmarks():
    vertices, triangles = sheet()
    middle = np.linalg.norm(vertices - [-8, 0, 0], axis=1).argmin()
    other = np.linalg.norm(vertices - [8, 0, 0], axis=1).argmin()
    weights = alignment_weights(vertices, triangles, np.array([middle, other], np.int32))
    assert weights[middle, 0] == pytest.approx(1, abs=0.1) and weights[other, 0] == pytest.approx(0, abs=0.1)
    both = weights.sum(1)
    assert both[np.linalg.norm(vertices, axis=1) < 6].min() > 0.8, "between two that agree, nearly what they say"


def test_offsets_fade_far_away():
    vertices, triangles = sheet(8.0)
    middle = np.linalg.norm(vertices, axis=1).argmin()
    weights = alignment_weights(vertices, triangles, np.array([middle], np.int32))[:, 0]
    distance = np.linalg.norm(vertices, axis=1)
    ring = [weights[np.abs(distance - at) < 20].mean() for at in (FADE_MM, 2 * FADE_MM, 3 * FADE_MM)]
    assert ring[0] > 1.8 * ring[1] > 1.8**2 * ring[2] > 0
