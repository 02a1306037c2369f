"""The part of a face that speech moves, as smooth weights over its vertices, and coefficients of what moves there."""

import numpy as np
from jaxtyping import Float, Float32
from scipy.spatial import cKDTree

from models3d.face_model import Basis, FaceModel

MOUTH, CHIN = slice(48, 68), slice(6, 11)
"""Landmarks of lips and chin: a jaw that opens moves both."""
LEVELS = 5
"""Rows of points between lower lip and chin, so that all of the chin is near one."""


def mouth_weights(model: FaceModel, inner_mm: float, outer_mm: float) -> Float32[np.ndarray, " n"]:
    """1 up to `inner_mm` from lips and chin as seen from the front, 0 from `outer_mm` on, a smooth step in between.

    Depth does not count: teeth and tongue behind the lips belong to the mouth whole, and would bend otherwise.
    """
    points = model.mean_mm[model.landmarks, :2]
    lips, chin = points[MOUTH], points[CHIN]
    below = lips[7:12]  # the lower lip's outline: right to left reversed, as iBUG goes round
    share = np.linspace(0, 1, LEVELS)[:, None, None]
    between = (below[::-1] + share * (chin - below[::-1])).reshape(-1, 2)
    distance, _ = cKDTree(np.concatenate([lips, between])).query(model.mean_mm[:, :2])
    along = np.clip((outer_mm - distance) / (outer_mm - inner_mm), 0, 1)
    return (along**2 * (3 - 2 * along)).astype(np.float32)


def speech_coefficients(speech: Basis, motion_mm: Float[np.ndarray, "*batch n 3"]) -> Float32[np.ndarray, "*batch k"]:
    """Coefficients, in standard deviations, of faces minus their neutral: p = U'd / sigma, U being orthonormal."""
    flat = motion_mm.reshape(*motion_mm.shape[:-2], -1)
    components = speech.components.reshape(len(speech), -1)
    return (flat @ components.T / speech.sigmas_mm).astype(np.float32)


def converted(
    coefficients: Float[np.ndarray, "*batch k"], held: Basis, wanted: Basis
) -> Float32[np.ndarray, "*batch j"]:
    """Coefficients of another speech basis on the same topology; fewer than it has stand for zeros behind."""
    count = coefficients.shape[-1]
    change = speech_coefficients(wanted, held.displacements_mm[:count])
    return (coefficients @ change).astype(np.float32)
