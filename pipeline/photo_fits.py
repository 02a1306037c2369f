"""Photos whose landmarks are known, fitted as `fit_faces` says: what that stage and its calibration share."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, Int, UInt8
from tqdm import tqdm

from models3d.camera import pack
from models3d.errors import InputError
from models3d.face_model import FaceModel
from models3d.fitting.dense_fit import DenseKinds, dense_landmarks, fit_densely
from models3d.fitting.landmark_fit import LandmarkFit, fit_landmarks
from models3d.fitting.landmark_term import landmark_points
from models3d.landmarks import LandmarkSource
from models3d.readers.learnt_offsets_file import read_learnt_landmarks
from pipeline.files import Paths
from pipeline.fit_options import landmark_fit_options
from pipeline.images import read_indexed
from pipeline.photo_tables import Photo
from pipeline.settings.photos import FitFaces

STAGE = "fit_faces"


def dense_term(model: FaceModel, inputs: Paths, settings: FitFaces) -> tuple[DenseKinds | None, dict[str, str]]:
    """What the photos are looked at with, if they are, and what the shard says of it.

    Raises InputError if it is asked for and there is no file, or one learnt on another model or with another fit.
    """
    if settings.dense == "none":
        return None, {"dense": "none: fitted by landmarks alone"}
    if "dense" not in inputs:
        raise InputError("fit_faces.dense", f"is '{settings.dense}', but no such file is given", "set it to none")
    path = Path(inputs["dense"])
    learnt, texts = read_learnt_landmarks(path)
    fit = json.dumps(asdict(landmark_fit_options(settings)), sort_keys=True)
    if texts["fit"] != fit:
        raise InputError(
            path,
            f"was learnt with the landmark fit {texts['fit']}, fit_faces has {fit}",
            "learn it again with the settings of fit_faces",
        )
    return dense_landmarks(model, learnt), {"dense": "landmarks", "dense_digest": texts["content_digest"]}


def fit_in_batches(
    model: FaceModel,
    dense: DenseKinds | None,
    landmarks_px: Float32[np.ndarray, "n 68 2"],
    sources: Sequence[str],
    photos: Sequence[Photo],
    settings: FitFaces,
) -> dict[str, np.ndarray]:
    """The arrays of a `fits` shard for all photos, usable or not. The size of a batch changes no byte of them.

    sources  where the landmarks of each photo come from (`LandmarkSource`)
    """
    points, options = landmark_points(model), landmark_fit_options(settings)
    from_files = np.array([LandmarkSource(source) is LandmarkSource.FILE for source in sources], bool)
    slides = np.array([LandmarkSource(source).jaw_on_outline for source in sources], bool)
    sizes = np.array([(photo.width, photo.height) for photo in photos], float).reshape(-1, 2)
    batches, parts = batches_by_kind(from_files, settings.batch), []
    with tqdm(total=len(slides), desc=STAGE, unit="photo") as progress:
        for rows in batches:
            batch = model, points, landmarks_px[rows], sizes[rows], slides[rows]
            if dense is None:
                fit = fit_landmarks(*batch, options)
            else:
                own = dense.marked if from_files[rows].all() else dense.detected
                read = reader([photos[row] for row in rows])
                fit = fit_densely(*batch, own, read, options, settings.dense_weight)
            parts.append(arrays(fit))
            progress.update(len(fit.status))
    back = np.argsort(np.concatenate(batches))
    return {name: np.concatenate([part[name] for part in parts])[back] for name in parts[0]}


def batches_by_kind(from_files: Bool[np.ndarray, " n"], size: int) -> list[Int[np.ndarray, " b"]]:
    """Rows to fit together: of one kind of landmarks, `size` at most; one empty batch if there is none."""
    kinds = [np.flatnonzero(kind) for kind in (from_files, ~from_files)]
    batches = [kind[start : start + size] for kind in kinds for start in range(0, len(kind), size)]
    return batches or [np.arange(0)]


def reader(photos: list[Photo]) -> Callable[[int], UInt8[np.ndarray, "h w 3"]]:
    """Gives the photo of a row."""
    return lambda row: read_indexed(photos[row])


def arrays(fit: LandmarkFit) -> dict[str, np.ndarray]:
    """What a `fits` shard holds of a batch, but for its ids and landmarks."""
    return {
        "camera": pack(fit.camera),
        "identity": fit.identity,
        "expression": fit.expression,
        "expression_sigma": fit.expression_sigma,
        "fitted_px": fit.landmarks_px,
        "residual": fit.residual,
        "status": np.array([str(status) for status in fit.status], str),
        "iterations": fit.iterations,
    }
