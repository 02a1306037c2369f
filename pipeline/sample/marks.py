"""Where an annotator marks a face's 68 landmarks: the jaw's on the outline that is seen, the others where they are."""

import numpy as np
from jaxtyping import Float, Float32, Int32

from models3d.landmarks import JAW

LEVEL_MM = 1.5
"""Vertices this much higher or lower than a landmark are level with it."""

CHIN = 8


def marks_px(
    mean_mm: Float32[np.ndarray, "n 3"], landmarks: Int32[np.ndarray, "68"], points_px: Float[np.ndarray, "n 2"]
) -> Float[np.ndarray, "68 2"]:
    """The landmarks of a head whose vertices are seen at `points_px`.

    On a turned face the jaw's landmarks are marked at the outline: of the vertices of the same half of the
    head that are level with the landmark on the mean head, and no further back, the one seen furthest out.
    """
    marked = points_px[landmarks].copy()
    for place in range(JAW.start, JAW.stop):
        own = mean_mm[landmarks[place]]
        if place == CHIN:
            continue
        side = np.sign(own[0])
        level = np.abs(mean_mm[:, 1] - own[1]) < LEVEL_MM
        candidates = np.flatnonzero(level & (mean_mm[:, 0] * side > 0) & (mean_mm[:, 2] >= own[2]))
        marked[place] = points_px[candidates[(points_px[candidates, 0] * side).argmax()]]
    return marked
