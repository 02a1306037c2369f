"""Undoing the head's motion between two meshes of one face, so that it does not pass for expression.

Least squares over all vertices will not do: an opening jaw pulls the whole head along. On the sample it left 10 to 30 %
of the displacement wrong, the fit below 1 to 3 %.
"""

import numpy as np
from jaxtyping import Float, Float64

from models3d.rigid import Similarity, similarity

SCALES_MM = (4.0, 2.0, 1.0, 0.5, 0.25)
"""Of the residuals that count, from coarse to fine; the last is about a scan's noise."""
ROUNDS = 3
"""Of reweighting at each scale."""
SAMPLES = 4000
"""Vertices looked at, evenly spread over their numbers; more change nothing."""


def stable_motion(moved: Float[np.ndarray, "n 3"], still: Float[np.ndarray, "n 3"]) -> Similarity:
    """The rigid motion that brings `moved` onto `still` where it can: what moved by itself does not count.

    min over R, t of sum_i rho(|R x_i + t - y_i| / s) with rho(r) = r^2 / (1 + r^2) (Geman and McClure 1987), by
    iteratively reweighted least squares from the plain least-squares motion, s going through SCALES_MM. In mm; holds as
    long as more of the head rests than moves together in any other way.
    Raises UnusableDatum if all points coincide.
    """
    step = max(1, len(moved) // SAMPLES)
    source, target = (np.ascontiguousarray(points[::step], np.float64) for points in (moved, still))
    motion = similarity(source, target, scaled=False)
    rotation, translation = motion.rotation, motion.translation
    for scale in (scale for scale in SCALES_MM for _ in range(ROUNDS)):
        squared = np.square(source @ rotation.T + translation - target).sum(1)
        rotation, translation = _weighted(source, target, 1 / (1 + squared / scale**2) ** 2)
    return Similarity(motion.scale, rotation, translation)


def _weighted(
    source: Float64[np.ndarray, "n 3"], target: Float64[np.ndarray, "n 3"], weights: Float64[np.ndarray, " n"]
) -> tuple[Float64[np.ndarray, "3 3"], Float64[np.ndarray, "3"]]:
    """Rotation and translation of least weighted squares (Kabsch 1976)."""
    weights = weights / weights.sum()
    source_mean, target_mean = weights @ source, weights @ target
    u, _, vt = np.linalg.svd((target - target_mean).T @ ((source - source_mean) * weights[:, None]))
    rotation = (u * [1, 1, np.sign(np.linalg.det(u) * np.linalg.det(vt))]) @ vt
    return rotation, target_mean - rotation @ source_mean
