"""Photos whose landmarks are known, fitted as `fit_faces` says: what that stage and its calibration share."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Int
from tqdm import tqdm

from models3d.camera import pack, unpack
from models3d.fitting.joint_fit import JointFit
from models3d.fitting.landmark_fit import LandmarkFit, Status
from pipeline.face_fitters import Fit, FitTogether
from pipeline.marked_photos import MarkedPhotos
from pipeline.photo_tables import Photo

STAGE = "fit_faces"
STATUS = f"U{max(map(len, Status))}"
"""Wide enough for any status."""


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


def with_shared_identities(
    fitted: Mapping[str, np.ndarray], marked: MarkedPhotos, usable: Bool[np.ndarray, " n"], together: FitTogether
) -> dict[str, np.ndarray]:
    """The arrays once the usable photos of each named person are fitted together; a person at a time, so that nobody
    changes a byte of another's."""
    whole = {name: array.copy() for name, array in fitted.items()}
    for rows in people_of(marked.photos, usable):
        own = LandmarkFit(
            camera=unpack(fitted["camera"][rows]),
            identity=fitted["identity"][rows],
            expression=fitted["expression"][rows],
            expression_sigma=fitted["expression_sigma"][rows],
            landmarks_px=fitted["fitted_px"][rows],
            residual=fitted["residual"][rows],
            status=tuple(Status(status) for status in fitted["status"][rows]),
            iterations=fitted["iterations"][rows],
        )
        found = arrays(together(marked.rows(rows), own))
        found["iterations"] = found["iterations"] + own.iterations
        for name, array in whole.items():
            array[rows] = found[name]
    return whole


def people_of(photos: Sequence[Photo], usable: Bool[np.ndarray, " n"]) -> list[Int[np.ndarray, " f"]]:
    """The rows of each person of whom two photos or more are usable."""
    rows: dict[str, list[int]] = {}
    for row in np.flatnonzero(usable).tolist():
        rows.setdefault(photos[row].person, []).append(row)
    return [np.array(own) for person, own in rows.items() if person and len(own) > 1]


def arrays(fit: LandmarkFit | JointFit) -> dict[str, np.ndarray]:
    """What a `fits` shard holds of a batch, but for its ids and landmarks."""
    return {
        "camera": pack(fit.camera),
        "identity": fit.identity,
        "expression": fit.expression,
        "expression_sigma": fit.expression_sigma,
        "fitted_px": fit.landmarks_px,
        "residual": fit.residual,
        "status": np.array([str(status) for status in fit.status], STATUS),
        "iterations": fit.iterations,
    }
