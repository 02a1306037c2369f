"""Groups on energies of their own: no faces."""

from typing import NamedTuple

import pytest
import torch
from scipy.optimize import lsq_linear

from models3d.fitting.energy import Quadratic
from models3d.fitting.joint_groups import ABSENT, Groups, joint_cost, joint_quadratic, second_differences
from models3d.fitting.joint_solver import solve_jointly
from models3d.fitting.solver import Bounds
from models3d.fitting.state import CAMERA, State, values

SHARED, OWN = 2, 3
LENGTH = CAMERA + SHARED + OWN


class Linear(NamedTuple):
    """|J x - t|^2 / 2 of every photo."""

    jacobian: torch.Tensor
    target: torch.Tensor

    def rows(self, index):
        return Linear(self.jacobian[index], self.target[index])

    def at(self, state):
        return self

    def residual(self, state):
        return (self.jacobian @ values(state)[..., None])[..., 0] - self.target

    def cost(self, state):
        return (self.residual(state) ** 2).sum(1) / 2

    def quadratic(self, state):
        gradient = (self.jacobian.mT @ self.residual(state)[..., None])[..., 0]
        return Quadratic(self.cost(state), gradient, self.jacobian.mT @ self.jacobian)


def some_photos(count: int) -> tuple[Linear, State, Bounds]:
    """Photos that say something of the camera too; all start at zero."""
    torch.manual_seed(count)
    jacobian = torch.randn(count, 20, LENGTH)
    jacobian[:, :, : CAMERA - 1] = 0
    jacobian = torch.cat([jacobian, torch.eye(CAMERA - 1, LENGTH).expand(count, -1, -1)], dim=1)
    still = torch.eye(3).repeat(count, 1, 1), torch.tensor([[0.0, 0, 1]]).repeat(count, 1), torch.zeros(count)
    lower, upper = torch.full((count, LENGTH), -torch.inf), torch.full((count, LENGTH), torch.inf)
    lower[:, CAMERA:], upper[:, CAMERA:] = -0.1, 0.3
    target = torch.cat([torch.randn(count, 20), torch.zeros(count, CAMERA - 1)], dim=1)
    return Linear(jacobian, target), State(*still, torch.zeros(count, SHARED + OWN)), Bounds(lower, upper)


def grouped(frames: list[list[int]], smoothness: float) -> Groups:
    own = [*range(CAMERA), *range(CAMERA + SHARED, LENGTH)]
    weight = torch.tensor([0.0] * CAMERA + [smoothness] * OWN)
    return Groups(torch.tensor(frames), torch.tensor(own), torch.arange(CAMERA, CAMERA + SHARED), weight)


def reference(term: Linear, frames: list[int], smoothness: float) -> torch.Tensor:
    """The bounded least squares of one group, written out: the shared entries, then every photo's own."""
    present = [frame for frame in frames if frame != ABSENT]
    columns = SHARED + len(present) * (1 + OWN)  # of the camera, only the focal length
    blocks, targets = [], []
    for place, frame in enumerate(present):
        block = torch.zeros(20, columns)
        at = SHARED + place * (1 + OWN)
        block[:, :SHARED] = term.jacobian[frame, :20, CAMERA : CAMERA + SHARED]
        block[:, at] = term.jacobian[frame, :20, CAMERA - 1]
        block[:, at + 1 : at + 1 + OWN] = term.jacobian[frame, :20, CAMERA + SHARED :]
        blocks.append(block)
        targets.append(term.target[frame, :20])
    for first in range(len(frames) - 2):
        if ABSENT in frames[first : first + 3]:
            continue
        block = torch.zeros(OWN, columns)
        for factor, frame in zip((1, -2, 1), frames[first : first + 3], strict=True):
            at = SHARED + present.index(frame) * (1 + OWN) + 1
            block[:, at : at + OWN] = factor * smoothness**0.5 * torch.eye(OWN)
        blocks.append(block)
        targets.append(torch.zeros(OWN))
    free = torch.tensor([False] * SHARED + [True, *[False] * OWN] * len(present))
    lower, upper = torch.where(free, -torch.inf, -0.1), torch.where(free, torch.inf, 0.3)
    system, right = torch.cat(blocks).double().numpy(), torch.cat(targets).double().numpy()
    found = lsq_linear(system, right, (lower.numpy(), upper.numpy()), method="bvls", tol=1e-12).x
    return torch.as_tensor(found, dtype=torch.float32)


@pytest.mark.parametrize("smoothness", [0.0, 50.0])
def test_equals_a_slow_reference(smoothness):
    term, state, bounds = some_photos(14)
    frames = [[3, 1, 0, 7, 8], [2, 4, ABSENT, ABSENT, ABSENT], [5, 6, ABSENT, 9, 10], [11, ABSENT, 12, 13, ABSENT]]
    groups = grouped(frames, smoothness)
    found = solve_jointly([term], state, bounds, groups, iterations=30, tolerance=1e-9)
    assert found.converged.all()
    for group in frames:
        slow, present = reference(term, group, smoothness), [frame for frame in group if frame != ABSENT]
        for place, frame in enumerate(present):
            at = SHARED + place * (1 + OWN)
            expected = torch.cat([slow[:SHARED], slow[at + 1 : at + 1 + OWN]])
            torch.testing.assert_close(found.state.coefficients[frame], expected, atol=2e-4, rtol=0)
            torch.testing.assert_close(found.state.log_focal[frame], slow[at], atol=2e-4, rtol=0)


def test_the_quadratic_is_that_of_the_cost():
    term, state, _ = some_photos(6)
    state = state._replace(coefficients=torch.randn(6, SHARED + OWN))
    groups = grouped([[0, 1, 2, 3], [4, 5, ABSENT, ABSENT]], 7.0)
    cost, gradient, arrow = joint_quadratic(groups, term.quadratic(state), values(state))
    torch.testing.assert_close(joint_cost(groups, term.cost(state), values(state)), cost)
    step = torch.randn_like(gradient) * 0.1
    step[1, 2 * (CAMERA + OWN) : 4 * (CAMERA + OWN)] = 0  # its missing frames
    own, shared = arrow.split(step)
    moved = values(state).double()
    for group, members in enumerate(([0, 1, 2, 3], [4, 5])):
        for place, photo in enumerate(members):
            moved[photo, groups.own] += own[group, place]
            moved[photo, groups.shared] += shared[group]
    residual = (term.jacobian.double() @ moved[..., None])[..., 0] - term.target
    after = joint_cost(groups, (residual**2).float().sum(1) / 2, moved.float())
    promised = cost + (gradient * step).sum(1) + (step * arrow.product(step)).sum(1) / 2
    torch.testing.assert_close(after, promised, rtol=1e-5, atol=1e-4)


def test_a_missing_frame_breaks_the_row():
    groups = grouped([[0, 1, ABSENT, 2, 3, 4]], 1.0)
    own = torch.rand(1, 6, CAMERA + OWN, dtype=torch.float64)
    bends = second_differences(groups, own)
    assert (bends[0, :3] == 0).all() and (bends[0, 3] != 0).all()


def test_groups_end_when_they_are_done_and_do_not_meet():
    term, state, bounds = some_photos(8)
    together = solve_jointly(
        [term], state, bounds, grouped([[0, 1, 2, 3], [4, 5, 6, 7]], 3.0), iterations=30, tolerance=1e-9
    )
    part = [term.rows(torch.arange(4, 8))]
    alone = solve_jointly(
        part, State(*(x[4:] for x in state)), Bounds(*(x[4:] for x in bounds)), grouped([[0, 1, 2, 3]], 3.0), 30, 1e-9
    )
    torch.testing.assert_close(together.state.coefficients[4:], alone.state.coefficients, rtol=0, atol=1e-6)


def test_a_hopeless_group_leaves_the_others_alone():
    term, state, bounds = some_photos(6)
    groups = grouped([[0, 1, 2], [3, 4, 5]], 3.0)
    good = solve_jointly([term], state, bounds, groups, iterations=30, tolerance=1e-9)
    term.target[1, 4] = torch.nan
    found = solve_jointly([term], state, bounds, groups, iterations=30, tolerance=1e-9)
    assert found.converged.tolist() == [False, True]
    assert (found.state.coefficients[:3] == 0).all(), "no bad step was taken"
    torch.testing.assert_close(found.state.coefficients[3:], good.state.coefficients[3:], rtol=0, atol=0)


def test_runs_out_of_iterations_and_holds_fixed_entries():
    term, state, bounds = some_photos(3)
    groups = grouped([[0, 1, 2]], 3.0)
    assert not solve_jointly([term], state, bounds, groups, iterations=1, tolerance=0.0).converged.any()
    held = Bounds(*(torch.where(torch.isfinite(side), 0.0, side) for side in bounds))
    found = solve_jointly([term], state, held, groups, iterations=30, tolerance=1e-6)
    assert found.converged.all() and (found.state.coefficients == 0).all()
