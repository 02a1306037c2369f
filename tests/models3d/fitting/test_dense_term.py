import numpy as np
import pytest
import torch

from models3d.fitting.dense_term import DenseTerm
from models3d.fitting.landmark_term import step_length
from models3d.fitting.points import PointEnergy
from models3d.fitting.state import CAMERA, State, move, rotation_of

POINTS = 16


@pytest.fixture
def state(template_model):
    torch.manual_seed(0)
    idle = step_length(template_model) - CAMERA
    return State(
        rotation_of(0.2 * torch.randn(3, 3)),
        torch.tensor([[5.0, -8, 700]]).repeat(3, 1),
        torch.full((3,), 6.0),
        torch.randn(3, idle),
    )


@pytest.fixture
def points(template_model, rng):
    length = step_length(template_model)
    vertices = rng.permutation(len(template_model.mean_mm))[:POINTS]
    basis = rng.normal(size=(POINTS, 3, length)).astype(np.float32)
    basis[..., :CAMERA] = 0
    return torch.as_tensor(template_model.mean_mm[vertices]), torch.as_tensor(basis)


@pytest.fixture
def term(points, rng):
    def draw(*shape: int) -> torch.Tensor:
        return torch.as_tensor(rng.normal(size=shape).astype(np.float32))

    whitening = torch.tril(draw(2 * POINTS, 2 * POINTS)) * 0.2 + torch.eye(2 * POINTS)
    return DenseTerm(*points, draw(3, POINTS, 2) * 20, draw(3, POINTS, 2, 2), whitening)


def test_equals_plain_points_where_errors_are_independent(state, points, rng):
    targets, sigma = torch.as_tensor(rng.normal(size=(3, POINTS, 2)).astype(np.float32) * 20), torch.tensor([1.0, 2, 3])
    own = torch.eye(2) / sigma[:, None, None, None]
    dense = DenseTerm(*points, targets, own.repeat(1, POINTS, 1, 1), torch.eye(2 * POINTS))
    plain = PointEnergy(*(part.expand(3, *part.shape) for part in points), targets, sigma)
    for a, b in zip(dense.quadratic(state), plain.quadratic(state), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-2)
    torch.testing.assert_close(dense.cost(state), plain.cost(state))


def test_cost_is_the_whitened_square_written_out(state, term):
    row = 1
    seen = term.seen(state).from_centre_px[row] - term.from_centre_px[row]
    standard = torch.stack([term.own[row, point] @ seen[point] for point in range(POINTS)]).flatten()
    expected = (term.whitening @ standard).square().sum() / 2
    torch.testing.assert_close(term.cost(state)[row], expected)


def test_gradient_is_the_slope(state, term):
    gradient = term.quadratic(state).gradient
    for entry in (0, 1, 2, 3, 4, 5, 6, CAMERA, CAMERA + 5):
        step = torch.zeros(3, gradient.shape[1])
        step[:, entry] = 2e-3
        slope = (term.cost(move(state, step)) - term.cost(move(state, -step))) / 4e-3
        torch.testing.assert_close(slope, gradient[:, entry], rtol=0.05, atol=0.02 * gradient.abs().max().item())


def test_rows_are_the_same_alone_byte_by_byte(state, term):
    whole = term.quadratic(state)
    for row in range(3):
        index = torch.tensor([row])
        alone = term.rows(index).quadratic(State(*(part[index] for part in state)))
        for a, b in zip(alone, whole, strict=True):
            assert a[0].numpy().tobytes() == b[row].numpy().tobytes()


def test_points_behind_the_camera_cost_infinity(state, term):
    behind = state._replace(translation_mm=state.translation_mm * torch.tensor([1.0, 1, -1]))
    assert torch.isinf(term.cost(behind)).all()
