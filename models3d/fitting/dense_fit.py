"""Fitting by landmarks and dense landmarks: what `learn_landmarks` learnt to see in a photo through a landmark fit."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, UInt8
from torch import Tensor

from models3d.camera import Camera, project
from models3d.dense_layout import unwrap_surface
from models3d.errors import InputError
from models3d.face_model import FaceModel
from models3d.fitting.coarse_to_fine import Evidence, fit_twice
from models3d.fitting.dense_term import DenseTerm
from models3d.fitting.detected_term import DetectorPoints, detector_points
from models3d.fitting.landmark_fit import LandmarkFit, LandmarkFitOptions
from models3d.fitting.landmark_term import LandmarkPoints, vertex_rows
from models3d.fitting.state import CAMERA
from models3d.learnt_offsets import (
    LearntLandmarks,
    LearntOffsets,
    Offsets,
    head_axes,
    photo_features,
    predict,
    share_seen,
)
from models3d.unwrap import Unwrap

LEAST_SHOWN = 0.1
"""Share of the unwrapped face that a photo must show."""

ReadPhoto = Callable[[int], UInt8[np.ndarray, "h w 3"]]
"""Gives the photo of a row, so that one at a time is in memory; called in order, for photos with a usable fit."""


@dataclass(frozen=True, eq=False)
class DenseLandmarks:
    """What was learnt of a model for one kind of landmarks, ready for photos."""

    learnt: LearntOffsets
    detector: DetectorPoints | None
    """Of the detector's landmarks."""
    surface: Unwrap
    mean_mm: Float32[np.ndarray, "m 3"]
    basis_mm: Float32[np.ndarray, "m 3 p"]
    """By a step, as `LandmarkPoints.basis_mm`."""


class DenseKinds(NamedTuple):
    """What was learnt of a model, by where the landmarks come from."""

    marked: DenseLandmarks
    detected: DenseLandmarks


def dense_landmarks(model: FaceModel, learnt: LearntLandmarks, device: str = "cpu") -> DenseKinds:
    """Gather the model's rows at the learnt points. Raises InputError if they were learnt on another model."""
    for offsets in (learnt.marked, learnt.detected):
        if offsets.model_digest != model.digest:
            raise InputError(
                "dense landmarks",
                f"were learnt on a model with the digest {offsets.model_digest}, model {model.name} has {model.digest}",
                "learn them again on this model",
            )
    rows = unwrap_surface(model), *vertex_rows(model, learnt.marked.vertices)
    detector = detector_points(model, learnt.habits, device)
    return DenseKinds(DenseLandmarks(learnt.marked, None, *rows), DenseLandmarks(learnt.detected, detector, *rows))


def fit_densely(
    model: FaceModel,
    points: LandmarkPoints,
    landmarks_px: Float[np.ndarray, "b 68 2"],
    sizes_px: Float[np.ndarray, "b 2"],
    slides: Bool[np.ndarray, " b"],
    dense: DenseLandmarks,
    read_photo: ReadPhoto,
    options: LandmarkFitOptions,
    weight: float,
) -> LandmarkFit:
    """Fit by landmarks, then from there by landmarks and dense landmarks (`fit_twice`).

    dense       for the kind of landmarks that all these photos have
    options     of both fits; those with which the offsets were learnt (the caller sees to that)
    weight      of the squared whitened dense distances; 1 believes their learnt errors
    """

    def look_at(fit: LandmarkFit, usable: Bool[np.ndarray, " b"]) -> Evidence:
        term, shown = look(dense, fit, usable, landmarks_px, sizes_px, read_photo, weight, points.mean_mm.device)
        return Evidence(term, shown >= LEAST_SHOWN)

    return fit_twice(model, points, landmarks_px, sizes_px, slides, options, look_at, dense.detector)


def look(
    dense: DenseLandmarks,
    fit: LandmarkFit,
    usable: Bool[np.ndarray, " b"],
    landmarks_px: Float[np.ndarray, "b 68 2"],
    sizes_px: Float[np.ndarray, "b 2"],
    read_photo: ReadPhoto,
    weight: float,
    device: torch.device,
) -> tuple[DenseTerm, Float[np.ndarray, " b"]]:
    """What the dense landmarks say of the photos that have a usable fit, each seen through it, and how much of the
    face each shows. The others have no evidence, and show nothing."""
    targets = np.zeros((len(usable), len(dense.mean_mm), 2), np.float32)
    own, shown = np.zeros((*targets.shape, 2), np.float32), np.zeros(len(usable))
    for row in np.flatnonzero(usable):
        camera = Camera(*(part[row] for part in fit.camera))
        coefficients = np.concatenate([fit.identity[row], fit.expression[row]])
        misses_px, side = landmarks_px[row] - fit.landmarks_px[row], float(sizes_px[row].max())
        features = photo_features(dense.surface, camera, coefficients, misses_px, side, read_photo(int(row)))
        offsets = predict(dense.learnt.regressor, features)
        targets[row], own[row] = evidence(dense, camera, coefficients, offsets)
        targets[row] -= camera.centre_px
        shown[row] = share_seen(dense.surface, features)
    parts = dense.mean_mm, dense.basis_mm, targets, own, dense.learnt.whitening * np.float32(weight**0.5)
    return DenseTerm(*(_tensor(part, device) for part in parts)), shown


def evidence(
    dense: DenseLandmarks, camera: Camera, coefficients: Float32[np.ndarray, " k"], offsets: Offsets
) -> tuple[Float[np.ndarray, "m 2"], Float[np.ndarray, "m 2 2"]]:
    """Where a photo's points should be, in its pixels, and what takes a pixel of error to standard errors."""
    shape = dense.mean_mm + dense.basis_mm[..., CAMERA : CAMERA + len(coefficients)] @ coefficients
    axes = head_axes(camera)
    own = axes.right_and_up / (axes.px_per_mm * offsets.sigma_mm[..., None])
    return project(camera, shape.astype(np.float64)) + axes.to_px(offsets.offset_mm), own


def _tensor(array: np.ndarray, device: torch.device) -> Tensor:
    return torch.as_tensor(np.ascontiguousarray(array, np.float32), device=device)
