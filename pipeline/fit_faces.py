"""Camera, identity and expression of every face whose landmarks are known."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int, UInt8
from tqdm import tqdm

from models3d.camera import pack
from models3d.errors import InputError
from models3d.face_model import FaceModel
from models3d.fitting.dense_fit import DenseKinds, dense_landmarks, fit_densely
from models3d.fitting.landmark_fit import REASONS, LandmarkFit, Status, fit_landmarks
from models3d.fitting.landmark_term import landmark_points
from models3d.landmarks import LandmarkSource
from models3d.readers.learnt_offsets_file import read_learnt_landmarks
from models3d.readers.native import read_native
from pipeline.files import Paths, Reject, check_rejects, write_rejects
from pipeline.fit_options import landmark_fit_options
from pipeline.images import read_indexed
from pipeline.photo_tables import Photo, read_index
from pipeline.provenance import provenance
from pipeline.settings.photos import FitFaces
from pipeline.shards import Shard, read_shard, write_shard

STAGE = "fit_faces"

USABLE = (Status.CONVERGED, Status.UNFINISHED)
"""A fit that ran out of iterations is still a fit: its residual decides."""


def run(inputs: Paths, outputs: Paths, settings: FitFaces) -> None:
    """Fit the model to the landmarks of `inputs["landmarks"]`; write `outputs["fits"]` and `outputs["rejects"]`.

    With the setting `dense: landmarks`, photos are also looked at, with what `inputs["dense"]` holds; which term was
    used stands in the shard's attributes.
    Raises InputError if more than `max_reject_rate` of the photos are rejects, or the dense landmarks do not suit.
    """
    model, found = read_native(inputs["model"]), read_shard(inputs["landmarks"], "landmarks")
    by_id = {photo.id: photo for photo in read_index(inputs["index"])}
    ids = found.text("id")
    dense, stated = dense_term(model, inputs, settings)
    fitted = fit_in_batches(model, dense, found, [by_id[name] for name in ids], settings)
    reasons = [
        why_unusable(Status(status), residual, settings.max_residual)
        for status, residual in zip(fitted["status"], fitted["residual"].tolist(), strict=True)
    ]
    rejects = [Reject(name, STAGE, why) for name, why in zip(ids, reasons, strict=True) if why]
    check_rejects(rejects, len(ids), settings.max_reject_rate, inputs["landmarks"])
    write_rejects(outputs["rejects"], rejects)
    kept = np.array([not why for why in reasons], bool)
    everything = {"id": np.array(ids, str), "landmarks_px": found["landmarks_px"], **fitted}
    attributes = provenance(
        STAGE, settings, model_digest=model.digest, landmarks_digest=found.attributes["content_digest"], **stated
    )
    write_shard(outputs["fits"], "fits", {name: array[kept] for name, array in everything.items()}, attributes)


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
    model: FaceModel, dense: DenseKinds | None, found: Shard, photos: list[Photo], settings: FitFaces
) -> dict[str, np.ndarray]:
    """The arrays of a `fits` shard for all photos, usable or not. The size of a batch changes no byte of them."""
    points, options = landmark_points(model), landmark_fit_options(settings)
    from_files = np.array([LandmarkSource(source) is LandmarkSource.FILE for source in found.text("source")], bool)
    slides = np.array([LandmarkSource(source).jaw_on_outline for source in found.text("source")], bool)
    sizes = np.array([(photo.width, photo.height) for photo in photos], float).reshape(-1, 2)
    batches, parts = batches_by_kind(from_files, settings.batch), []
    with tqdm(total=len(slides), desc=STAGE, unit="photo") as progress:
        for rows in batches:
            batch = model, points, found["landmarks_px"][rows], sizes[rows], slides[rows]
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
        "fitted_px": fit.landmarks_px,
        "residual": fit.residual,
        "status": np.array([str(status) for status in fit.status], str),
        "iterations": fit.iterations,
    }


def why_unusable(status: Status, residual: float, max_residual: float) -> str:
    """The reason to reject a fit, or nothing."""
    if status not in USABLE:
        return REASONS[status]
    if residual > max_residual:
        return f"the fit misses the landmarks by {residual:.3f} of the inter-ocular distance, more than {max_residual}"
    return ""
