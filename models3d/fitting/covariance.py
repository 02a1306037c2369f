"""How far a fitted coefficient may be from the truth: from the energy around the end of a fit, within the bounds.

Around its minimum the energy is half a squared Mahalanobis distance, so exp(-energy) is a normal density, cut off at
the bounds (Laplace's approximation of the posterior). Its matrix holds the camera and the identity too: inverting
all of it marginalises them, which is the Schur complement of what is asked for.

A coefficient at a bound is not certain: a lid that is fitted as just open may be a little closed. Leaving it out
(sigma 0) or ignoring the bound (sigma too wide) would both be wrong, so each coefficient gets the moments of its own
truncated normal: those inside given the others that are inside, those at a bound from their slope there.

What remains wrong (noise that is not white, shapes that the model lacks, several bounds at once) makes all
of these too small or too large alike: `models3d.label_errors` measures by how much.
"""

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from models3d.fitting.joint_arrow import Arrow, Factors, factorise, joined
from models3d.fitting.solver import Bounds, Solution
from models3d.fitting.state import values
from models3d.label_errors import AT_BOUND

NODES, WEIGHTS = np.polynomial.legendre.leggauss(48)
TAIL = 32.0
"""Where the energy has risen by this much, a density counts as zero."""


def solution_deviations(solution: Solution, bounds: Bounds) -> Float64[Tensor, "b p"]:
    """`deviations` of photos that were fitted each on its own."""
    place = values(solution.state)
    model = solution.quadratic
    return deviations(model.matrix, model.gradient, bounds.lower - place, bounds.upper - place)


def deviations(
    matrix: Float[Tensor, "b p p"],
    gradient: Float[Tensor, "b p"],
    below: Float[Tensor, "b p"],
    above: Float[Tensor, "b p"],
) -> Float64[Tensor, "b p"]:
    """Root mean square distance of each entry from where its fit ended, under exp(-energy) within the bounds.

    matrix, gradient  of the energy at the end, without damping (`solver.Solution.quadratic`)
    below, above      from the end down and up to the bounds (at most and at least 0); both 0 where it is fixed

    In float64: far more is known about where a face is seen than about how far away it is. NaN for a row
    whose matrix is not positive definite.
    """
    matrix, gradient, below, above = (part.double() for part in (matrix, gradient, below, above))
    free = (below < -AT_BOUND) & (above > AT_BOUND)
    scale = torch.diagonal(matrix, dim1=1, dim2=2).rsqrt()
    scale = torch.where(scale.isfinite(), scale, 1.0)  # an idle entry has nothing to scale
    unit = matrix * scale[:, :, None] * scale[:, None]
    both = free[:, :, None] & free[:, None]
    factor, failed = torch.linalg.cholesky_ex(torch.where(both, unit, torch.diag_embed((~free).double())))
    covariance = torch.cholesky_inverse(factor)
    reach = torch.where(free[:, :, None] & ~free[:, None], unit, 0.0)
    explained = (reach * (covariance @ reach)).sum(1)
    precision = torch.where(free, 1 / torch.diagonal(covariance, dim1=1, dim2=2), 1 - explained) / scale**2
    slope = torch.where(free, 0.0, gradient)
    found = root_mean_square(slope, precision, below, above)
    return torch.where(failed[:, None] == 0, found, torch.nan)


def root_mean_square(
    slope: Float64[Tensor, "*b"],
    precision: Float64[Tensor, "*b"],
    below: Float64[Tensor, "*b"],
    above: Float64[Tensor, "*b"],
) -> Float64[Tensor, "*b"]:
    """sqrt(E d^2) for the density exp(-slope d - precision d^2 / 2) over below <= d <= above, zero lying between them.

    By quadrature where the density is: the closed form subtracts tails of the normal that cancel far from its middle.
    """
    peak = torch.clamp(-slope / precision, below, above)
    steep = (slope + precision * peak).abs()
    width = (
        2 * TAIL / (steep + (steep**2 + 2 * TAIL * precision).sqrt())
    )  # the root of steep w + precision w^2 / 2 = TAIL
    low, high = torch.maximum(below, peak - width), torch.minimum(above, peak + width)
    nodes = torch.as_tensor((NODES + 1) / 2, device=slope.device)
    at = low[..., None] + (high - low)[..., None] * nodes
    energy = slope[..., None] * at + precision[..., None] * at**2 / 2
    density = torch.exp(energy.amin(-1, keepdim=True) - energy) * torch.as_tensor(WEIGHTS, device=slope.device)
    return ((density * at**2).sum(-1) / density.sum(-1)).sqrt()


def joint_deviations(
    arrow: Arrow, gradient: Float64[Tensor, "g n"], below: Float64[Tensor, "g n"], above: Float64[Tensor, "g n"]
) -> Float64[Tensor, "g n"]:
    """`deviations` for groups of photos (`joint_solver.JointSolution`), in time proportional to the frames.

    Entries at a bound get the precision that they have where no bound holds: knowing it for each of them with only the
    others held would take a solution for each.
    """
    free, moving = (below < -AT_BOUND) & (above > AT_BOUND), above > below
    inside, everywhere = (factorise(arrow.restricted(kept)) for kept in (free, moving))
    variance = torch.where(free, _variances(inside), _variances(everywhere))
    found = root_mean_square(torch.where(free, 0.0, gradient), 1 / variance, below, above)
    return torch.where((inside.sound & everywhere.sound)[:, None], found, torch.nan)


def _variances(factors: Factors) -> Float64[Tensor, "g n"]:
    own, shared = factors.covariance()
    return joined(torch.diagonal(own, dim1=2, dim2=3), torch.diagonal(shared, dim1=1, dim2=2))
