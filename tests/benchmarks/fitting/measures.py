"""How wrong a fit is."""

from typing import NamedTuple

import numpy as np

from models3d.face_model import FaceModel, synthesize


class Errors(NamedTuple):
    """One number a photo."""

    expression: np.ndarray
    """|estimated - true displacement| / |true displacement| over the face; 1 is what no expression scores."""
    correlation: np.ndarray
    """Cosine between the two displacement fields."""
    aligned_mm: np.ndarray
    """Mean vertex distance after the best similarity: the absolute size cannot be seen in one photo."""
    landmark_px: np.ndarray
    """Root mean square distance to the landmarks without noise."""


def displacement_errors(estimated: np.ndarray, true: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Relative error and cosine of displacement fields (b, n, 3)."""
    size = np.linalg.norm(true, axis=(1, 2))
    wrong = np.linalg.norm(estimated - true, axis=(1, 2)) / size
    cosine = np.einsum("bnd,bnd->b", estimated, true) / np.maximum(np.linalg.norm(estimated, axis=(1, 2)) * size, 1e-12)
    return wrong, cosine


def similarity_aligned_mm(estimated: np.ndarray, true: np.ndarray) -> float:
    """Mean distance of (n, 3) points after the least-squares similarity (Umeyama 1991)."""
    a, b = estimated - estimated.mean(0), true - true.mean(0)
    u, s, vt = np.linalg.svd(a.T @ b)
    sign = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
    scale = (s * sign).sum() / np.square(a).sum()
    return float(np.linalg.norm(scale * a @ (u * sign) @ vt - b, axis=1).mean())


def errors(model: FaceModel, identity, expression, landmarks_px, photos, face: slice | np.ndarray) -> Errors:
    """Of fits given as coefficients of `model`."""
    moved = synthesize(model, np.zeros((len(expression), 0)), expression)[:, face] - model.mean_mm[face]
    vertices = synthesize(model, identity, expression)[:, face]
    relative, cosine = displacement_errors(moved, photos.moved_mm)
    aligned = [
        similarity_aligned_mm(a, b)
        for a, b in zip(vertices.astype(float), photos.vertices_mm.astype(float), strict=True)
    ]
    off = np.sqrt(np.square(landmarks_px - photos.true_landmarks_px).sum(2).mean(1))
    return Errors(relative, cosine, np.array(aligned), off)
