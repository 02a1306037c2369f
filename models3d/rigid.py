"""Similarity alignment of point sets in correspondence: Umeyama's closed form, in any dimension, batched."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from models3d.errors import UnusableDatum


class Similarity(NamedTuple):
    """y = scale * rotation x + translation."""

    scale: Float[np.ndarray, "*batch"]
    rotation: Float[np.ndarray, "*batch d d"]
    """Determinant +1: a mirrored set is turned, never mirrored back."""
    translation: Float[np.ndarray, "*batch d"]


def similarity(
    source: Float[np.ndarray, "*batch n d"], target: Float[np.ndarray, "*#batch n d"], scaled: bool = True
) -> Similarity:
    """The similarity that brings `source` closest to `target`: min sum_i |s R x_i + t - y_i|^2.

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns", 1991,
    eq. 40-43, in float64. With `scaled` false the scale stays 1 (a rigid motion).
    Raises UnusableDatum if the points of a source all coincide: it has no scale and no direction.
    """
    source, target = source.astype(np.float64), target.astype(np.float64)
    source_mean, target_mean = source.mean(-2), target.mean(-2)
    source, target = source - source_mean[..., None, :], target - target_mean[..., None, :]
    variance = np.asarray(np.square(source).sum((-2, -1)))
    return from_moments(np.swapaxes(target, -2, -1) @ source, variance, source_mean, target_mean, scaled)


def from_moments(
    covariance: Float[np.ndarray, "*batch d d"],
    variance: Float[np.ndarray, "*batch"],
    source_mean: Float[np.ndarray, "*batch d"],
    target_mean: Float[np.ndarray, "*#batch d"],
    scaled: bool = True,
) -> Similarity:
    """`similarity` of sets whose sums are known: sum_i y_i x_i' and sum_i |x_i|^2 about the means."""
    if not np.all(variance > 0):
        raise UnusableDatum("points that all coincide cannot be aligned")
    u, singular, vt = np.linalg.svd(covariance)
    signs = np.ones_like(singular)
    signs[..., -1] = np.sign(np.linalg.det(u) * np.linalg.det(vt))
    rotation = (u * signs[..., None, :]) @ vt
    scale = (singular * signs).sum(-1) / variance if scaled else np.ones_like(variance)
    moved_mean = scale[..., None] * (rotation @ source_mean[..., None])[..., 0]
    return Similarity(scale, rotation, target_mean - moved_mean)


def apply(motion: Similarity, points: Float[np.ndarray, "*batch n d"]) -> Float[np.ndarray, "*batch n d"]:
    """The points after the motion, in float64."""
    turned = points @ np.swapaxes(motion.rotation, -2, -1)
    return np.asarray(motion.scale)[..., None, None] * turned + motion.translation[..., None, :]


def matrix(motion: Similarity) -> Float[np.ndarray, "*batch d e"]:
    """[scale * rotation | translation], with d rows and e = d + 1 columns."""
    linear = np.asarray(motion.scale)[..., None, None] * motion.rotation
    return np.concatenate([linear, motion.translation[..., None]], axis=-1)
