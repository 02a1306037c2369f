"""The step of a bounded least-squares problem: a box-constrained quadratic programme for every photo at once."""

import torch
from jaxtyping import Float32, Int8
from torch import Tensor
from torch.linalg import vecdot

ROUNDS = 12
"""Exchanges after which a step is clipped as it stands; the solver judges it by the energy, like any other."""

LOWER, FREE, UPPER = -1, 0, 1
"""Where an entry of the step is held."""


def bounded_step(
    matrix: Float32[Tensor, "b p p"],
    gradient: Float32[Tensor, "b p"],
    lower: Float32[Tensor, "b p"],
    upper: Float32[Tensor, "b p"],
) -> Float32[Tensor, "b p"]:
    """argmin gradient . d + d . matrix d / 2 over lower <= d <= upper, for positive definite matrices.

    Block principal pivoting (Portugal, Judice and Vicente, "A comparison of block pivoting and interior-point
    algorithms for linear least squares problems with nonnegative variables", 1994): guess which entries are held at
    a bound, solve for the others, exchange all that turn out to be on the wrong side, until none is. Scaled to a unit
    diagonal first, since float32 must carry radians, pixels and standard deviations at once. Entries whose bounds are
    equal stay there. A row whose matrix is not positive definite comes back as NaN.
    """
    scale = torch.diagonal(matrix, dim1=1, dim2=2).rsqrt()
    matrix = matrix * scale[:, :, None] * scale[:, None, :]
    gradient, lower, upper = gradient * scale, lower / scale, upper / scale
    side = torch.zeros(gradient.shape, dtype=torch.int8, device=gradient.device)
    side[(upper <= 0) & (gradient < 0)] = UPPER
    side[(lower >= 0) & (gradient > 0) | (lower >= upper)] = LOWER
    step = torch.zeros_like(gradient)
    rows = torch.arange(len(step), device=step.device)
    for _ in range(ROUNDS):
        step[rows], exchanged = pivot(matrix[rows], gradient[rows], lower[rows], upper[rows], side[rows])
        wrong = (exchanged != side[rows]).any(1)
        side[rows] = exchanged
        rows = rows[wrong]
        if not len(rows):
            break
    return torch.clamp(step, lower, upper) * scale


def pivot(
    matrix: Float32[Tensor, "b p p"],
    gradient: Float32[Tensor, "b p"],
    lower: Float32[Tensor, "b p"],
    upper: Float32[Tensor, "b p"],
    side: Int8[Tensor, "b p"],
) -> tuple[Float32[Tensor, "b p"], Int8[Tensor, "b p"]]:
    """The step that is stationary in the free entries, and the sides that its mistakes suggest."""
    free = side == FREE
    held_at = torch.where(side == LOWER, lower, torch.where(side == UPPER, upper, 0.0))
    right = torch.where(free, -gradient - vecdot(matrix, held_at[:, None]), held_at)
    both_free = free[:, :, None] & free[:, None, :]
    system = torch.where(both_free, matrix, torch.diag_embed((~free).to(matrix.dtype)))
    factor, failed = torch.linalg.cholesky_ex(system)
    step = torch.cholesky_solve(right[:, :, None], factor)[..., 0]
    step = torch.where(failed[:, None] == 0, step, torch.nan)
    slope = gradient + vecdot(matrix, step[:, None])
    released = (lower < upper) & ((side == LOWER) & (slope < 0) | (side == UPPER) & (slope > 0))
    exchanged = side.masked_fill(released, FREE)
    exchanged = exchanged.masked_fill(free & (step < lower), LOWER).masked_fill(free & (step > upper), UPPER)
    return step, exchanged
