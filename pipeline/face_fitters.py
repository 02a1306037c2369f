"""How photos are fitted, by the setting `fit_faces.dense`: what is looked at besides their landmarks."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from models3d.errors import InputError
from models3d.face_model import FaceModel
from models3d.fitting.dense_fit import ReadPhoto, dense_landmarks, fit_densely
from models3d.fitting.joint_fit import JointFit
from models3d.fitting.landmark_fit import LandmarkFit, LandmarkFitOptions, fit_landmarks
from models3d.fitting.landmark_term import LandmarkPoints, landmark_points
from models3d.fitting.person_fit import fit_people, fit_people_densely
from models3d.fitting.photometric_fit import fit_photometrically, textured_face
from models3d.fitting.texture_sites import Crop
from models3d.readers.learnt_offsets_file import read_learnt_landmarks
from pipeline.crops import canonical_landmarks_px
from pipeline.files import Paths
from pipeline.fit_options import landmark_fit_options
from pipeline.images import read_indexed
from pipeline.marked_photos import MarkedPhotos, read_crop
from pipeline.settings.photos import FitFaces
from pipeline.texture_file import read_texture

Fit = Callable[[MarkedPhotos], LandmarkFit]
"""Fits a batch of photos. All have landmarks of one kind: from files, or detected."""
FitTogether = Callable[[MarkedPhotos, LandmarkFit], JointFit]
"""Fits photos of one person with one identity, given their own fits."""


class FaceFitter(NamedTuple):
    """How photos are fitted."""

    alone: Fit
    together: FitTogether
    stated: dict[str, str]
    """What a shard says of it."""


def face_fitter(model: FaceModel, inputs: Paths, settings: FitFaces) -> FaceFitter:
    """How the settings want photos fitted.

    Raises InputError if what was learnt for it is not among the inputs, or was learnt of another model or fit.
    """
    points, options = landmark_points(model), landmark_fit_options(settings)
    if settings.dense == "none":
        return by_landmarks(model, points, options, "fitted by landmarks alone")
    if "learnt" not in inputs:
        problem = f"is '{settings.dense}', but no file of what was learnt for it is given"
        raise InputError("fit_faces.dense", problem, "set it to none")
    add = {"landmarks": by_dense_landmarks, "photometric": by_texture}[settings.dense]
    return add(model, points, options, inputs["learnt"], settings)


def by_landmarks(model: FaceModel, points: LandmarkPoints, options: LandmarkFitOptions, reason: str) -> FaceFitter:
    """Without a look at the photos."""

    def together(batch: MarkedPhotos, own: LandmarkFit) -> JointFit:
        return fit_people(model, points, *batch.arrays, own, [range(len(batch.photos))], options)

    def alone(batch: MarkedPhotos) -> LandmarkFit:
        return fit_landmarks(model, points, *batch.arrays, options)

    return FaceFitter(alone, together, {"dense": f"none: {reason}"})


def by_dense_landmarks(
    model: FaceModel, points: LandmarkPoints, options: LandmarkFitOptions, path: Path, settings: FitFaces
) -> FaceFitter:
    """With what `learn_landmarks` learnt of the model, by the kind of landmarks."""
    learnt, texts = read_learnt_landmarks(path)
    fit = json.dumps(asdict(options), sort_keys=True)
    if texts["fit"] != fit:
        problem = f"was learnt with the landmark fit {texts['fit']}, fit_faces has {fit}"
        raise InputError(path, problem, "learn it again with the settings of fit_faces")
    kinds = dense_landmarks(model, learnt)

    def reader(batch: MarkedPhotos) -> ReadPhoto:
        return lambda row: read_indexed(batch.photos[row])

    def alone(batch: MarkedPhotos) -> LandmarkFit:
        own = kinds.marked if batch.from_files.all() else kinds.detected
        return fit_densely(model, points, *batch.arrays, own, reader(batch), options, settings.dense_weight)

    def together(batch: MarkedPhotos, own: LandmarkFit) -> JointFit:
        return fit_people_densely(
            model,
            points,
            *batch.arrays,
            own,
            [range(len(batch.photos))],
            options,
            kinds,
            batch.from_files,
            reader(batch),
            settings.dense_weight,
        )

    return FaceFitter(alone, together, {"dense": "landmarks", "dense_digest": texts["content_digest"]})


def by_texture(
    model: FaceModel, points: LandmarkPoints, options: LandmarkFitOptions, path: Path, settings: FitFaces
) -> FaceFitter:
    """With the texture that `learn_texture` learnt from the photos; without, if they were too few. Photos of one person
    are fitted together by landmarks alone."""
    learnt = read_texture(path, model)
    if learnt.texture is None:
        return by_landmarks(model, points, options, learnt.reason)
    face = textured_face(model, learnt.texture, learnt.size_px)
    canonical = canonical_landmarks_px(model, learnt.size_px, learnt.face_scale)

    def fit_batch(batch: MarkedPhotos) -> LandmarkFit:
        def read_own_crop(row: int) -> Crop:
            return read_crop(batch, row, canonical, learnt.size_px)

        weight = settings.photometric_weight
        return fit_photometrically(model, points, *batch.arrays, face, read_own_crop, options, weight)

    together = by_landmarks(model, points, options, "").together
    return FaceFitter(fit_batch, together, {"dense": "photometric", "dense_digest": learnt.digest})
