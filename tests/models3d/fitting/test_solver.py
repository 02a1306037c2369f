"""The solver on energies of its own: no faces."""

from typing import NamedTuple

import pytest
import torch

from models3d.fitting.energy import Quadratic
from models3d.fitting.solver import SETTLING, Bounds, solve
from models3d.fitting.state import CAMERA, State, values

COEFFICIENTS = 9


class Valley(NamedTuple):
    """Rosenbrock's valley in the first two coefficients, |p - goal|^2 in the others and a little of everything else."""

    goal: torch.Tensor

    def rows(self, index):
        return Valley(self.goal[index])

    def at(self, state):
        return self

    def residuals(self, place):
        a, b = place[:, CAMERA] - self.goal[:, 0] + 1, place[:, CAMERA + 1] - self.goal[:, 1] + 1
        return torch.cat([torch.stack([1 - a, 10 * (b - a**2)], 1), place[:, CAMERA + 2 :] - self.goal[:, 2:]], dim=1)

    def cost(self, state):
        return (self.residuals(values(state)) ** 2).sum(1) / 2

    def quadratic(self, state):
        place = values(state)
        jacobian = torch.autograd.functional.jacobian(lambda x: self.residuals(x).sum(0), place).movedim(1, 0)
        matrix = jacobian.mT @ jacobian + 1e-3 * torch.eye(place.shape[1])
        return Quadratic(self.cost(state), (jacobian.mT @ self.residuals(place)[..., None])[..., 0], matrix)


class Restless(NamedTuple):
    """A term whose correspondences never agree: wherever it stands, it is pulled to the other side."""

    def rows(self, index):
        return self

    def at(self, state):
        return Valley(torch.where(state.coefficients[:, :1] > 0, -4.0, 4.0) * torch.ones(1, COEFFICIENTS))


class Hopeless(NamedTuple):
    """An energy that promises descent and never keeps it."""

    def rows(self, index):
        return self

    def at(self, state):
        return self

    def cost(self, state):
        return torch.full((len(state.log_focal),), torch.nan)

    def quadratic(self, state):
        size = values(state).shape
        return Quadratic(torch.ones(size[0]), torch.ones(size), torch.eye(size[1]).expand(size[0], -1, -1))


def start(batch: int) -> State:
    still = torch.eye(3).repeat(batch, 1, 1), torch.tensor([[0.0, 0, 1]]).repeat(batch, 1), torch.zeros(batch)
    return State(*still, torch.zeros(batch, COEFFICIENTS))


def wide(batch: int) -> Bounds:
    return Bounds(*(torch.full((batch, CAMERA + COEFFICIENTS), side) for side in (-torch.inf, torch.inf)))


def test_finds_the_minimum_of_a_curved_valley():
    torch.manual_seed(0)
    goal = torch.randn(6, COEFFICIENTS) * 3
    found = solve([Valley(goal)], start(6), wide(6), iterations=100, tolerance=1e-7)
    assert found.converged.all()
    torch.testing.assert_close(found.state.coefficients, goal, atol=2e-2, rtol=0)
    assert 3 < found.iterations.max() < 60


def test_rows_end_when_they_are_done():
    goal = torch.zeros(2, COEFFICIENTS)
    goal[0, :2], goal[1, :2] = 1, 9  # the first starts at its minimum
    goal[0] += torch.tensor([0.0] * COEFFICIENTS)
    found = solve([Valley(goal)], start(2), wide(2), iterations=100, tolerance=1e-6)
    assert found.converged.all()
    assert found.iterations[0] < found.iterations[1]


def test_stays_within_bounds():
    goal = torch.full((1, COEFFICIENTS), 5.0)
    bounds = wide(1)
    bounds.upper[:, CAMERA + 2 :] = 2.5
    found = solve([Valley(goal)], start(1), bounds, iterations=100, tolerance=1e-7)
    assert found.converged.all()
    torch.testing.assert_close(found.state.coefficients[:, 2:], torch.full((1, COEFFICIENTS - 2), 2.5))
    torch.testing.assert_close(found.state.coefficients[:, :2], goal[:, :2], atol=2e-2, rtol=0)


def test_correspondences_that_never_agree_are_settled():
    found = solve([Restless()], start(1), wide(1), iterations=60, tolerance=1e-6)
    assert found.converged.all()
    assert found.iterations[0] > SETTLING


@pytest.mark.parametrize("iterations", [1, 2])
def test_says_so_when_it_runs_out_of_iterations(iterations):
    found = solve([Valley(torch.full((1, COEFFICIENTS), 5.0))], start(1), wide(1), iterations, tolerance=1e-6)
    assert not found.converged.any()
    assert found.iterations.tolist() == [iterations]


def test_gives_up_when_no_step_succeeds():
    found = solve([Hopeless()], start(2), wide(2), iterations=50, tolerance=1e-6)
    assert not found.converged.any()
    assert (found.iterations < 20).all()
    assert (found.state.coefficients == 0).all(), "no bad step was taken"
