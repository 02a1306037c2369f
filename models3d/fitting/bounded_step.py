"""The step of a bounded least-squares problem: a box-constrained quadratic programme for every row at once."""

from typing import NamedTuple, Protocol, TypeVar, runtime_checkable

import torch
from jaxtyping import Bool, Float, Float32, Int8
from torch import Tensor
from torch.linalg import vecdot

ROUNDS = 12
"""Exchanges after which a step is clipped as it stands; the solver judges it by the energy, like any other."""

LOWER, FREE, UPPER = -1, 0, 1
"""Where an entry of the step is held."""

Self = TypeVar("Self", bound="System")


@runtime_checkable
class System(Protocol):
    """A batch of symmetric positive definite matrices, however their structure lets them be kept and solved."""

    def diagonal(self) -> Float[Tensor, "b p"]: ...

    def scaled(self: Self, scale: Float[Tensor, "b p"]) -> Self:
        """S A S with S = diag(scale)."""
        ...

    def rows(self: Self, index: Tensor) -> Self:
        """Some of the matrices."""
        ...

    def product(self, vector: Float[Tensor, "b p"]) -> Float[Tensor, "b p"]:
        """A v."""
        ...

    def solved(self, free: Bool[Tensor, "b p"], right: Float[Tensor, "b p"]) -> Float[Tensor, "b p"]:
        """x with A x = right among the free entries, the others taken for zero there; x = right in the others.

        A row whose matrix is not positive definite comes back as NaN.
        """
        ...


class Dense(NamedTuple):
    """Matrices without structure."""

    matrix: Float[Tensor, "b p p"]

    def diagonal(self) -> Float[Tensor, "b p"]:
        return torch.diagonal(self.matrix, dim1=1, dim2=2)

    def scaled(self, scale: Float[Tensor, "b p"]) -> "Dense":
        return Dense(self.matrix * scale[:, :, None] * scale[:, None, :])

    def rows(self, index: Tensor) -> "Dense":
        return Dense(self.matrix[index])

    def product(self, vector: Float[Tensor, "b p"]) -> Float[Tensor, "b p"]:
        return vecdot(self.matrix, vector[:, None])

    def solved(self, free: Bool[Tensor, "b p"], right: Float[Tensor, "b p"]) -> Float[Tensor, "b p"]:
        both_free = free[:, :, None] & free[:, None, :]
        system = torch.where(both_free, self.matrix, torch.diag_embed((~free).to(self.matrix.dtype)))
        factor, failed = torch.linalg.cholesky_ex(system)
        solution = torch.cholesky_solve(right[:, :, None], factor)[..., 0]
        return torch.where(failed[:, None] == 0, solution, torch.nan)


def bounded_step(
    matrix: Float32[Tensor, "b p p"],
    gradient: Float32[Tensor, "b p"],
    lower: Float32[Tensor, "b p"],
    upper: Float32[Tensor, "b p"],
) -> Float32[Tensor, "b p"]:
    """`bounded_minimum` for matrices without structure."""
    return bounded_minimum(Dense(matrix), gradient, lower, upper)


def bounded_minimum(
    system: System,
    gradient: Float[Tensor, "b p"],
    lower: Float[Tensor, "b p"],
    upper: Float[Tensor, "b p"],
) -> Float[Tensor, "b p"]:
    """argmin gradient . d + d . A d / 2 over lower <= d <= upper, for the positive definite matrices A of a system.

    Block principal pivoting (Portugal, Judice and Vicente, "A comparison of block pivoting and interior-point
    algorithms for linear least squares problems with nonnegative variables", 1994): guess which entries are held at
    a bound, solve for the others, exchange all that turn out to be on the wrong side, until none is. Scaled to a unit
    diagonal first, since float32 must carry radians, pixels and standard deviations at once. Entries whose bounds are
    equal stay there. A row whose matrix is not positive definite comes back as NaN.
    """
    scale = system.diagonal().rsqrt()
    system = system.scaled(scale)
    gradient, lower, upper = gradient * scale, lower / scale, upper / scale
    side = torch.zeros(gradient.shape, dtype=torch.int8, device=gradient.device)
    side[(upper <= 0) & (gradient < 0)] = UPPER
    side[(lower >= 0) & (gradient > 0) | (lower >= upper)] = LOWER
    step = torch.zeros_like(gradient)
    rows = torch.arange(len(step), device=step.device)
    for _ in range(ROUNDS):
        step[rows], exchanged = pivot(system.rows(rows), gradient[rows], lower[rows], upper[rows], side[rows])
        wrong = (exchanged != side[rows]).any(1)
        side[rows] = exchanged
        rows = rows[wrong]
        if not len(rows):
            break
    return torch.clamp(step, lower, upper) * scale


def pivot(
    system: System,
    gradient: Float[Tensor, "b p"],
    lower: Float[Tensor, "b p"],
    upper: Float[Tensor, "b p"],
    side: Int8[Tensor, "b p"],
) -> tuple[Float[Tensor, "b p"], Int8[Tensor, "b p"]]:
    """The step that is stationary in the free entries, and the sides that its mistakes suggest."""
    free = side == FREE
    held_at = torch.where(side == LOWER, lower, torch.where(side == UPPER, upper, 0.0))
    right = torch.where(free, -gradient - system.product(held_at), held_at)
    step = system.solved(free, right)
    slope = gradient + system.product(step)
    released = (lower < upper) & ((side == LOWER) & (slope < 0) | (side == UPPER) & (slope > 0))
    exchanged = side.masked_fill(released, FREE)
    exchanged = exchanged.masked_fill(free & (step < lower), LOWER).masked_fill(free & (step > upper), UPPER)
    return step, exchanged
