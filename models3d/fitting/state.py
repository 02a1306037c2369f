"""What a fit solves for: pose, focal length and coefficients of a batch of photos, and how a step moves them.

A step is a vector of p numbers a photo: the seven of `CAMERA_STEP`, then one a coefficient. Six of the
seven are tangent vectors at the current pose, so they start at zero each iteration and have no
bounds; the focal length and the coefficients have values and bounds.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float32
from torch import Tensor
from torch.nn.functional import pad

CAMERA_STEP = ("rx_rad", "ry_rad", "rz_rad", "tx_over_tz", "ty_over_tz", "log_tz", "log_focal")
"""First entries of a step: a rotation applied after the current one, in the head's axes before it turns;
the direction of the head's origin; the logarithms of its depth (so it stays in front) and of the focal length."""

FOCAL = CAMERA_STEP.index("log_focal")
CAMERA = len(CAMERA_STEP)


class State(NamedTuple):
    """Where the solver stands, b photos."""

    rotation: Float32[Tensor, "b 3 3"]
    """R of x_camera = FLIP R x_head + t (`models3d.camera`)."""
    translation_mm: Float32[Tensor, "b 3"]
    log_focal: Float32[Tensor, " b"]
    coefficients: Float32[Tensor, "b k"]
    """Identity, then expression, in standard deviations."""


def rows(state: State, index: Tensor) -> State:
    """Some of the photos: `index` holds their places or is a mask."""
    return State(*(part[index] for part in state))


def choose(mask: Tensor, first: State, second: State) -> State:
    """`first` where the mask (b,) is set, `second` elsewhere."""
    return State(*(torch.where(mask.view(-1, *[1] * (a.ndim - 1)), a, b) for a, b in zip(first, second, strict=True)))


def values(state: State) -> Float32[Tensor, "b p"]:
    """The state as a step from nothing: zero pose, then log focal and coefficients; what bounds and priors see."""
    return pad(torch.cat([state.log_focal[:, None], state.coefficients], dim=1), (FOCAL, 0))


def move(state: State, step: Float32[Tensor, "b p"]) -> State:
    """The state after a step."""
    direction = state.translation_mm[:, :2] / state.translation_mm[:, 2:] + step[:, 3:5]
    depth = state.translation_mm[:, 2:] * torch.exp(step[:, 5:6])
    return State(
        rotation=rotation_of(step[:, :3]) @ state.rotation,
        translation_mm=torch.cat([direction * depth, depth], dim=1),
        log_focal=state.log_focal + step[:, FOCAL],
        coefficients=state.coefficients + step[:, CAMERA:],
    )


def rotation_of(vector: Float32[Tensor, "b 3"]) -> Float32[Tensor, "b 3 3"]:
    """Rodrigues' formula, exp([w]x) = I + sinc(a) [w]x + (1 - cos a) / a^2 [w]x^2, a = |w|; exact at zero."""
    angle = vector.norm(dim=1)[:, None, None]
    x, y, z = vector.unbind(1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=1).view(-1, 3, 3)
    first = torch.sinc(angle / torch.pi)
    second = torch.sinc(angle / (2 * torch.pi)) ** 2 / 2
    return torch.eye(3, dtype=vector.dtype, device=vector.device) + first * cross + second * (cross @ cross)
