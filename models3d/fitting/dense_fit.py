"""Coarse to fine: fit the landmarks, look at the photo through that fit, fit again with dense landmarks too."""

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
from models3d.fitting.dense_term import DenseTerm
from models3d.fitting.detected_term import DetectorPoints, detector_points
from models3d.fitting.landmark_fit import LandmarkFit, LandmarkFitOptions, Status, fit_landmarks
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

USABLE = (Status.CONVERGED, Status.UNFINISHED)
"""Fits through which a photo can be looked at."""

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
    """Fit by landmarks (`fit_landmarks`), then from there by landmarks and dense landmarks.

    dense       for the kind of landmarks that all these photos have
    options     of both fits; those with which the offsets were learnt (the caller sees to that)
    weight      of the squared whitened dense distances; 1 believes their learnt errors

    A photo that the first fit could not fit, or that shows too little of the face, keeps that fit's numbers; the latter
    is marked as UNSEEN.
    """
    coarse = fit_landmarks(model, points, landmarks_px, sizes_px, slides, options, detector=dense.detector)
    usable = np.array([status in USABLE for status in coarse.status], bool)
    term, shown = look(dense, coarse, usable, landmarks_px, sizes_px, read_photo, weight, points.mean_mm.device)
    unseen = usable & (shown < LEAST_SHOWN)
    status = tuple(Status.UNSEEN if hidden else own for hidden, own in zip(unseen, coarse.status, strict=True))
    coarse, chosen = coarse._replace(status=status), usable & ~unseen
    start, more = rows_of(coarse, chosen), [term.rows(torch.as_tensor(np.flatnonzero(chosen)))]
    batch = landmarks_px[chosen], sizes_px[chosen], slides[chosen]
    fine = fit_landmarks(model, points, *batch, options, start, more, dense.detector)
    return merged(coarse, fine, chosen)


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


def rows_of(fit: LandmarkFit, chosen: Bool[np.ndarray, " b"]) -> LandmarkFit:
    """Some of the photos of a fit."""
    arrays = {name: getattr(fit, name)[chosen] for name in ARRAYS}
    status = tuple(status for status, kept in zip(fit.status, chosen, strict=True) if kept)
    return LandmarkFit(camera=Camera(*(part[chosen] for part in fit.camera)), status=status, **arrays)


def merged(coarse: LandmarkFit, fine: LandmarkFit, chosen: Bool[np.ndarray, " b"]) -> LandmarkFit:
    """The fine fit where there is one, the coarse one elsewhere; iterations of both count."""

    def put(old: np.ndarray, new: np.ndarray) -> np.ndarray:
        whole = old.copy()
        whole[chosen] = new
        return whole

    arrays = {name: put(getattr(coarse, name), getattr(fine, name)) for name in ARRAYS}
    arrays["iterations"] = coarse.iterations + put(np.zeros_like(coarse.iterations), fine.iterations)
    status = np.array(coarse.status, object)
    status[chosen] = fine.status
    camera = Camera(*(put(old, new) for old, new in zip(coarse.camera, fine.camera, strict=True)))
    return LandmarkFit(camera=camera, status=tuple(status), **arrays)


ARRAYS = ("identity", "expression", "landmarks_px", "expression_sigma", "residual", "iterations")


def _tensor(array: np.ndarray, device: torch.device) -> Tensor:
    return torch.as_tensor(np.ascontiguousarray(array, np.float32), device=device)
