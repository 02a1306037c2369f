"""What is learnt from: rendered people, fitted by noisy or detected landmarks, and where their points really are."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64, UInt8

from models3d.camera import Camera, project
from models3d.dense_layout import DenseLayout
from models3d.detector_habits import Detections
from models3d.errors import InputError
from models3d.face_model import FaceModel, synthesize
from models3d.fitting.detected_term import DetectorPoints
from models3d.fitting.landmark_fit import USABLE, LandmarkFit, LandmarkFitOptions, fit_landmarks, inter_ocular_mm
from models3d.fitting.landmark_term import LandmarkPoints
from models3d.learnt_offsets import head_axes, photo_features
from models3d.offset_regression import Examples
from models3d.training_faces import Casting, Shot, Studio, draw_people, photograph, studio

BATCH = 64
NOISE_SPREAD = (0.6, 1.4)
"""A file's landmarks are this much better or worse than their standard error says."""
LEAST_FOUND = 0.9
"""Share of the renders in which the detector must find a face."""

Detect = Callable[[UInt8[np.ndarray, "s s 3"]], Float32[np.ndarray, "68 2"] | None]
"""Gives the landmarks of the face in a picture, or None."""


class Batch(NamedTuple):
    """Pictures, and the truth about them. All points are in the pixels of the whole photo."""

    shots: list[Shot]
    camera: Camera
    expression: Float32[np.ndarray, "b k"]
    landmarks_px: Float64[np.ndarray, "b 68 2"]
    marked_px: Float64[np.ndarray, "b 68 2"]
    """As a file would have them: the same places on the head, with noise."""
    detected_px: Float64[np.ndarray, "b 68 2"]
    """As the detector has them; NaN where it finds no face."""
    dense_px: Float64[np.ndarray, "b m 2"]
    corner_px: Float64[np.ndarray, "b 2"]
    """Where in the photo the picture's top left corner lies."""


def take_batches(
    model: FaceModel,
    layout: DenseLayout,
    casting: Casting,
    landmark_sigma: float,
    detect: Detect,
    count: int,
    random_for: Callable[..., np.random.Generator],
) -> Iterator[Batch]:
    """So many renders, BATCH at a time.

    landmark_sigma  standard error of marked landmarks, as a share of the inter-ocular distance
    random_for      gives the generator of a batch by its number, and of the studio by its name
    """
    stage = studio(model, casting, random_for("studio"))
    for number, first in enumerate(range(0, count, BATCH)):
        people = min(BATCH, count - first)
        yield take_batch(stage, layout, casting, landmark_sigma, detect, people, random_for("batch", number))


def take_batch(
    stage: Studio,
    layout: DenseLayout,
    casting: Casting,
    landmark_sigma: float,
    detect: Detect,
    count: int,
    random: np.random.Generator,
) -> Batch:
    """Render people, mark them, and let the detector look for them."""
    model = stage.model
    people = draw_people(stage, casting, random, count)
    shots = [photograph(stage, person, casting, random) for person in people]
    camera = Camera(*(np.stack(part) for part in zip(*(shot.camera for shot in shots), strict=True)))
    middle = np.array([[shot.photo_px / 2] * 2 for shot in shots])
    corner = middle - camera.centre_px
    whole = camera._replace(centre_px=middle)
    landmarks, dense = (
        project(whole, np.stack([person.vertices_mm[ids] for person in people]).astype(np.float64))
        for ids in (model.landmarks, layout.vertices)
    )
    ocular_px = inter_ocular_mm(model) * camera.focal_px / camera.translation_mm[:, 2]
    sigma_px = landmark_sigma * ocular_px * random.uniform(*NOISE_SPREAD, len(people))
    noise = random.standard_normal(landmarks.shape) * sigma_px[:, None, None]
    detected = np.full_like(landmarks, np.nan)
    for row, shot in enumerate(shots):
        found = detect(shot.image)
        if found is not None:
            detected[row] = found + corner[row]
    expression = np.stack([person.expression for person in people])
    return Batch(shots, whole, expression, landmarks, landmarks + noise, detected, dense, corner)


def detections(model: FaceModel, batches: Sequence[Batch]) -> Detections:
    """What the detector made of the renders. Raises InputError if it finds too few of the faces."""

    def gather(part: Callable[[Batch], np.ndarray]) -> np.ndarray:
        return np.concatenate([part(batch) for batch in batches])

    detected = gather(lambda batch: batch.detected_px)
    found = np.isfinite(detected).all((1, 2))
    if found.mean() < LEAST_FOUND:
        raise InputError(
            f"model {model.name}",
            f"the detector finds a face in only {found.sum()} of {len(found)} of its renders",
            "check its landmarks and its unit, which must be the millimetre; without, set fit_faces.dense to none",
        )
    camera = Camera(*(np.concatenate(part)[found] for part in zip(*(batch.camera for batch in batches), strict=True)))
    parts = (gather(lambda batch: batch.expression), gather(lambda batch: batch.landmarks_px), detected)
    return Detections(camera, *(part[found] for part in parts))


def examples(
    model: FaceModel,
    points: LandmarkPoints,
    layout: DenseLayout,
    batch: Batch,
    detector: DetectorPoints | None,
    options: LandmarkFitOptions,
) -> Examples:
    """What fits of a batch leave: to its marked landmarks or, given the detector, to those that this has found.

    Renders whose landmarks cannot be fitted are left out.
    """
    landmarks = batch.marked_px if detector is None else batch.detected_px
    sides = np.array([shot.photo_px for shot in batch.shots])
    sizes, slides = np.repeat(sides[:, None], 2, axis=1), np.zeros(len(sides), bool)
    fit = fit_landmarks(model, points, landmarks, sizes, slides, options, detector=detector)
    seen = [row for row, status in enumerate(fit.status) if status in USABLE]
    rows = [example(model, layout, batch, landmarks[row], fit, row) for row in seen]
    return Examples(*(np.stack(column) for column in zip(*rows, strict=True)))


def example(
    model: FaceModel,
    layout: DenseLayout,
    batch: Batch,
    landmarks_px: Float64[np.ndarray, "68 2"],
    fit: LandmarkFit,
    row: int,
) -> tuple[Float32[np.ndarray, " d"], Float32[np.ndarray, "m 2"]]:
    """The features of one picture, and its offsets."""
    shot, identity, expression = batch.shots[row], fit.identity[row], fit.expression[row]
    camera = Camera(*(part[row] for part in fit.camera))
    in_picture = camera._replace(centre_px=camera.centre_px - batch.corner_px[row])
    misses = landmarks_px - fit.landmarks_px[row]
    coefficients = np.concatenate([identity, expression])
    features = photo_features(layout.surface, in_picture, coefficients, misses, shot.photo_px, shot.image)
    fitted = synthesize(model, identity, expression)[layout.vertices]
    offset_px = batch.dense_px[row] - project(camera, fitted.astype(np.float64))
    return features, head_axes(camera).to_mm(offset_px).astype(np.float32)
