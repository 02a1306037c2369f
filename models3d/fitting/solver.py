"""Bounded Levenberg-Marquardt over a batch of photos, each with its own damping and its own end.

Rows never meet: a photo gets the same numbers alone as in any batch. On the CPU even the same bytes, given
steps whose length is a multiple of `ALIGNMENT` (BLAS and LAPACK round differently off 64-byte boundaries).
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float32, Int32
from torch import Tensor

from models3d.fitting.bounded_step import bounded_step
from models3d.fitting.energy import Energy, Quadratic, Sum, Term
from models3d.fitting.state import State, choose, move, rows, values

ALIGNMENT = 16
"""float32 numbers in 64 bytes."""

FIRST_DAMPING, LEAST_DAMPING, MOST_DAMPING = 1e-3, 1e-6, 1e4
EASED, RAISED = 0.1, 10.0
"""What an accepted and a refused step do to the damping."""

NOISE = 1e-6
"""Relative error of an energy summed in float32: a step may raise it by that much."""


SETTLING = 6
"""Iterations after which correspondences stay as they are: a jaw line may else go to and fro between two outlines."""


class Bounds(NamedTuple):
    """Lowest and highest value of what a step changes; equal where it must not change."""

    lower: Float32[Tensor, "b p"]
    upper: Float32[Tensor, "b p"]


class Solution(NamedTuple):
    """Where the solver ended, photo by photo."""

    state: State
    settled: tuple[Energy, ...]
    """The terms as they stood at the end."""
    quadratic: Quadratic
    """The energy around the end, without damping: its matrix is the inverse covariance where no bound holds."""
    converged: Bool[Tensor, " b"]
    iterations: Int32[Tensor, " b"]


def solve(terms: Sequence[Term], state: State, bounds: Bounds, iterations: int, tolerance: float) -> Solution:
    """Minimise the sum of the terms within the bounds, from `state`.

    A photo has converged when a Gauss-Newton step promises to lower its energy by less than
    tolerance * (1 + energy). Energies are half sums of squared standard errors, so 1e-4 leaves each coefficient
    about 0.014 standard errors from the minimum. A photo ends without having converged after `iterations`, or
    when no damping makes a step succeed.
    """
    state = State(*(part.clone() for part in state))
    batch, device = len(state.rotation), state.rotation.device
    damping = torch.full((batch,), FIRST_DAMPING, device=device)
    converged = torch.zeros(batch, dtype=torch.bool, device=device)
    used = torch.zeros(batch, dtype=torch.int32, device=device)
    active = torch.arange(batch, device=device)
    for iteration in range(iterations):
        if not len(active):
            break
        if iteration == SETTLING:
            terms = [term.at(state) for term in terms]
        part = [term.rows(active) for term in terms]
        limits = Bounds(bounds.lower[active], bounds.upper[active])
        moved, damping[active], converged[active] = iterate(
            part, rows(state, active), limits, damping[active], tolerance
        )
        for whole, piece in zip(state, moved, strict=True):
            whole[active] = piece
        used[active] += 1
        active = active[~converged[active] & (damping[active] <= MOST_DAMPING)]
    settled = Sum(tuple(term.at(state) for term in terms))
    return Solution(state, settled.parts, settled.quadratic(state), converged, used)


def iterate(
    terms: Sequence[Term], state: State, bounds: Bounds, damping: Float32[Tensor, " b"], tolerance: float
) -> tuple[State, Float32[Tensor, " b"], Bool[Tensor, " b"]]:
    """One step of every photo: the state after it, the damping of the next, and who has converged."""
    energy = Sum(tuple(term.at(state) for term in terms))
    cost, gradient, matrix = energy.quadratic(state)
    diagonal = torch.diagonal(matrix, dim1=1, dim2=2)
    damped = matrix + torch.diag_embed(damping[:, None] * diagonal)
    place = values(state)
    step = bounded_step(damped, gradient, bounds.lower - place, bounds.upper - place)
    promised = -(step * (gradient + torch.linalg.vecdot(matrix, step[:, None]) / 2)).sum(1)
    trial = move(state, step)
    succeeded = energy.cost(trial) <= cost * (1 + NOISE)  # false for NaN
    converged = (promised.abs() <= tolerance * (1 + cost)) & (damping <= FIRST_DAMPING)  # even if rounding ate the gain
    eased = (damping * EASED).clamp(min=LEAST_DAMPING)
    return choose(succeeded, trial, state), torch.where(succeeded, eased, damping * RAISED), converged
