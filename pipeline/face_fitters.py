"""How photos are fitted, by the setting `fit_faces.dense`: what is looked at besides their landmarks."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from models3d.errors import InputError
from models3d.face_model import FaceModel
from models3d.fitting.dense_fit import dense_landmarks, fit_densely
from models3d.fitting.landmark_fit import LandmarkFit, LandmarkFitOptions, fit_landmarks
from models3d.fitting.landmark_term import LandmarkPoints, landmark_points
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


def face_fitter(model: FaceModel, inputs: Paths, settings: FitFaces) -> tuple[Fit, dict[str, str]]:
    """How the settings want photos fitted, and what a shard says of it.

    Raises InputError if what was learnt for it is not among the inputs, or was learnt of another model or fit.
    """
    points, options = landmark_points(model), landmark_fit_options(settings)
    if settings.dense == "none":
        return by_landmarks(model, points, options), {"dense": "none: fitted by landmarks alone"}
    if "learnt" not in inputs:
        problem = f"is '{settings.dense}', but no file of what was learnt for it is given"
        raise InputError("fit_faces.dense", problem, "set it to none")
    add = {"landmarks": by_dense_landmarks, "photometric": by_texture}[settings.dense]
    return add(model, points, options, inputs["learnt"], settings)


def by_landmarks(model: FaceModel, points: LandmarkPoints, options: LandmarkFitOptions) -> Fit:
    """Without a look at the photos."""
    return lambda batch: fit_landmarks(model, points, *batch.arrays, options)


def by_dense_landmarks(
    model: FaceModel, points: LandmarkPoints, options: LandmarkFitOptions, path: Path, settings: FitFaces
) -> tuple[Fit, dict[str, str]]:
    """With what `learn_landmarks` learnt of the model, by the kind of landmarks."""
    learnt, texts = read_learnt_landmarks(path)
    fit = json.dumps(asdict(options), sort_keys=True)
    if texts["fit"] != fit:
        problem = f"was learnt with the landmark fit {texts['fit']}, fit_faces has {fit}"
        raise InputError(path, problem, "learn it again with the settings of fit_faces")
    kinds = dense_landmarks(model, learnt)

    def fit_batch(batch: MarkedPhotos) -> LandmarkFit:
        own = kinds.marked if batch.from_files.all() else kinds.detected

        def read_photo(row: int) -> UInt8[np.ndarray, "h w 3"]:
            return read_indexed(batch.photos[row])

        return fit_densely(model, points, *batch.arrays, own, read_photo, options, settings.dense_weight)

    return fit_batch, {"dense": "landmarks", "dense_digest": texts["content_digest"]}


def by_texture(
    model: FaceModel, points: LandmarkPoints, options: LandmarkFitOptions, path: Path, settings: FitFaces
) -> tuple[Fit, dict[str, str]]:
    """With the texture that `learn_texture` learnt from the photos; without, if they were too few."""
    learnt = read_texture(path, model)
    if learnt.texture is None:
        return by_landmarks(model, points, options), {"dense": f"none: {learnt.reason}"}
    face = textured_face(model, learnt.texture, learnt.size_px)
    canonical = canonical_landmarks_px(model, learnt.size_px, learnt.face_scale)

    def fit_batch(batch: MarkedPhotos) -> LandmarkFit:
        def read_own_crop(row: int) -> Crop:
            return read_crop(batch, row, canonical, learnt.size_px)

        weight = settings.photometric_weight
        return fit_photometrically(model, points, *batch.arrays, face, read_own_crop, options, weight)

    return fit_batch, {"dense": "photometric", "dense_digest": learnt.digest}
