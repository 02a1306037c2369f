"""Every loss against a literal reference in loops, and what each one does to the weights."""

import math

import numpy as np
import pytest
import torch

from pipeline.gan import losses
from pipeline.gan.losses import MODES, Weights

WEIGHTS = Weights(adv=30, gp=10, exp=1000, rec=10, gen=10, id=4, att=0.3, smooth=0)


@pytest.fixture
def random():
    return torch.Generator().manual_seed(3)


def images(random, count=3, channels=3):
    return torch.rand(count, channels, 8, 7, generator=random) * 2 - 1


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def literal_adversarial(mode: str, real: np.ndarray, fake: np.ndarray) -> float:
    real, fake = real.ravel().tolist(), fake.ravel().tolist()
    mean_real, mean_fake = sum(real) / len(real), sum(fake) / len(fake)
    if mode == "wgan_gp":
        return mean_fake - mean_real
    if mode == "ra_sigmoid":
        behind = sum(sigmoid(f - mean_real) for f in fake) / len(fake)
        return behind - sum(sigmoid(r - mean_fake) for r in real) / len(real)
    ahead = sum(math.log(sigmoid(r - mean_fake)) for r in real) / len(real)
    return -ahead - sum(math.log(1 - sigmoid(f - mean_real)) for f in fake) / len(fake)


@pytest.mark.parametrize("mode", MODES)
def test_adversarial_losses_are_the_printed_sums(mode, random):
    real, fake = (torch.randn(5, 1, 2, 2, generator=random) for _ in range(2))
    found = losses.critic_adversarial(mode, real, fake)
    assert float(found) == pytest.approx(literal_adversarial(mode, real.numpy(), fake.numpy()), abs=1e-5)
    expected = -fake.mean() if mode == "wgan_gp" else literal_adversarial(mode, fake.numpy(), real.numpy())
    assert float(losses.generator_adversarial(mode, real, fake)) == pytest.approx(float(expected), abs=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_the_players_pull_in_opposite_directions(mode, random):
    real, fake = (torch.randn(4, 1, 2, 2, generator=random) for _ in range(2))
    higher = fake + 0.5
    assert losses.critic_adversarial(mode, real, higher) > losses.critic_adversarial(mode, real, fake)
    assert losses.generator_adversarial(mode, real, higher) < losses.generator_adversarial(mode, real, fake)


def test_an_unknown_mode_is_refused(random):
    with pytest.raises(ValueError, match="no adversarial loss 'hinge'"):
        losses.critic_adversarial("hinge", torch.zeros(1, 1, 1, 1), torch.zeros(1, 1, 1, 1))


def test_the_penalty_is_of_the_norm_of_each_gradient(random):
    real, fake, mix = images(random), images(random), torch.rand(3, generator=random)
    weight = torch.randn(3, 8, 7, generator=random)

    def realness(x):
        return (x**2 * weight).sum((1, 2, 3), keepdim=True)

    expected = 0.0
    for r, f, m in zip(real, fake, mix, strict=True):
        gradient = 2 * (m * r + (1 - m) * f) * weight
        expected += (math.sqrt(float((gradient**2).sum())) - 1) ** 2 / 3
    found = losses.gradient_penalty(realness, real, fake, mix).detach()
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_the_penalty_reaches_the_critics_weights(random):
    scale = torch.tensor(2.0, requires_grad=True)
    real, fake, mix = images(random), images(random), torch.rand(3, generator=random)
    losses.gradient_penalty(lambda x: scale * x.sum((1, 2, 3), keepdim=True), real, fake, mix).backward()
    side = math.sqrt(3 * 8 * 7)
    assert float(scale.grad) == pytest.approx(2 * (2 * side - 1) * side, rel=1e-5)


def literal_l1(one, other):
    total = 0.0
    for a, b in zip(one, other, strict=True):
        for c in range(a.shape[0]):
            for y in range(a.shape[1]):
                for x in range(a.shape[2]):
                    total += abs(float(a[c, y, x]) - float(b[c, y, x]))
    return total / (len(one) * one.shape[2] * one.shape[3])


def test_picture_losses_are_divided_by_width_times_height(random):
    one, other = images(random), images(random)
    assert float(losses.cycle_loss(one, other)) == pytest.approx(literal_l1(one, other), abs=1e-5)
    assert float(losses.pair_loss(one, other)) == pytest.approx(literal_l1(one, other), abs=1e-5)
    assert float(losses.pair_loss(torch.ones(1, 3, 2, 2), -torch.ones(1, 3, 2, 2))) == 6


def test_a_soft_pair_loss_is_hubers(random):
    one, other = images(random), images(random)
    total = 0.0
    for d in (one - other).abs().flatten().tolist():
        total += d**2 / 0.8 if d < 0.4 else d - 0.2
    assert float(losses.pair_loss(one, other, 0.4)) == pytest.approx(total / (3 * 8 * 7), abs=1e-5)


def test_the_mask_loss_is_of_both_passes(random):
    first, second = images(random, channels=1).abs(), images(random, channels=1).abs()
    zero = torch.zeros_like(first)
    expected = literal_l1(first, zero) + literal_l1(second, zero)
    assert float(losses.mask_loss(first, second)) == pytest.approx(expected, abs=1e-5)


def test_smoothness_is_the_sum_of_squared_steps():
    mask = torch.tensor([[[[0.0, 1.0], [0.5, 0.5]]]])
    assert float(losses.mask_smoothness(mask)) == pytest.approx(0.25 + 0.25 + 1.0)


def test_expression_loss_is_over_n(random):
    p, q = torch.randn(4, 30, generator=random), torch.randn(4, 30, generator=random)
    expected = sum((float(p[b, n]) - float(q[b, n])) ** 2 for b in range(4) for n in range(30)) / 30 / 4
    assert float(losses.expression_loss(p, q)) == pytest.approx(expected, abs=1e-5)


def test_identity_loss_sees_directions_only(random):
    one, other = torch.randn(4, 16, generator=random), torch.randn(4, 16, generator=random)
    expected = (
        1 - sum(float(a @ b) / math.sqrt(float(a @ a) * float(b @ b)) for a, b in zip(one, other, strict=True)) / 4
    )
    assert float(losses.identity_loss(one, other)) == pytest.approx(expected, abs=1e-5)
    assert float(losses.identity_loss(one, 5 * one)) == pytest.approx(0, abs=1e-6)
    assert float(losses.identity_loss(one, -one)) == pytest.approx(2, abs=1e-6)


def test_the_totals_are_the_weighted_sums():
    critic = {"adv": torch.tensor(0.5), "gp": torch.tensor(0.2), "exp": torch.tensor(0.01)}
    assert float(losses.critic_total(critic, WEIGHTS)) == pytest.approx(30 * (0.5 + 10 * 0.2) + 1000 * 0.01)
    terms = {"adv": 0.5, "exp": 0.01, "rec": 0.2, "att": 1.0, "gen": 0.3, "id": 0.4}
    expected = 30 * 0.5 + 1000 * 0.01 + 10 * 0.2 + 0.3 * 1 + 10 * 0.3 + 4 * 0.4
    tensors = {name: torch.tensor(value) for name, value in terms.items()}
    assert float(losses.generator_total(tensors, WEIGHTS)) == pytest.approx(expected)
    without = {name: value for name, value in tensors.items() if name != "gen"}
    assert float(losses.generator_total(without, WEIGHTS)) == pytest.approx(expected - 3)
