"""Camera, identity and expression of every face whose landmarks are known."""

import numpy as np
from jaxtyping import Float
from tqdm import tqdm

from models3d.camera import pack
from models3d.face_model import FaceModel
from models3d.fitting.landmark_fit import REASONS, LandmarkFit, LandmarkFitOptions, Status, fit_landmarks
from models3d.fitting.landmark_term import landmark_points
from models3d.landmarks import LandmarkSource
from models3d.readers.native import read_native
from pipeline.files import Paths, Reject, check_rejects, write_rejects
from pipeline.photo_tables import read_index
from pipeline.provenance import provenance
from pipeline.settings import FitFaces
from pipeline.shards import Shard, read_shard, write_shard

STAGE = "fit_faces"

USABLE = (Status.CONVERGED, Status.UNFINISHED)
"""A fit that ran out of iterations is still a fit: its residual decides."""


def run(inputs: Paths, outputs: Paths, settings: FitFaces) -> None:
    """Fit the model to the landmarks of `inputs["landmarks"]`; write `outputs["fits"]` and `outputs["rejects"]`.

    Raises InputError if more than `max_reject_rate` of the photos are rejects.
    """
    model, found = read_native(inputs["model"]), read_shard(inputs["landmarks"], "landmarks")
    sizes = {photo.id: (photo.width, photo.height) for photo in read_index(inputs["index"])}
    ids = found.text("id")
    fitted = fit_in_batches(model, found, np.array([sizes[name] for name in ids], float).reshape(-1, 2), settings)
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
        STAGE, settings, model_digest=model.digest, landmarks_digest=found.attributes["content_digest"]
    )
    write_shard(outputs["fits"], "fits", {name: array[kept] for name, array in everything.items()}, attributes)


def fit_in_batches(
    model: FaceModel, found: Shard, sizes_px: Float[np.ndarray, "n 2"], settings: FitFaces
) -> dict[str, np.ndarray]:
    """The arrays of a `fits` shard for all photos, usable or not. The size of a batch changes no byte of them."""
    points, believed = landmark_points(model), options(settings)
    slides = np.array([LandmarkSource(source).jaw_on_outline for source in found.text("source")], bool)
    parts = []
    with tqdm(total=len(slides), desc=STAGE, unit="photo") as progress:
        for start in range(0, max(len(slides), 1), settings.batch):
            rows = slice(start, start + settings.batch)
            fit = fit_landmarks(model, points, found["landmarks_px"][rows], sizes_px[rows], slides[rows], believed)
            parts.append(arrays(fit))
            progress.update(len(fit.status))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def options(settings: FitFaces) -> LandmarkFitOptions:
    """The settings as the fitter takes them."""
    return LandmarkFitOptions(
        landmark_sigma=settings.landmark_sigma,
        identity_weight=settings.identity_weight,
        expression_weight=settings.expression_weight,
        focal_ratio=settings.focal_ratio,
        focal_log_sigma=settings.focal_log_sigma if settings.focal == "solve" else 0.0,
        max_turn_rad=float(np.deg2rad(settings.max_turn_degrees)),
        iterations=settings.iterations,
    )


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
