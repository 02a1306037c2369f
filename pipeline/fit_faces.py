"""Camera, identity and expression of every face whose landmarks are known."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float32

from models3d.fitting.landmark_fit import REASONS, USABLE, Status
from models3d.readers.native import read_native
from pipeline.calibration_file import Calibrations, read_calibrations
from pipeline.face_fitters import face_fitter
from pipeline.files import Paths, Reject, check_rejects, write_rejects
from pipeline.fit_checks import check_moves
from pipeline.marked_photos import marked_photos
from pipeline.photo_fits import fit_in_batches, with_shared_identities
from pipeline.photo_tables import read_index
from pipeline.provenance import provenance
from pipeline.settings.photos import FitFaces
from pipeline.shards import read_shard, write_shard

STAGE = "fit_faces"


def run(inputs: Paths, outputs: Paths, settings: FitFaces) -> None:
    """Fit the model to the landmarks of `inputs["landmarks"]`; write `outputs["fits"]` and `outputs["rejects"]`.

    With `dense: landmarks` or `photometric`, photos are also looked at, with what `inputs["learnt"]` holds; which term
    was used stands in the shard's attributes.

    The usable photos of a person whom the index names are fitted once more, together: they share one identity.

    calibration  of `calibrate_labels`: what the standard errors of the expressions are multiplied by

    Raises InputError if more than `max_reject_rate` of the photos are rejects, the model has no expressions, or what
    was learnt does not suit.
    """
    model, found = read_native(inputs["model"]), read_shard(inputs["landmarks"], "landmarks")
    check_moves(model)
    marked = marked_photos([found], {photo.id: photo for photo in read_index(inputs["index"])})
    ids = found.text("id")
    fitter = face_fitter(model, inputs, settings)
    calibrations = read_calibrations(inputs["calibration"], model.digest)
    fitted = fit_in_batches(fitter.alone, marked, settings.batch)
    usable = np.array([not reason for reason in reasons_against(fitted, settings)], bool)
    fitted = with_shared_identities(fitted, marked, usable, fitter.together)
    fitted["expression_sigma"] = mended(fitted, calibrations, marked.from_files, model.expression.bounds)
    reasons = reasons_against(fitted, settings, settings.max_mean_sigma)
    rejects = [Reject(name, STAGE, why) for name, why in zip(ids, reasons, strict=True) if why]
    check_rejects(rejects, len(ids), settings.max_reject_rate, inputs["landmarks"])
    write_rejects(outputs["rejects"], rejects)
    kept = np.array([not why for why in reasons], bool)
    people = np.array([photo.person for photo in marked.photos], str)
    everything = {"id": np.array(ids, str), "person": people, "landmarks_px": found["landmarks_px"], **fitted}
    attributes = provenance(
        STAGE,
        settings,
        inputs,
        model_digest=model.digest,
        calibration={kind: calibration._asdict() for kind, calibration in calibrations._asdict().items()},
        **fitter.stated,
    )
    write_shard(outputs["fits"], "fits", {name: array[kept] for name, array in everything.items()}, attributes)


def mended(
    fitted: Mapping[str, np.ndarray],
    calibrations: Calibrations,
    from_files: Bool[np.ndarray, " n"],
    bounds: Float32[np.ndarray, "k 2"],
) -> Float32[np.ndarray, "n k"]:
    """The calibrated standard errors; none is larger than the way to the further bound, beyond which no truth lies."""
    factors = calibrations.factors(from_files, fitted["residual"])
    furthest = np.abs(fitted["expression"][..., None] - bounds).max(2)
    return np.minimum(fitted["expression_sigma"] * factors[:, None], furthest)


def reasons_against(
    fitted: Mapping[str, np.ndarray], settings: FitFaces, max_mean_sigma: float | None = None
) -> list[str]:
    """The reason to reject each fit, or nothing."""
    quality = fitted["residual"].tolist(), fitted["expression_sigma"].mean(1).tolist()
    return [
        why_unusable(Status(status), residual, sigma, settings.max_residual, max_mean_sigma)
        for status, residual, sigma in zip(fitted["status"], *quality, strict=True)
    ]


def why_unusable(
    status: Status, residual: float, mean_sigma: float, max_residual: float, max_mean_sigma: float | None
) -> str:
    """The reason to reject a fit, or nothing."""
    if status not in USABLE:
        return REASONS[status]
    if residual > max_residual:
        return f"the fit misses the landmarks by {residual:.3f} of the inter-ocular distance, more than {max_residual}"
    if max_mean_sigma is not None and not mean_sigma <= max_mean_sigma:
        return f"its coefficients are known to {mean_sigma:.2f} standard deviations, no better than {max_mean_sigma}"
    return ""
