"""Photos of people who appear more than once: one identity a person, by all that is known of each photo."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from models3d.face_model import FaceModel
from models3d.fitting.dense_fit import DenseKinds, ReadPhoto, look
from models3d.fitting.dense_term import DenseTerm
from models3d.fitting.detected_term import DetectorPoints
from models3d.fitting.energy import Term
from models3d.fitting.joint_fit import JointFit, JointFitOptions, fit_together
from models3d.fitting.landmark_fit import USABLE, LandmarkFit, LandmarkFitOptions, fit_landmarks
from models3d.fitting.landmark_term import LandmarkPoints


def fit_people(
    model: FaceModel,
    points: LandmarkPoints,
    landmarks_px: Float[np.ndarray, "n 68 2"],
    sizes_px: Float[np.ndarray, "n 2"],
    slides: Bool[np.ndarray, " n"],
    start: LandmarkFit,
    people: Sequence[Sequence[int]],
    options: LandmarkFitOptions,
    more: Sequence[Term] = (),
    detected: tuple[DetectorPoints, Bool[np.ndarray, " n"]] | None = None,
) -> JointFit:
    """Fit the photos of each person together, by landmarks (`fit_together`); every photo has a lens of its own."""
    joint = JointFitOptions(options, smoothness=0.0, one_camera=False)
    return fit_together(model, points, landmarks_px, sizes_px, slides, start, people, joint, more, detected)


def fit_people_densely(
    model: FaceModel,
    points: LandmarkPoints,
    landmarks_px: Float[np.ndarray, "n 68 2"],
    sizes_px: Float[np.ndarray, "n 2"],
    slides: Bool[np.ndarray, " n"],
    start: LandmarkFit,
    people: Sequence[Sequence[int]],
    options: LandmarkFitOptions,
    kinds: DenseKinds,
    from_files: Bool[np.ndarray, " n"],
    read_photo: ReadPhoto,
    weight: float,
) -> JointFit:
    """The same, by landmarks and dense landmarks. A person's photos may have landmarks of either kind.

    from_files  whose landmarks are a file's; those of the others are the detector's
    weight      as in `fit_densely`, and each photo is looked at as there: through its own landmark fit
    """
    terms: list[DenseTerm] = []
    for own, rows in ((kinds.marked, from_files), (kinds.detected, ~from_files)):
        seen = landmarks_px, sizes_px, slides
        coarse = fit_landmarks(model, points, *seen, options, detector=own.detector)
        usable = rows & np.array([status in USABLE for status in coarse.status], bool)
        terms.append(look(own, coarse, usable, landmarks_px, sizes_px, read_photo, weight, points.mean_mm.device)[0])
    detector = kinds.detected.detector
    assert detector is not None
    known = detector, ~from_files
    return fit_people(model, points, landmarks_px, sizes_px, slides, start, people, options, terms, known)
