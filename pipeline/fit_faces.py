"""Camera, identity and expression of every face whose landmarks are known."""

import numpy as np

from models3d.fitting.landmark_fit import REASONS, USABLE, Status
from models3d.readers.native import read_native
from pipeline.face_fitters import face_fitter
from pipeline.files import Paths, Reject, check_rejects, write_rejects
from pipeline.marked_photos import marked_photos
from pipeline.photo_fits import fit_in_batches
from pipeline.photo_tables import read_index
from pipeline.provenance import provenance
from pipeline.settings.photos import FitFaces
from pipeline.shards import read_shard, write_shard

STAGE = "fit_faces"


def run(inputs: Paths, outputs: Paths, settings: FitFaces) -> None:
    """Fit the model to the landmarks of `inputs["landmarks"]`; write `outputs["fits"]` and `outputs["rejects"]`.

    With `dense: landmarks` or `photometric`, photos are also looked at, with what `inputs["learnt"]` holds; which term
    was used stands in the shard's attributes.
    Raises InputError if more than `max_reject_rate` of the photos are rejects, or what was learnt does not suit.
    """
    model, found = read_native(inputs["model"]), read_shard(inputs["landmarks"], "landmarks")
    marked = marked_photos([found], {photo.id: photo for photo in read_index(inputs["index"])})
    ids = found.text("id")
    fit, stated = face_fitter(model, inputs, settings)
    fitted = fit_in_batches(fit, marked, settings.batch)
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


def why_unusable(status: Status, residual: float, max_residual: float) -> str:
    """The reason to reject a fit, or nothing."""
    if status not in USABLE:
        return REASONS[status]
    if residual > max_residual:
        return f"the fit misses the landmarks by {residual:.3f} of the inter-ocular distance, more than {max_residual}"
    return ""
