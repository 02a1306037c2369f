"""The Gaussian process: its kernel, its low rank, and the basis made of it."""

import numpy as np
import pytest

from pipeline.sample.identity import _factors, identity_basis, kernel

MIRROR = np.array([-1.0, 1.0, 1.0])


def scattered(count: int, seed: int = 0) -> np.ndarray:
    """Points about where a face has them."""
    return np.random.default_rng(seed).normal([0, 0, 60], [45, 55, 35], (count, 3))


def test_the_kernel_is_a_covariance():
    points = scattered(60)
    for matrix in kernel(points, points):
        assert matrix == pytest.approx(matrix.T, abs=1e-9)
        assert np.linalg.eigvalsh(matrix).min() > -1e-8
        assert 0 < np.sqrt(np.diag(matrix)).max() < 8  # mm


def test_the_two_halves_move_alike():
    points = scattered(50)
    for axis in (1, 2):
        together, alone = (np.diag(kernel(points, other)[axis]) for other in (points * MIRROR, points))
        assert np.all(together > 0.9 * alone)
    midline = points * [0, 1, 1]
    sideways, upwards, _ = (np.diag(matrix) for matrix in kernel(midline, midline))
    assert np.all(sideways < 0.1 * upwards)


def test_the_low_rank_reproduces_the_kernel():
    points = scattered(400)
    factors = _factors(points, points[::2])
    for factor, matrix in zip(factors, kernel(points, points), strict=True):
        assert np.linalg.norm(factor @ factor.T - matrix) < 0.05 * np.linalg.norm(matrix)


def test_components_have_unit_norm_and_falling_sigmas(population):
    basis = population.model.identity
    assert len(basis) == 60
    assert np.linalg.norm(basis.components.reshape(60, -1).astype(float), axis=1) == pytest.approx(1, abs=1e-4)
    assert np.all(np.diff(basis.sigmas_mm) <= 0)
    gram = basis.components.reshape(60, -1) @ basis.components.reshape(60, -1).T
    assert gram == pytest.approx(np.eye(60), abs=1e-3)


def test_sigmas_are_those_of_people(population):
    """LSFM's vertices vary by some 4 mm about its mean; its first ten components hold most of that."""
    variances = population.model.identity.sigmas_mm.astype(float) ** 2 / len(population.model.mean_mm)
    assert 3 < np.sqrt(variances.sum()) < 6
    assert 0.7 < variances[:10].sum() / variances.sum() < 0.95


def test_people_are_nearly_symmetric(population):
    """An independent check on the mesh: the displacement at a vertex's mirror image is the mirrored one."""
    head = population.head
    points = head.vertices[head.landmarks].astype(float)
    midline = head.landmarks[[8, 27, 28, 29, 30, 33, 51, 57]]
    assert np.abs(head.vertices[midline, 0]).max() < 1.5 and len(points) == 68
    sideways = population.model.identity.displacements_mm[:, midline]
    assert np.sqrt((sideways[..., 0] ** 2).sum(0).mean()) < 0.35 * np.sqrt((sideways[..., 1] ** 2).sum(0).mean())


def test_no_component_moves_the_head_as_a_whole(population):
    head, displaced = population.head, population.model.identity.displacements_mm.astype(float)
    assert np.abs(displaced.mean(1)).max() < 1e-3
    centred = head.vertices - head.vertices.mean(0)
    assert np.abs(np.cross(centred[None], displaced).mean(1)).max() < 1e-1  # mm^2 where 5 mm * 80 mm are possible


def test_the_generator_decides_everything(population):
    vertices = population.head.vertices[::40]
    first, again, other = (identity_basis(vertices, 8, 100, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.components.tobytes() == again.components.tobytes()
    assert not np.allclose(first.components, other.components)
