"""What a landmark detector makes of a face model's landmarks, learnt where the truth is known.

A detector marks other places than the model's landmarks, shows some expressions more weakly than they are, and errs at
many landmarks at once. The first two are places on the head, so they turn with it; the rest is noise in the picture.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64
from scipy.linalg import solve
from scipy.spatial.transform import Rotation

from models3d.camera import FLIP, Camera
from models3d.learnt_offsets import DetectorHabits, head_axes
from models3d.offset_regression import shrunk_covariance

MISSED = 3.0
"""A face where the detector errs by so many times what is usual was not found: something else was."""
SHIFT_PENALTY, GAIN_PENALTY, DEPTH_PENALTY = 1.0, 20.0, 50.0
"""Of the squared mm of a shift, of a gain, and of either in depth, which only turned heads show; in mm^2 of error."""


class Detections(NamedTuple):
    """n faces of which everything is known, and where the detector has their landmarks."""

    camera: Camera
    expression: Float32[np.ndarray, "n k"]
    landmarks_px: Float[np.ndarray, "n 68 2"]
    """Of the model."""
    detected_px: Float[np.ndarray, "n 68 2"]


def learn_habits(found: Detections) -> DetectorHabits:
    """Ridge regression of the detector's offsets on the expression; covariance over faces that it does not know.

    For face i and landmark l, e_il = J_i (shift_l + gains_l expression_i) + noise along the head's axes, with J_i from
    the head's frame to the picture. The noise is judged by halves: each with what the other half says.
    """
    offsets, turned = offsets_mm(found)
    found_at_all = ~missed(offsets)
    offsets, turned, expression = offsets[found_at_all], turned[found_at_all], found.expression[found_at_all]
    rows = design(expression, turned)
    even = np.arange(len(rows)) % 2 == 0
    left = [
        offsets[other] - predicted(solved(rows[half], offsets[half]), rows[other])
        for half, other in ((even, ~even), (~even, even))
    ]
    covariance = shrunk_covariance(np.concatenate(left).reshape(len(rows), -1))
    places = solved(rows, offsets).astype(np.float32)
    whitening = np.linalg.inv(np.linalg.cholesky(covariance)).astype(np.float32)
    return DetectorHabits(places[..., 0], places[..., 1:], whitening)


def offsets_mm(found: Detections) -> tuple[Float64[np.ndarray, "n 68 2"], Float64[np.ndarray, "n 2 3"]]:
    """From the model's landmarks to the detector's, and what takes the head's frame to those axes."""
    cameras = [Camera(*(part[row] for part in found.camera)) for row in range(len(found.expression))]
    axes = [head_axes(camera) for camera in cameras]
    rotations = Rotation.from_rotvec(np.asarray(found.camera.rotation_rad, np.float64)).as_matrix()
    turned = np.stack([own.right_and_up for own in axes]) @ (FLIP @ rotations)[:, :2]
    offsets = found.detected_px - found.landmarks_px
    return np.stack([own.to_mm(row) for own, row in zip(axes, offsets, strict=True)]), turned


def missed(offsets: Float64[np.ndarray, "n 68 2"]) -> Bool[np.ndarray, " n"]:
    """Faces that the detector did not find, whatever it says."""
    error = np.sqrt(np.square(offsets - np.median(offsets, axis=0)).mean((1, 2)))
    return error > MISSED * np.median(error)


def design(
    expression: Float32[np.ndarray, "n k"], turned: Float64[np.ndarray, "n 2 3"]
) -> Float64[np.ndarray, "n 2 unknowns"]:
    """What the unknowns of a landmark (x, y, z of its shift and of each gain) do to its offset."""
    by_shift_and_gain = np.concatenate([np.ones((len(expression), 1)), expression], axis=1)
    return (by_shift_and_gain[:, None, :, None] * turned[:, :, None]).reshape(len(turned), 2, -1)


def solved(
    rows: Float64[np.ndarray, "n 2 unknowns"], offsets: Float64[np.ndarray, "n 68 2"]
) -> Float64[np.ndarray, "68 3 unknown_triples"]:
    """Shift, then gains, of each landmark."""
    penalty = np.full((rows.shape[2] // 3, 3), GAIN_PENALTY)
    penalty[0] = SHIFT_PENALTY
    penalty[:, 2] += DEPTH_PENALTY
    flat = rows.reshape(-1, rows.shape[2])
    targets = np.moveaxis(offsets, 2, 1).reshape(len(flat), -1)
    unknowns = solve(flat.T @ flat + np.diag(penalty.ravel()), flat.T @ targets, assume_a="pos")
    return np.transpose(unknowns.reshape(*penalty.shape, -1), (2, 1, 0))


def predicted(
    places: Float64[np.ndarray, "68 3 unknown_triples"], rows: Float64[np.ndarray, "n 2 unknowns"]
) -> Float64[np.ndarray, "n 68 2"]:
    """The offsets that shift and gains make."""
    unknowns = np.transpose(places, (2, 1, 0)).reshape(rows.shape[2], -1)
    return np.moveaxis(rows @ unknowns, 2, 1)
