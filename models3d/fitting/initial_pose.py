"""Where a fit starts: the camera in closed form, from the mean face's landmarks under weak perspective."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from models3d.camera import FLIP

LEAST_ASPECT = 0.3
"""An affine picture of a face squeezed more than this shows no face: points on a line, or in one place."""


class WeakPerspective(NamedTuple):
    """pixel - principal point = px_per_mm (FLIP R x).xy + offset_px, b photos."""

    rotation: Float[np.ndarray, "b 3 3"]
    px_per_mm: Float[np.ndarray, " b"]
    offset_px: Float[np.ndarray, "b 2"]
    sound: Bool[np.ndarray, " b"]
    """False where the pixels are no picture of a solid body, or not finite; the row's numbers then mean nothing."""


def weak_perspective(
    points_mm: Float[np.ndarray, "m 3"], from_centre_px: Float[np.ndarray, "b m 2"]
) -> WeakPerspective:
    """Pose by orthography and scaling (DeMenthon and Davis 1995), in closed form.

    from_centre_px  where the points are seen: pixel minus principal point

    Least squares for the affine camera A (2, 3) that takes the centred points to the centred pixels. The nearest
    scaled rotation, s U V' of A = U S V' with s the mean of S, gives the first two rows of FLIP R.
    """
    finite = np.isfinite(from_centre_px).all((1, 2))
    pixels = np.where(finite[:, None, None], from_centre_px, 0.0).astype(np.float64)
    points = points_mm.astype(np.float64)
    middle, pixel_middle = points.mean(0), pixels.mean(1)
    affine = np.swapaxes(pixels - pixel_middle[:, None], 1, 2) @ np.linalg.pinv(points - middle).T
    u, singular, vt = np.linalg.svd(affine, full_matrices=False)
    two_rows = u @ vt
    third = np.cross(two_rows[:, :1], two_rows[:, 1:])
    scale = singular.mean(1)
    return WeakPerspective(
        rotation=FLIP @ np.concatenate([two_rows, third], axis=1),
        px_per_mm=scale,
        offset_px=pixel_middle - scale[:, None] * (two_rows @ middle),
        sound=finite & (singular[:, 1] > LEAST_ASPECT * singular[:, 0]),
    )


def translation_mm(
    pose: WeakPerspective, points_mm: Float[np.ndarray, "m 3"], focal_px: Float[np.ndarray, " b"]
) -> Float[np.ndarray, "b 3"]:
    """The head's place in front of a perspective camera that sees the middle of the points at the pose's scale."""
    middle_z = -pose.rotation[:, 2] @ points_mm.mean(0)
    depth = focal_px / pose.px_per_mm - middle_z
    return np.concatenate([pose.offset_px / pose.px_per_mm[:, None], depth[:, None]], axis=1)
