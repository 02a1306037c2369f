"""Photos whose landmarks are known, fitted as `fit_faces` says: what that stage and its calibration share."""

import numpy as np
from jaxtyping import Bool, Int
from tqdm import tqdm

from models3d.camera import pack
from models3d.fitting.landmark_fit import LandmarkFit
from pipeline.face_fitters import Fit
from pipeline.marked_photos import MarkedPhotos

STAGE = "fit_faces"


def fit_in_batches(fit: Fit, marked: MarkedPhotos, size: int) -> dict[str, np.ndarray]:
    """The arrays of a `fits` shard for all photos, usable or not. The size of a batch changes no byte of them."""
    batches, parts = batches_by_kind(marked.from_files, size), []
    with tqdm(total=len(marked.photos), desc=STAGE, unit="photo") as progress:
        for rows in batches:
            parts.append(arrays(fit(marked.rows(rows))))
            progress.update(len(rows))
    back = np.argsort(np.concatenate(batches))
    return {name: np.concatenate([part[name] for part in parts])[back] for name in parts[0]}


def batches_by_kind(from_files: Bool[np.ndarray, " n"], size: int) -> list[Int[np.ndarray, " b"]]:
    """Rows to fit together: of one kind of landmarks, `size` at most; one empty batch if there is none."""
    kinds = [np.flatnonzero(kind) for kind in (from_files, ~from_files)]
    batches = [kind[start : start + size] for kind in kinds for start in range(0, len(kind), size)]
    return batches or [np.arange(0)]


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
