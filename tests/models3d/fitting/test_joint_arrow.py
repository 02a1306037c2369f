"""The arrow against the same matrix written out."""

import pytest
import torch

from models3d.fitting.bounded_step import Dense, bounded_minimum
from models3d.fitting.joint_arrow import Arrow, factorise

OWN, SHARED, GROUPS = 5, 3, 4
LENGTHS = (1, 2, 3, 4, 7)


def some_arrow(frames: int) -> tuple[Arrow, torch.Tensor]:
    """An arrow as least squares give it, and the same matrix from its definition."""
    torch.manual_seed(frames)
    jacobian = torch.randn(GROUPS, frames, 20, OWN + SHARED, dtype=torch.float64)
    normal = jacobian.mT @ jacobian
    weight = torch.rand(OWN, dtype=torch.float64) * 30
    bend = torch.zeros(max(frames - 2, 0), frames, dtype=torch.float64)
    for row in range(len(bend)):
        bend[row, row : row + 3] = torch.tensor([1.0, -2.0, 1.0])
    ties = bend.T @ bend
    following, second = (torch.zeros(GROUPS, frames, OWN, dtype=torch.float64) for _ in range(2))
    following[:, : frames - 1] = torch.diagonal(ties, 1)[:, None] * weight
    if frames > 2:
        second[:, : frames - 2] = torch.diagonal(ties, 2)[:, None] * weight
    own = normal[..., :OWN, :OWN] + torch.diag_embed(torch.diagonal(ties)[:, None] * weight)
    arrow = Arrow(own, following, second, normal[..., :OWN, OWN:], normal[..., OWN:, OWN:].sum(1))
    size = frames * OWN
    whole = torch.zeros(GROUPS, size + SHARED, size + SHARED, dtype=torch.float64)
    whole[:, :size, :size] = torch.kron(ties, torch.diag(weight))
    for frame in range(frames):
        at = slice(frame * OWN, (frame + 1) * OWN)
        whole[:, at, at] += normal[:, frame, :OWN, :OWN]
        whole[:, at, size:] = normal[:, frame, :OWN, OWN:]
        whole[:, size:, at] = whole[:, at, size:].mT
    whole[:, size:, size:] = arrow.shared
    return arrow, whole


@pytest.mark.parametrize("frames", LENGTHS)
def test_is_the_matrix_of_its_definition(frames):
    arrow, whole = some_arrow(frames)
    vector = torch.randn(whole.shape[:2], dtype=torch.float64)
    torch.testing.assert_close(arrow.dense(), whole)
    torch.testing.assert_close(arrow.diagonal(), torch.diagonal(whole, dim1=1, dim2=2))
    torch.testing.assert_close(arrow.product(vector), (whole @ vector[..., None])[..., 0])
    torch.testing.assert_close(arrow.scaled(vector).dense(), whole * vector[:, :, None] * vector[:, None])
    torch.testing.assert_close(arrow.rows(torch.tensor([2, 0])).dense(), whole[[2, 0]])


@pytest.mark.parametrize("frames", LENGTHS)
def test_solves_and_inverts_like_the_dense_matrix(frames):
    arrow, whole = some_arrow(frames)
    right = torch.randn(whole.shape[:2], dtype=torch.float64)
    free = torch.rand(right.shape) > 0.3
    torch.testing.assert_close(arrow.solved(free, right), Dense(whole).solved(free, right))
    inverse = torch.linalg.inv(whole)
    own, shared = factorise(arrow).covariance()
    torch.testing.assert_close(shared, inverse[:, -SHARED:, -SHARED:])
    for frame in range(frames):
        at = slice(frame * OWN, (frame + 1) * OWN)
        torch.testing.assert_close(own[:, frame], inverse[:, at, at])


@pytest.mark.parametrize("frames", LENGTHS)
@pytest.mark.parametrize("reach", [0.02, 0.0, float("inf")])
def test_the_bounded_minimum_is_that_of_the_dense_matrix(frames, reach):
    arrow, whole = some_arrow(frames)
    gradient = torch.randn(whole.shape[:2], dtype=torch.float64)
    upper = reach * (torch.rand_like(gradient) if reach < torch.inf else torch.ones_like(gradient))
    fast, slow = (bounded_minimum(system, gradient, -upper, upper) for system in (arrow, Dense(whole)))
    torch.testing.assert_close(fast, slow)
    slope = gradient + arrow.product(fast)  # the conditions of Karush, Kuhn and Tucker
    low, high = fast <= -upper + 1e-9, fast >= upper - 1e-9
    assert (slope[~low & ~high].abs() < 1e-9).all()
    assert (slope[low & ~high] > -1e-9).all() and (slope[high & ~low] < 1e-9).all()


def test_a_group_without_a_minimum_is_nan_and_alone_in_it():
    arrow, _ = some_arrow(4)
    free, right = torch.ones(GROUPS, 4 * OWN + SHARED, dtype=torch.bool), torch.ones(GROUPS, 4 * OWN + SHARED).double()
    whole = arrow.solved(free, right)
    for spoil in ("own", "shared", "border"):
        part = getattr(arrow, spoil).clone()
        part[1] = torch.nan
        broken = arrow._replace(**{spoil: part}).solved(free, right)
        assert broken[1].isnan().all()
        torch.testing.assert_close(broken[[0, 2, 3]], whole[[0, 2, 3]], rtol=0, atol=0)
