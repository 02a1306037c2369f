from types import SimpleNamespace

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment, minimize

from models3d import sparse_components as sc
from models3d.errors import InputError
from models3d.geodesics import edge_graph
from models3d.principal_components import LowRank
from tests.benchmarks.expression_model import plain_reference

ROWS, COLUMNS = 24, 20
FRAMES, CLIPS = 8, 60


def sheet() -> tuple[np.ndarray, np.ndarray]:
    """A bent sheet of 480 vertices, 10 apart."""
    y, x = np.mgrid[:ROWS, :COLUMNS] * 10.0
    index = np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS)
    a, b, c, d = index[:-1, :-1].ravel(), index[:-1, 1:].ravel(), index[1:, :-1].ravel(), index[1:, 1:].ravel()
    points = np.stack([x.ravel(), y.ravel(), (x.ravel() - 95) ** 2 / 300], axis=1)
    return points, np.concatenate([np.stack([a, b, d], 1), np.stack([a, d, c], 1)]).astype(np.int32)


def actions(points: np.ndarray) -> np.ndarray:
    """Five bumps; the first two share a place and pull in different directions, the last is weak."""
    places = [(50, 50), (60, 60), (140, 60), (50, 170), (140, 180)]
    pulls = [(0, 5, 1), (4, -1, 1), (-3, 4, 0), (2, 2, 4), (0.0, 1.2, 0.9)]
    bells = [np.exp(-((points[:, 0] - x) ** 2 + (points[:, 1] - y) ** 2) / 800) for x, y in places]
    return np.stack([np.where(bell > 0.03, bell, 0)[:, None] * pull for bell, pull in zip(bells, pulls, strict=True)])


@pytest.fixture(scope="module")
def clips():
    """Clips that go neutral - apex - neutral through one to three of the actions, with a little noise."""
    rng = np.random.default_rng(4)
    points, triangles = sheet()
    true = actions(points)
    weights = np.zeros((CLIPS, FRAMES, len(true)))
    for clip in weights:
        shown = rng.choice(len(true), rng.integers(1, 4), replace=False)
        width = rng.uniform(0.8, 1.6, len(shown))
        ramp = np.sin(np.linspace(0, np.pi, FRAMES))[:, None] ** width
        clip[:, shown] = ramp * rng.uniform(0.4, 1, len(shown))
    noise = rng.normal(scale=5e-3, size=points.size)
    x = (weights.reshape(-1, len(true)) @ true.reshape(len(true), -1) + noise).astype(np.float32)
    extent = float(np.ptp(points, axis=0).max())
    return SimpleNamespace(
        x=x, data=decomposed(x), points=points, true=true, extent=extent, graph=edge_graph(points, triangles)
    )


def decomposed(x: np.ndarray) -> LowRank:
    """X in full, as a product."""
    u, s, vt = np.linalg.svd(x.astype(np.float64), full_matrices=False)
    return LowRank(u.astype(np.float32), (s[:, None] * vt).astype(np.float32), float(np.sum(s**2)))


def choices(one_sided: bool, **more) -> sc.Sparsity:
    return sc.Sparsity(one_sided, 2.0, (0.1, 0.7), 3e-4, 400)._replace(**more)


def likeness(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """|cosine| of each true action to the component that is matched to it."""
    unit = true.reshape(len(true), -1) / np.linalg.norm(true.reshape(len(true), -1), axis=1, keepdims=True)
    cosines = np.abs(found.reshape(len(found), -1) @ unit.T)
    rows, columns = linear_sum_assignment(-cosines)
    return cosines[rows, columns][np.argsort(columns)]


@pytest.mark.parametrize("one_sided", [True, False])
def test_finds_the_actions_and_only_where_they_are(clips, one_sided):
    found = sc.sparse_components(clips.data, clips.extent, clips.graph, 5, choices(one_sided))
    assert found.fit.converged
    assert likeness(found.basis.components, clips.true).min() > 0.95
    lengths = np.linalg.norm(found.basis.components, axis=2)
    assert np.all(np.mean(lengths > 0.01 * lengths.max(axis=1, keepdims=True), axis=1) < 1 / 3)
    assert np.any(lengths == 0)


@pytest.mark.parametrize("one_sided", [True, False])
def test_lowers_eq_1_step_by_step_and_below_the_plain_algorithm(clips, one_sided):
    penalty = sc.penalty_around(clips.graph, clips.extent, choices(one_sided))
    full = plain_reference.normalised(clips.x.reshape(len(clips.x), -1, 3))
    begin = plain_reference.start(full, 5, one_sided, lambda centre: penalty(centre) / 2)
    plain = plain_reference.refine(full, begin, one_sided, lambda centre: penalty(centre) / 2, 2.0)
    scale = sc.standard_deviation(clips.data)
    assert np.isclose(scale, clips.x.std(), rtol=1e-5)
    data = LowRank(clips.data.left, clips.data.right / np.float32(scale), clips.data.energy / scale**2)
    start = sc.Factors(begin.weights, np.moveaxis(begin.components, 0, 2), begin.centres)
    fit = sc.refine(data, start, penalty, choices(one_sided))
    assert np.all(np.diff(fit.objectives) <= 0)
    weights, components, centres = fit.factors
    ours = plain_reference.Decomposition(weights, np.moveaxis(components, 2, 0), centres)
    rounding = 1e-6 * np.square(full).sum()
    assert np.isclose(plain_objective(full, ours, penalty), fit.objectives[-1], rtol=0, atol=rounding)
    assert fit.objectives[-1] <= plain_objective(full, plain, penalty)
    largest = np.abs(weights).max(axis=0) if not one_sided else weights.max(axis=0)
    np.testing.assert_allclose(largest, 1, rtol=1e-12)
    assert weights.min() >= (0 if one_sided else -1)


def plain_objective(x, found, penalty):
    return plain_reference.objective(x, found, lambda centre: penalty(int(centre)) / 2, 2.0)


def test_basis_in_standard_deviations_of_the_training_weights(clips):
    found = sc.sparse_components(clips.data, clips.extent, clips.graph, 5, choices(True))
    basis = found.basis
    np.testing.assert_allclose(np.linalg.norm(basis.components.reshape(5, -1), axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(found.weights.std(axis=0), 1, rtol=1e-6)
    np.testing.assert_allclose(basis.bounds[:, 1], found.weights.max(axis=0), rtol=1e-6)
    assert np.all(basis.bounds[:, 0] == 0)
    flat = basis.components.reshape(5, -1).astype(np.float64)
    fitted = clips.x @ np.linalg.pinv(flat) @ flat
    share = 1 - np.square(clips.x - fitted).sum() / np.square(clips.x, dtype=np.float64).sum()
    assert np.isclose(found.shares.sum(), share, atol=1e-5)
    assert np.all(np.diff(found.shares) <= 0) and found.shares[0] > 0.2
    two_sided = sc.sparse_components(clips.data, clips.extent, clips.graph, 5, choices(False)).basis
    assert np.all(two_sided.bounds == (-3, 3))


def test_in_other_units_the_same_and_every_time(clips):
    first = sc.sparse_components(clips.data, clips.extent, clips.graph, 5, choices(True))
    again = sc.sparse_components(clips.data, clips.extent, clips.graph, 5, choices(True))
    assert first.basis.components.tobytes() == again.basis.components.tobytes()
    metres = LowRank(clips.data.left, clips.data.right / np.float32(1024), clips.data.energy / 1024**2)
    small = sc.sparse_components(metres, clips.extent, clips.graph, 5, choices(True))
    np.testing.assert_allclose(small.basis.sigmas_mm * 1024, first.basis.sigmas_mm, rtol=1e-4)
    np.testing.assert_allclose(small.basis.components, first.basis.components, atol=1e-4)


def test_more_components_than_directions(clips):
    few = LowRank(clips.data.left[:, :3], clips.data.right[:3], clips.data.energy)
    with pytest.raises(InputError, match="5 asked, the data hold 3 directions"):
        sc.sparse_components(few, clips.extent, clips.graph, 5, choices(True))


def test_a_component_that_explains_less_than_it_costs_dies(clips):
    expensive = choices(True, strength=20.0, reach=(-1.0, 0.0))
    found = sc.sparse_components(clips.data, clips.extent, clips.graph, 20, expensive)
    assert 3 <= len(found.basis) < 20
    assert np.all(np.isfinite(found.basis.components)) and np.all(found.basis.sigmas_mm > 0)
    assert found.weights.shape[1] == len(found.basis.bounds) == len(found.shares) == len(found.basis)


@pytest.mark.parametrize("one_sided", [True, False])
@pytest.mark.parametrize("spread", [0.0, 3.0, 40.0])
def test_pouring_is_the_minimum(rng, one_sided, spread):
    target, curvature = rng.normal(size=7) * 3, 1.7

    def slow(z):
        return curvature * z[:7] @ z[:7] - 2 * z[:7] @ target + spread * z[7]

    sides = [{"type": "ineq", "fun": lambda z, sign=sign: z[7] - sign * z[:7]} for sign in (1, -1)]
    bounds = [(0 if one_sided else None, None)] * 7 + [(0, None)]
    oracle = minimize(slow, np.append(np.zeros(7), 1), bounds=bounds, constraints=sides, options={"ftol": 1e-14})
    column, largest = sc._pour(target, curvature, spread, one_sided)
    np.testing.assert_allclose(column, oracle.x[:7], atol=1e-5)
    assert np.isclose(largest, np.abs(column).max())


def test_shrinking_meets_the_conditions_of_optimality(rng):
    """Subgradient of |X - W C|^2 + lambda |C_kv|: 2 (G C - P) = -lambda C / |C|, or at most lambda long where C = 0."""
    weights = rng.uniform(size=(30, 4))
    gram, products = weights.T @ weights, rng.normal(size=(50, 3, 4)) * 4
    lam = rng.uniform(0, 25, size=(50, 4))
    components = rng.normal(size=(50, 3, 4))
    sizes = [sc._shrink(gram, products, components, lam / 2) for _ in range(200)][-1]
    np.testing.assert_allclose(sizes, np.linalg.norm(components, axis=1), atol=1e-12)
    slope = 2 * (components @ gram - products)
    moving = sizes > 0
    assert 0.2 < moving.mean() < 0.8
    pull = lam[:, None] * components / np.maximum(sizes, 1e-300)[:, None]
    np.testing.assert_allclose(np.moveaxis(slope + pull, 1, 2)[moving], 0, atol=1e-6)
    assert np.all(np.linalg.norm(slope, axis=1)[~moving] <= lam[~moving] + 1e-6)
