"""Every loss of eqs. 5 to 14, each a scalar: the mean over the batch.

E[.] over the critic's realness is the mean over the batch and all patches. With several GPUs it is the mean over
one GPU's share of the batch.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cosine_similarity, huber_loss, logsigmoid

Realness = Float[Tensor, "b 1 u v"]
Images = Float[Tensor, "b c h w"]
Scalar = Float[Tensor, ""]

MODES = ("ra_sigmoid", "ra_bce", "wgan_gp")


class Weights(NamedTuple):
    """lambda of each term of eqs. 13 and 14; `gp` is inside eq. 5, so `adv` multiplies it too."""

    adv: float
    gp: float
    exp: float
    rec: float
    gen: float
    id: float
    att: float
    smooth: float
    """Of GANimation's mask smoothness; SliderGAN has none."""


def relative(one: Realness, other: Realness) -> Realness:
    """D(x) - E[D(y)]: how much more real x is than the other kind on average (Jolicoeur-Martineau, 2019)."""
    return one - other.mean()


def critic_adversarial(mode: str, real: Realness, fake: Realness) -> Scalar:
    """Eq. 5 without its penalty: what the critic lowers.

    ra_sigmoid  E[s(D(f) - E D(r))] - E[s(D(r) - E D(f))], s the sigmoid, as printed
    ra_bce      -E[log s(D(r) - E D(f))] - E[log(1 - s(D(f) - E D(r)))], of the relativistic average GAN
    wgan_gp     E[D(f)] - E[D(r)]
    """
    if mode == "wgan_gp":
        return fake.mean() - real.mean()
    ahead, behind = relative(real, fake), relative(fake, real)
    if mode == "ra_sigmoid":
        return behind.sigmoid().mean() - ahead.sigmoid().mean()
    if mode == "ra_bce":
        return -logsigmoid(ahead).mean() - logsigmoid(-behind).mean()
    raise ValueError(f"no adversarial loss '{mode}': one of {MODES}")


def generator_adversarial(mode: str, real: Realness, fake: Realness) -> Scalar:
    """Eq. 6: what the generator lowers; eq. 5 with real and generated changing places.

    The prose of the paper has the two players the wrong way round, eqs. 13 and 14 the right way.
    """
    return -fake.mean() if mode == "wgan_gp" else critic_adversarial(mode, fake, real)


def gradient_penalty(
    realness: Callable[[Images], Realness], real: Images, fake: Images, mix: Float[Tensor, " b"]
) -> Scalar:
    """E[(|grad D(x)| - 1)^2] of the raw critic at x = mix real + (1 - mix) fake (Gulrajani et al., 2017).

    The gradient is that of the sum over patches, its norm is over all channels and pixels of a picture.
    """
    share = mix[:, None, None, None]
    between = (share * real + (1 - share) * fake).detach().requires_grad_(True)
    [gradient] = torch.autograd.grad(realness(between).sum(), between, create_graph=True)
    return ((gradient.flatten(1).norm(dim=1) - 1) ** 2).mean()


def expression_loss(predicted: Float[Tensor, "b p"], params: Float[Tensor, "b p"]) -> Scalar:
    """Eq. 7 on real pictures (the critic learns p), eq. 8 on generated ones (the generator obeys): |p' - p|^2 / N."""
    return ((predicted - params) ** 2).mean()


def picture_l1(one: Images, other: Images) -> Scalar:
    """sum |x - y| over channels and pixels, divided by W x H as printed, so three times a mean over all numbers."""
    return (one - other).abs().sum(dim=1).mean()


def cycle_loss(again: Images, original: Images) -> Scalar:
    """Eq. 9: |G(G(I_org, p_trg), p_org) - I_org|_1 / (W H)."""
    return picture_l1(again, original)


def pair_loss(generated: Images, target: Images, softness: float = 0.0) -> Scalar:
    """Eq. 10: |I_gen - I_trg|_1 / (W H), for pairs only.

    softness  differences d below it cost d^2 / (2 softness), those above |d| - softness / 2, so that the many pixels
              that need no change do not outvote the few that do before the generator knows which; 0 as printed
    """
    if not softness:
        return picture_l1(generated, target)
    return (huber_loss(generated, target, reduction="none", delta=softness) / softness).sum(dim=1).mean()


def identity_loss(generated: Float[Tensor, "b e"], original: Float[Tensor, "b e"]) -> Scalar:
    """Eq. 11: 1 - cos(F(I_gen), F(I_org)); the printed fraction is upside down."""
    return (1 - cosine_similarity(generated, original, dim=1)).mean()


def mask_loss(first: Float[Tensor, "b 1 h w"], second: Float[Tensor, "b 1 h w"]) -> Scalar:
    """Eq. 12: (|G_m(I_org, p_trg)|_1 + |G_m(I_gen, p_org)|_1) / (W H)."""
    return first.abs().mean() + second.abs().mean()


def mask_smoothness(mask: Float[Tensor, "b 1 h w"]) -> Scalar:
    """GANimation's: squared differences of neighbours, summed over a picture (Pumarola et al., 2018, eq. 3)."""
    down, right = mask[:, :, 1:] - mask[:, :, :-1], mask[:, :, :, 1:] - mask[:, :, :, :-1]
    return ((down**2).sum() + (right**2).sum()) / len(mask)


def critic_total(terms: Mapping[str, Tensor], weights: Weights) -> Tensor:
    """Eq. 13: lambda_adv (L_adv + lambda_gp penalty) + lambda_exp L_exp."""
    return weights.adv * (terms["adv"] + weights.gp * terms["gp"]) + weights.exp * terms["exp"]


def generator_total(terms: Mapping[str, Tensor], weights: Weights) -> Tensor:
    """Eq. 14: the weighted sum of the terms there are; L_gen is missing where there are no pairs."""
    return torch.stack([getattr(weights, name) * value for name, value in terms.items()]).sum()
