import torch

from models3d.fitting.expression_prior import FACE_FREEDOM, UNIT_FREEDOM, ExpressionPrior, heavy_tailed
from models3d.fitting.state import CAMERA, State


def test_the_pull_on_one_unit_is_that_of_a_t():
    """weight p is the slope of the energy (nu + 1) / 2 log(1 + p^2 / (nu s^2)) with the scale that the face has."""
    p = torch.linspace(-3, 3, 60)[:, None].requires_grad_()
    of_face = (FACE_FREEDOM + 1) / (FACE_FREEDOM / 2.0 + p.detach() ** 2)
    energy = (UNIT_FREEDOM + 1) / 2 * torch.log(1 + of_face * p**2 / UNIT_FREEDOM)
    energy.sum().backward()
    torch.testing.assert_close(heavy_tailed(p.detach(), 2.0) * p.detach(), p.grad)


def test_a_face_that_moves_is_believed_more_than_one_that_hardly_does():
    still, moving = torch.full((1, 30), 0.05), torch.full((1, 30), 1.0)
    moving[0, 0] = still[0, 0]
    weights = heavy_tailed(torch.cat([still, moving]), 2.8)
    assert weights[0, 0] > 2 * weights[1, 0], "the same unit, on a face that moves"
    one = torch.full((1, 30), 0.05)
    one[0, 3] = 2.5
    alone = heavy_tailed(one, 2.8)[0]
    assert alone[3] < 0.3 * alone[4], "one strong unit among idle ones"


def test_only_its_own_entries_are_pulled():
    state = State(torch.eye(3)[None], torch.tensor([[0.0, 0, 700]]), torch.zeros(1), torch.ones(1, 9))
    prior = ExpressionPrior(1.5, CAMERA + 4, 3).rows(torch.tensor([0])).at(state)
    assert prior.weight.shape == (1, CAMERA + 9)
    assert (prior.weight[0] > 0).nonzero().flatten().tolist() == [CAMERA + 4, CAMERA + 5, CAMERA + 6]
    assert (prior.at(state).quadratic(state).gradient[0, CAMERA + 4 : CAMERA + 7] > 0).all()
