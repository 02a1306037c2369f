import numpy as np
import pytest
import torch
from scipy.stats import truncnorm

from models3d.fitting.covariance import (
    deviations,
    joint_deviations,
    root_mean_square,
    solution_deviations,
)
from models3d.fitting.solver import solve
from tests.models3d.fitting.test_joint_arrow import LENGTHS, some_arrow
from tests.models3d.fitting.test_solver import Valley, start, wide

FAR = torch.inf


def some_matrix(rng, batch: int = 5, size: int = 6) -> torch.Tensor:
    jacobian = rng.normal(size=(batch, 30, size)) * 10 ** rng.uniform(-2, 2, size)
    return torch.as_tensor(np.einsum("bmi,bmj->bij", jacobian, jacobian))


def open_ended(matrix: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.full(matrix.shape[:2], -FAR).double(), torch.full(matrix.shape[:2], FAR).double()


def test_far_from_bounds_it_is_the_inverse(rng):
    matrix = some_matrix(rng)
    found = deviations(matrix, torch.zeros(5, 6), *open_ended(matrix))
    torch.testing.assert_close(found, torch.diagonal(torch.linalg.inv(matrix), dim1=1, dim2=2).sqrt())


@pytest.mark.parametrize("slope", [0.0, 0.5, 40.0, 1e4])
@pytest.mark.parametrize("above", [0.1, 3.0, 500.0])
def test_one_coefficient_at_a_bound_is_the_truncated_normal(slope, above):
    precision = 4.0
    middle, sigma = -slope / precision, precision**-0.5
    found = root_mean_square(*(torch.tensor([x]).double() for x in (slope, precision, 0.0, above)))
    if slope > 100:  # the closed form has lost its digits: an exponential, whose second moment is 2 / slope^2
        expected = 2**0.5 / slope
    else:
        density = truncnorm((0 - middle) / sigma, (above - middle) / sigma, middle, sigma)
        expected = np.sqrt(density.var() + density.mean() ** 2)
    np.testing.assert_allclose(found, expected, rtol=2e-3)


def test_two_coefficients_against_the_density_on_a_grid():
    """One inside, one at its bound, correlated."""
    matrix, gradient = torch.tensor([[[4.0, 1.5], [1.5, 3.0]]]), torch.tensor([[0.0, 1.0]])
    below, above = torch.tensor([[-10.0, 0.0]]), torch.tensor([[10.0, 3.0]])
    x, y = np.meshgrid(np.linspace(-6, 6, 1201), np.linspace(0, 3, 601), indexing="ij")
    density = np.exp(-(2 * x**2 + 1.5 * x * y + 1.5 * y**2 + y))
    exact = [np.sqrt((density * axis**2).sum() / density.sum()) for axis in (x, y)]
    np.testing.assert_allclose(deviations(matrix, gradient, below, above)[0], exact, rtol=0.15)


def test_fixed_entries_are_certain_and_free_the_others(rng):
    matrix = some_matrix(rng)
    below, above = open_ended(matrix)
    below[:, 2] = above[:, 2] = 0
    found = deviations(matrix, torch.ones(5, 6) * torch.tensor([0.0, 0, 9, 0, 0, 0]), below, above)
    kept = [0, 1, 3, 4, 5]
    rest = torch.linalg.inv(matrix[:, kept][:, :, kept])
    assert (found[:, 2] == 0).all()
    torch.testing.assert_close(found[:, kept], torch.diagonal(rest, dim1=1, dim2=2).sqrt())


def test_all_at_their_bounds():
    matrix = torch.eye(3).expand(1, -1, -1) * 4
    found = deviations(matrix, torch.tensor([[1.0, 2, 3]]), torch.zeros(1, 3), torch.full((1, 3), 3.0))
    assert ((found > 0) & (found < 0.5)).all() and (found.diff() < 0).all()


def test_a_row_that_is_no_minimum_is_nan_and_alone_in_it(rng):
    matrix = some_matrix(rng)
    whole = deviations(matrix, torch.zeros(5, 6), *open_ended(matrix))
    for poison in (-torch.eye(6), torch.full((6, 6), torch.nan)):
        broken = matrix.clone()
        broken[3] = poison
        found = deviations(broken, torch.zeros(5, 6), *open_ended(matrix))
        assert found[3].isnan().all()
        assert torch.equal(np.delete(found, 3, 0), np.delete(whole, 3, 0))


@pytest.mark.parametrize("frames", LENGTHS)
def test_groups_are_as_their_dense_matrix(frames):
    arrow, whole = some_arrow(frames)
    below, above = open_ended(whole)
    gradient = torch.zeros_like(below)
    torch.testing.assert_close(
        joint_deviations(arrow, gradient, below, above), deviations(whole, gradient, below, above)
    )
    below[:, ::3], gradient[:, ::3] = 0, 0.5
    found, exact = joint_deviations(arrow, gradient, below, above), deviations(whole, gradient, below, above)
    inside = below < 0
    torch.testing.assert_close(found[inside], exact[inside])
    torch.testing.assert_close(found[~inside], exact[~inside], rtol=0.5, atol=0)


def test_of_a_fit_is_that_of_its_matrix():
    found = solve([Valley(torch.zeros(2, 9))], start(2), wide(2), iterations=50, tolerance=1e-7)
    inverse = torch.linalg.inv(found.quadratic.matrix.double())
    expected = torch.diagonal(inverse, dim1=1, dim2=2).sqrt()
    torch.testing.assert_close(solution_deviations(found, wide(2)), expected, rtol=1e-4, atol=1e-6)
