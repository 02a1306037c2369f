"""Names for places on a face, by the nearest of its 68 landmarks."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from models3d.landmarks import LEFT_BROW, LEFT_EYE, NOSE_BRIDGE, NOSTRILS, RIGHT_BROW, RIGHT_EYE

REGIONS: Mapping[str, tuple[slice, ...]] = {
    "right_jaw": (slice(0, 6),),
    "chin": (slice(6, 11),),
    "left_jaw": (slice(11, 17),),
    "right_brow": (RIGHT_BROW,),
    "left_brow": (LEFT_BROW,),
    "nose": (NOSE_BRIDGE, NOSTRILS),
    "right_eye": (RIGHT_EYE,),
    "left_eye": (LEFT_EYE,),
    "upper_lip": (slice(49, 54), slice(61, 64)),
    "lower_lip": (slice(55, 60), slice(65, 68)),
    "right_corner": (slice(48, 49), slice(60, 61)),
    "left_corner": (slice(54, 55), slice(64, 65)),
}
"""Landmarks of each; left and right are the subject's, the corners those of the mouth."""


def region_of(point: Float[np.ndarray, "3"], landmarks: Float[np.ndarray, "68 3"]) -> str:
    """The region of the landmark nearest to a point."""
    nearest = int(np.linalg.norm(landmarks - point, axis=1).argmin())
    return next(name for name, slices in REGIONS.items() if any(part.start <= nearest < part.stop for part in slices))
