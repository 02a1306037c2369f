"""The offsets that a landmark fit leaves in a photo, as `learn_landmarks` learnt to see them."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Float64, Int32, UInt8
from scipy.spatial.transform import Rotation

from models3d.camera import FLIP, Camera
from models3d.dense_features import CELL, PER_CELL, cell_features
from models3d.unwrap import Unwrap, unwrap

CLIP = 6.0
"""Features further from their mean than this many standard deviations count as that."""
SURER_AND_LESS_SURE = (-1.0, 1.5)
"""How far one photo's standard errors may be from the usual ones, as logarithms."""


class Regressor(NamedTuple):
    """Linear maps from standardised features x = clip((features - centre) * scale)."""

    centre: Float32[np.ndarray, " d"]
    scale: Float32[np.ndarray, " d"]
    offset: Float32[np.ndarray, "d outputs"]
    """Gives 2m offsets in mm, point by point."""
    offset_bias: Float32[np.ndarray, " outputs"]
    log_sigma: Float32[np.ndarray, "d outputs"]
    """Gives the logarithms of their standard errors."""
    log_sigma_bias: Float32[np.ndarray, " outputs"]


class LearntOffsets(NamedTuple):
    """Regressors of the offsets at m points of one face model.

    An offset is from where the fit has a point to where it is, in millimetres of the image plane at the head's
    distance, along the head's right and up as they are seen (`HeadAxes`).
    """

    model_digest: str
    vertices: Int32[np.ndarray, " m"]
    regressor: Regressor
    whitening: Float32[np.ndarray, "outputs outputs"]
    """Lower triangular: takes errors over their standard errors to independent ones of variance 1."""


class DetectorHabits(NamedTuple):
    """How a detector's 68 landmarks differ from the model's: it marks other places on the head, shows expressions more
    weakly than they are, and errs at many landmarks at once."""

    shift_mm: Float32[np.ndarray, "68 3"]
    """From the model's landmark to the place that the detector marks, in the head's frame."""
    gains_mm: Float32[np.ndarray, "68 3 k"]
    """What a standard deviation of each expression component adds to that."""
    whitening: Float32[np.ndarray, "136 136"]
    """Lower triangular: takes what is left, in mm as of an offset, to independent errors of variance 1."""


class LearntLandmarks(NamedTuple):
    """All that `learn_landmarks` learns of a model."""

    habits: DetectorHabits
    marked: LearntOffsets
    """Of fits to landmarks that stand where the model has them, but for noise: those of files."""
    detected: LearntOffsets
    """Of fits to the detector's landmarks, by its habits."""


class Offsets(NamedTuple):
    """What the regressor says of one photo."""

    offset_mm: Float32[np.ndarray, "m 2"]
    sigma_mm: Float32[np.ndarray, "m 2"]


class HeadAxes(NamedTuple):
    """How millimetres at the head lie in a picture."""

    right_and_up: Float64[np.ndarray, "2 2"]
    """Orthonormal rows, in the picture's axes: the head's right and up, as far as they are seen."""
    px_per_mm: float

    def to_mm(self, offset_px: Float[np.ndarray, "m 2"]) -> Float64[np.ndarray, "m 2"]:
        """Offsets in the picture as offsets at the head."""
        return offset_px @ self.right_and_up.T / self.px_per_mm

    def to_px(self, offset_mm: Float[np.ndarray, "m 2"]) -> Float64[np.ndarray, "m 2"]:
        """Inverse of `to_mm`."""
        return offset_mm @ self.right_and_up * self.px_per_mm


def head_axes(camera: Camera) -> HeadAxes:
    """The axes of one photo; up is where the head's own vertical points in the picture."""
    rotation = Rotation.from_rotvec(np.asarray(camera.rotation_rad, np.float64)).as_matrix()
    up = (FLIP @ rotation)[:2, 1]
    up = up / np.linalg.norm(up)
    return HeadAxes(np.array([[-up[1], up[0]], up]), float(camera.focal_px / camera.translation_mm[2]))


def photo_features(
    surface: Unwrap,
    camera: Camera,
    coefficients: Float32[np.ndarray, " k"],
    misses_px: Float[np.ndarray, "68 2"],
    side_px: float,
    image: UInt8[np.ndarray, "h w 3"],
) -> Float32[np.ndarray, " d"]:
    """All that the regressor sees of a photo: the unwrapped face, the fit, and what the fit left of the landmarks.

    coefficients  identity, then expression, of the fit
    misses_px     from the fitted landmarks to the photo's
    side_px       the photo's longer side
    """
    axes = head_axes(camera)
    lens = np.log([float(camera.focal_px) / side_px, axes.px_per_mm])
    cells = cell_features(unwrap(surface, coefficients, camera, image))
    parts = (cells, axes.to_mm(misses_px).ravel(), np.asarray(camera.rotation_rad), lens, coefficients)
    return np.concatenate(parts).astype(np.float32)


def share_seen(surface: Unwrap, features: Float32[np.ndarray, " d"]) -> float:
    """How much of the unwrapped face a photo shows, from its features."""
    rows, columns = surface.mean_mm.shape[:2]
    cells = (rows // CELL) * (columns // CELL)
    return float(features[PER_CELL - 1 : cells * PER_CELL : PER_CELL].mean())


def predict(regressor: Regressor, features: Float32[np.ndarray, " d"]) -> Offsets:
    """What the regressor says of one photo."""
    offset, log_sigma = predict_all(regressor, features)
    return Offsets(offset.reshape(-1, 2), np.exp(log_sigma).reshape(-1, 2))


def predict_all(
    regressor: Regressor, features: Float32[np.ndarray, "*n d"]
) -> tuple[Float32[np.ndarray, "*n outputs"], Float32[np.ndarray, "*n outputs"]]:
    """Offsets in mm and the logarithms of their standard errors."""
    x = standardised(regressor.centre, regressor.scale, features)
    log_sigma = regressor.log_sigma_bias + np.clip(x @ regressor.log_sigma, *SURER_AND_LESS_SURE)
    return x @ regressor.offset + regressor.offset_bias, log_sigma


def standardised(
    centre: Float32[np.ndarray, " d"], scale: Float32[np.ndarray, " d"], features: Float32[np.ndarray, "*n d"]
) -> Float32[np.ndarray, "*n d"]:
    """Features in standard deviations from their mean."""
    return np.clip((features - centre) * scale, -CLIP, CLIP)
