"""Smooth offsets over a face from offsets at its landmarks, so that lips and lids lie where the photo has them."""

import numpy as np
from jaxtyping import Float, Float32, Int32
from scipy import sparse
from scipy.sparse.linalg import splu

TENSION, PULL = 0.03, 2.0
"""Of the surface, against its stiffness of 1 (without it offsets overshoot), and of a landmark on it; 1 / mm^2."""
FADE_MM = 108.0
"""Far from all landmarks offsets fall by a factor of e over this way."""


def alignment_weights(
    vertices: Float[np.ndarray, "m 3"], triangles: Int32[np.ndarray, "t 3"], landmarks: Int32[np.ndarray, " l"]
) -> Float32[np.ndarray, "m l"]:
    """W of offsets = W d, where d are the offsets of the landmarks, vertices of the mesh.

    Each column minimises f' (L M^-1 L + tension L + tension M / fade^2) f + pull |f(landmarks) - e|^2 with the
    cotangent Laplacian L and the lumped areas M: a thin plate under tension on the surface (Botsch and Sorkine 2008),
    held down weakly. It runs along the surface: what moves the upper lip leaves the lower one alone.
    """
    stiffness, area = cotangent_laplacian(vertices, triangles)
    plate = (
        stiffness @ sparse.diags(1 / area) @ stiffness + TENSION * stiffness + sparse.diags(TENSION / FADE_MM**2 * area)
    )
    pull = sparse.coo_matrix((np.full(len(landmarks), PULL), (landmarks, landmarks)), plate.shape)
    right = np.zeros((len(vertices), len(landmarks)))
    right[landmarks, np.arange(len(landmarks))] = PULL
    # the matrix is symmetric and positive definite: no pivoting is needed, and ordering for symmetry is much faster
    factor = splu(
        (plate + pull).tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0, options={"SymmetricMode": True}
    )
    return factor.solve(right).astype(np.float32)


def cotangent_laplacian(
    vertices: Float[np.ndarray, "m 3"], triangles: Int32[np.ndarray, "t 3"]
) -> tuple[sparse.csc_matrix, Float[np.ndarray, " m"]]:
    """The stiffness matrix, positive semi-definite, and each vertex's third of its triangles' areas, mm^2.

    Pinkall and Polthier, "Computing discrete minimal surfaces and their conjugates", 1993.
    """
    count, points = len(vertices), vertices.astype(np.float64)
    area = np.full(count, 1e-6)
    stiffness = sparse.csc_matrix((count, count))
    for corner in range(3):
        at, left, right = (triangles[:, (corner + turn) % 3] for turn in range(3))
        u, v = points[left] - points[at], points[right] - points[at]
        double_area = np.maximum(np.linalg.norm(np.cross(u, v), axis=1), 1e-6)
        # clipped, since a sliver's would swamp every other
        weight = np.clip((u * v).sum(1) / double_area, 0.02, 20) / 2
        joined = sparse.coo_matrix((weight, (left, right)), (count, count)).tocsc()
        joined = joined + joined.T
        stiffness = stiffness + sparse.diags(np.asarray(joined.sum(1)).ravel()) - joined
        area += np.bincount(at, double_area / 6, minlength=count)
    return stiffness.tocsc(), area
