"""Coarse to fine: fit the landmarks, look at the photos through those fits, fit again with what was seen."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float

from models3d.camera import Camera
from models3d.face_model import FaceModel
from models3d.fitting.detected_term import DetectorPoints
from models3d.fitting.energy import Term
from models3d.fitting.landmark_fit import USABLE, LandmarkFit, LandmarkFitOptions, Status, fit_landmarks
from models3d.fitting.landmark_term import LandmarkPoints

ARRAYS = ("identity", "expression", "landmarks_px", "expression_sigma", "residual", "iterations")


class Evidence(NamedTuple):
    """What photos say beyond their landmarks."""

    term: Term
    """Over all photos of the batch; without effect on those that were not looked at."""
    shown: Bool[np.ndarray, " b"]
    """Which of them show enough of a face."""


Look = Callable[[LandmarkFit, Bool[np.ndarray, " b"]], Evidence]
"""Looks at the photos of a batch whose landmark fit is usable, each through that fit."""


def fit_twice(
    model: FaceModel,
    points: LandmarkPoints,
    landmarks_px: Float[np.ndarray, "b 68 2"],
    sizes_px: Float[np.ndarray, "b 2"],
    slides: Bool[np.ndarray, " b"],
    options: LandmarkFitOptions,
    look: Look,
    detector: DetectorPoints | None = None,
) -> LandmarkFit:
    """Fit by landmarks (`fit_landmarks`), then from there by landmarks and what the photos show.

    That is enough to tell faces that move from those that hardly do: the second fit has the `ExpressionPrior`.
    A photo that the first fit could not fit, or that shows too little of the face, keeps that fit's numbers; the latter
    is marked as UNSEEN.
    """
    coarse = fit_landmarks(model, points, landmarks_px, sizes_px, slides, options, detector=detector)
    usable = np.array([status in USABLE for status in coarse.status], bool)
    evidence = look(coarse, usable)
    unseen = usable & ~evidence.shown
    status = tuple(Status.UNSEEN if hidden else own for hidden, own in zip(unseen, coarse.status, strict=True))
    coarse, chosen = coarse._replace(status=status), usable & evidence.shown
    start, more = rows_of(coarse, chosen), [evidence.term.rows(torch.as_tensor(np.flatnonzero(chosen)))]
    batch = landmarks_px[chosen], sizes_px[chosen], slides[chosen]
    fine = fit_landmarks(model, points, *batch, replace(options, heavy_tailed=True), start, more, detector)
    return merged(coarse, fine, chosen)


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
