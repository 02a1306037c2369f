import numpy as np
import torch
from scipy.optimize import lsq_linear

from models3d.fitting.bounded_step import bounded_step


def problems(rng, batch: int = 20, size: int = 12):
    """Least-squares problems of rather different scales: matrix, gradient, bounds, and J, r of |J d + r|."""
    jacobian = rng.normal(size=(batch, 30, size)) * 10 ** rng.uniform(-2, 2, size)
    residual = rng.normal(size=(batch, 30))
    matrix = np.einsum("bmi,bmj->bij", jacobian, jacobian)
    gradient = np.einsum("bmi,bm->bi", jacobian, residual)
    reach = np.abs(np.linalg.solve(matrix, gradient[..., None])[..., 0])
    lower, upper = -reach * rng.uniform(0, 1.5, reach.shape), reach * rng.uniform(0, 1.5, reach.shape)
    tensors = (torch.as_tensor(part, dtype=torch.float32) for part in (matrix, gradient, lower, upper))
    return jacobian, residual, *tensors


def test_equals_a_slow_reference(rng):
    jacobian, residual, matrix, gradient, lower, upper = problems(rng)
    step = bounded_step(matrix, gradient, lower, upper).numpy()
    at_bounds = 0
    for row in range(len(step)):
        bounds = lower[row].double().numpy(), upper[row].double().numpy()
        slow = lsq_linear(jacobian[row], -residual[row], bounds, method="bvls", tol=1e-12).x
        np.testing.assert_allclose(step[row] / np.abs(slow).max(), slow / np.abs(slow).max(), atol=2e-3)
        at_bounds += np.isin(step[row], bounds).sum()
    assert 0.1 < at_bounds / step.size < 0.9, "problems in which bounds matter, and do not settle everything"


def test_without_bounds_it_solves_the_system(rng):
    _, _, matrix, gradient, lower, upper = problems(rng)
    step = bounded_step(matrix, gradient, torch.full_like(lower, -torch.inf), torch.full_like(upper, torch.inf))
    expected = np.linalg.solve(matrix.double(), -gradient.double()[..., None])[..., 0]
    np.testing.assert_allclose(step, expected, rtol=2e-3, atol=1e-4 * np.abs(expected).max())


def test_entries_with_equal_bounds_stay(rng):
    _, _, matrix, gradient, lower, upper = problems(rng)
    lower[:, 3] = upper[:, 3] = 0
    lower[:, 5] = upper[:, 5] = 0.25
    step = bounded_step(matrix, gradient, lower, upper)
    torch.testing.assert_close(step[:, 3], torch.zeros(20))
    torch.testing.assert_close(step[:, 5], torch.full((20,), 0.25))


def test_a_row_without_a_minimum_is_nan_and_alone_in_it(rng):
    _, _, matrix, gradient, lower, upper = problems(rng)
    whole = bounded_step(matrix, gradient, lower, upper)
    for poison in (-torch.eye(12), torch.full((12, 12), torch.nan)):
        broken = matrix.clone()
        broken[7] = poison
        step = bounded_step(broken, gradient, lower, upper)
        assert step[7].isnan().all()
        assert torch.equal(np.delete(step, 7, 0), np.delete(whole, 7, 0))
