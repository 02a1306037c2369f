"""Who a face is: smooth, mostly symmetric deformations of the mean head from a Gaussian process.

The kernel is a sum of Gaussians of several lengths, one of them confined to the middle of the face
(Luethi et al. 2018, "Gaussian Process Morphable Models": sums and products of kernels are kernels,
and k(x, y) + s k(x, My) prefers deformations that the mirror M keeps). A Nystroem sample of the vertices
makes it low-rank.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64
from scipy.linalg import block_diag

from models3d.face_model import Basis, basis_from_displacements

MIRROR = np.array([-1.0, 1.0, 1.0])
SYMMETRY = 0.92
"""How alike the two halves move: 1 is a mirror image."""
RANK = 80
"""Eigenpairs kept along each axis."""
BLOCK = 4096
"""Vertices at a time, which bounds the memory."""


class Scale(NamedTuple):
    """One term of the kernel."""

    sigma_mm: tuple[float, float, float]
    """Standard deviation along x, y, z."""
    reach_mm: float
    """Fades as a Gaussian of this width around the middle of the face; infinity reaches everywhere."""


LONGEST_MM = 100.0
SCALES = (
    Scale((5.2, 5.6, 5.2), np.inf),
    Scale((2.2, 2.2, 2.8), np.inf),
    Scale((0.9, 0.9, 1.6), 60.0),
    Scale((0.35, 0.45, 0.7), 45.0),
)
"""From LONGEST_MM down, each half as long as the one before."""
MIDDLE = np.array([0.0, 0.0, 110.0])
"""Of the face, in the template's axes: between nose and mouth."""


def identity_basis(
    vertices: Float[np.ndarray, "n 3"], count: int, samples: int, generator: np.random.Generator
) -> Basis:
    """The `count` strongest deformations of the process over the vertices, free of rigid motion.

    samples  vertices of the Nystroem approximation, drawn by the generator
    """
    points = np.asarray(vertices, np.float64)
    sample = points[generator.choice(len(points), samples, replace=False)]
    factors = _factors(points, sample)
    rigid = _rigid_motions(points)
    # the covariance of what is left of the process without rigid motion, R: F'F - (R'F)'(R'F)
    inside = np.concatenate([rigid[:, axis].T @ factors[axis] for axis in range(3)], axis=1)
    variances, turns = np.linalg.eigh(block_diag(*(factor.T @ factor for factor in factors)) - inside.T @ inside)
    turns = turns[:, np.argsort(variances, kind="stable")[::-1][:count]]
    modes = np.stack([factor @ turn for factor, turn in zip(factors, np.split(turns, 3), strict=True)], axis=1)
    modes = (modes - rigid @ (inside @ turns)).transpose(2, 0, 1)
    signs = np.where(modes.sum((1, 2)) < 0, -1.0, 1.0)
    return basis_from_displacements(modes * signs[:, None, None], tuple(f"identity_{i:03d}" for i in range(count)))


def kernel(x: Float64[np.ndarray, "n 3"], y: Float64[np.ndarray, "m 3"]) -> Float64[np.ndarray, "3 n m"]:
    """Covariance in mm^2 of the displacements at two sets of points, along each axis; the axes are independent.

    The mirror M turns displacements along x round, so there its term is subtracted.
    """
    total = np.zeros((3, len(x), len(y)))
    near = np.exp(-_squared(x, y) / LONGEST_MM**2)
    across = np.exp(-_squared(x, y * MIRROR) / LONGEST_MM**2)
    for scale in SCALES:
        fade_x, fade_y = (np.exp(-((p - MIDDLE) ** 2).sum(1) / (2 * scale.reach_mm**2)) for p in (x, y))
        fade = fade_x[:, None] * fade_y / (1 + SYMMETRY)
        even, odd = (near + SYMMETRY * across) * fade, (near - SYMMETRY * across) * fade
        for axis, sigma in enumerate(scale.sigma_mm):
            total[axis] += sigma**2 * (odd if axis == 0 else even)
        # a Gaussian of half the length is its fourth power
        near, across = near * near, across * across
        near, across = near * near, across * across
    return total


def _squared(x: Float64[np.ndarray, "n 3"], y: Float64[np.ndarray, "m 3"]) -> Float64[np.ndarray, "n m"]:
    return np.maximum((x**2).sum(1)[:, None] + (y**2).sum(1) - 2 * x @ y.T, 0)


def _factors(points: Float64[np.ndarray, "n 3"], sample: Float64[np.ndarray, "s 3"]) -> Float64[np.ndarray, "3 n r"]:
    """F along each axis, with F F' close to the covariance over all points (Nystroem).

    F = K_ns V / sqrt(e), of the sample's RANK strongest eigenpairs K_ss V = V e.
    """
    values, vectors = np.linalg.eigh(kernel(sample, sample))
    spread = vectors[:, :, -RANK:] / np.sqrt(values[:, None, -RANK:])
    blocks = [kernel(points[start : start + BLOCK], sample) @ spread for start in range(0, len(points), BLOCK)]
    return np.concatenate(blocks, axis=1)


def _rigid_motions(points: Float64[np.ndarray, "n 3"]) -> Float64[np.ndarray, "n 3 6"]:
    """An orthonormal basis of translations and small rotations. Scans are aligned before a basis is made of them."""
    centred = points - points.mean(0)
    turns = [np.cross(axis, centred) for axis in np.eye(3)]
    shifts = [np.broadcast_to(axis, centred.shape) for axis in np.eye(3)]
    flat = np.stack([field.reshape(-1) for field in turns + shifts], axis=1)
    return np.linalg.qr(flat)[0].reshape(len(points), 3, 6)
