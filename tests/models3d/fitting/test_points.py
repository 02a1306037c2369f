import numpy as np
import torch

from models3d.camera import Camera, project
from models3d.fitting.energy import Prior, Sum
from models3d.fitting.points import PointEnergy, projection_jacobian, see
from models3d.fitting.state import CAMERA, State, move, rotation_of, values

BATCH, POINTS, COEFFICIENTS = 3, 7, 9
VECTORS = torch.tensor([[0.0, 0, 0], [0.2, -0.7, 0.1], [-0.3, 0.5, 1.0]])


def some_state() -> State:
    torch.manual_seed(1)
    return State(
        rotation_of(VECTORS),
        torch.tensor([[0.0, 0, 500], [30, -20, 700], [-80, 40, 400]]),
        torch.log(torch.tensor([400.0, 900, 300])),
        torch.randn(BATCH, COEFFICIENTS),
    )


def some_energy() -> PointEnergy:
    torch.manual_seed(2)
    basis = torch.zeros(BATCH, POINTS, 3, CAMERA + COEFFICIENTS)
    basis[..., CAMERA:] = torch.randn(BATCH, POINTS, 3, COEFFICIENTS) * 3
    return PointEnergy(
        torch.randn(BATCH, POINTS, 3) * 50, basis, torch.randn(BATCH, POINTS, 2) * 30, torch.tensor([1.5, 2, 4])
    )


def test_projects_like_the_camera_of_the_package():
    state, energy = some_state(), some_energy()
    shape = energy.mean_mm + torch.einsum("bmcp,bp->bmc", energy.basis_mm, values(state))
    centre = np.array([100.0, 50.0])
    camera = Camera(
        VECTORS.double().numpy(),
        state.translation_mm.double().numpy(),
        state.log_focal.exp().double().numpy(),
        np.tile(centre, (BATCH, 1)),
    )
    seen = see(state, energy.mean_mm, energy.basis_mm)
    expected = project(camera, shape.double().numpy())
    np.testing.assert_allclose(seen.from_centre_px + centre, expected, rtol=1e-4, atol=1e-2)


def test_jacobian_is_the_derivative_by_a_step():
    state, energy = some_state(), some_energy()

    def pixels(step):
        return see(move(state, step), energy.mean_mm, energy.basis_mm).from_centre_px.sum(0)  # rows do not meet

    by_autograd = torch.autograd.functional.jacobian(pixels, torch.zeros(BATCH, CAMERA + COEFFICIENTS))
    ours = projection_jacobian(state, see(state, energy.mean_mm, energy.basis_mm), energy.basis_mm)
    torch.testing.assert_close(ours, by_autograd.movedim(2, 0), rtol=1e-4, atol=1e-2)


def test_the_quadratic_is_that_of_the_cost():
    state = some_state()
    torch.manual_seed(4)
    prior = Prior(torch.rand(CAMERA + COEFFICIENTS), torch.randn(BATCH, CAMERA + COEFFICIENTS))
    prior.weight[: CAMERA - 1] = 0
    energy = Sum((some_energy(), prior))
    step = torch.zeros(BATCH, CAMERA + COEFFICIENTS, requires_grad=True)
    cost = energy.cost(move(state, step))
    cost.sum().backward()
    found = energy.quadratic(state)
    torch.testing.assert_close(found.cost, cost.detach())
    torch.testing.assert_close(found.gradient, step.grad, rtol=1e-3, atol=1e-1)
    jacobian = projection_jacobian(state, see(state, *energy.parts[0][:2]), energy.parts[0].basis_mm).flatten(1, 2)
    expected = jacobian.mT @ jacobian / energy.parts[0].sigma_px[:, None, None] ** 2 + torch.diag(prior.weight)
    torch.testing.assert_close(found.matrix, expected, rtol=1e-3, atol=1e-2)


def test_points_behind_the_camera_cost_infinity():
    state = some_state()
    behind = state._replace(translation_mm=state.translation_mm * torch.tensor([[1.0, 1, -1], [1, 1, 1], [1, 1, 1]]))
    assert some_energy().cost(behind).isinf().tolist() == [True, False, False]
