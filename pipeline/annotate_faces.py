"""The product of the first path: aligned crops of photos, each with the parameters that its fit found."""

from collections.abc import Mapping, Sequence

import numpy as np
from tqdm import tqdm

from models3d.readers.native import read_native
from pipeline.crops import canonical_landmarks_px, crop_matrix, cut
from pipeline.files import Paths
from pipeline.fit_checks import check_model, check_range, label_attributes
from pipeline.images import read_indexed
from pipeline.photo_tables import Photo, read_index
from pipeline.provenance import provenance
from pipeline.settings.photos import AnnotateFaces
from pipeline.shards import Shard, read_shard, write_shard

STAGE = "annotate_faces"


def run(inputs: Paths, outputs: Paths, settings: AnnotateFaces) -> None:
    """Crop every photo of `inputs["fits"]` to the mean projected face; write `outputs["shard"]`, of kind `annotated`.

    params        expression in standard deviations over `range_sigma`: the fit's bounds keep it in [-1, 1]
    params_sigma  standard errors of the same, in the same unit
    camera, landmarks_px   in the pixels of the PHOTO; crop takes those to the pixels of the image

    Raises InputError if the fits are of another model, or a component can leave the range.
    """
    model, fits = read_native(inputs["model"]), read_shard(inputs["fits"], "fits")
    check_model(fits, model, inputs["fits"])
    check_range(model.name, model.expression, settings.range_sigma)
    canonical_px = canonical_landmarks_px(model, settings.size_px, settings.face_scale)
    crops = [crop_matrix(points, canonical_px) for points in fits["landmarks_px"]]
    attributes = provenance(
        STAGE,
        settings,
        inputs,
        **label_attributes(model, settings.range_sigma),
        canonical_landmarks_px=canonical_px.round(4).tolist(),
        fit_settings=fits.attributes["settings"],
        seed=fits.attributes["settings"]["seed"],  # type: ignore[index]
    )
    images = cut_photos(fits.text("id"), read_index(inputs["index"]), crops, settings.size_px)
    write_shard(outputs["shard"], "annotated", arrays(fits, images, crops, settings.range_sigma), attributes)


def cut_photos(ids: Sequence[str], photos: Sequence[Photo], crops: Sequence[np.ndarray], size_px: int) -> np.ndarray:
    """The crops of the photos with those ids, (N, size, size, 3) uint8."""
    by_id = {photo.id: photo for photo in photos}
    images = np.empty((len(ids), size_px, size_px, 3), np.uint8)
    for image, name, crop in zip(images, tqdm(ids, desc=STAGE, unit="photo"), crops, strict=True):
        image[:] = cut(read_indexed(by_id[name]), crop, size_px)
    return images


def arrays(fits: Shard, images: np.ndarray, crops: Sequence[np.ndarray], range_sigma: float) -> Mapping[str, object]:
    """The arrays of an `annotated` shard, in the order of the fits."""
    kept = ("identity", "camera", "landmarks_px", "residual")
    return {
        "id": fits.text("id"),
        "person": fits.text("person"),
        "images": images,
        "params": fits["expression"] / np.float32(range_sigma),
        "params_sigma": fits["expression_sigma"] / np.float32(range_sigma),
        "crop": np.array(crops, np.float32).reshape(-1, 2, 3),
        "status": fits.text("status"),
        **{name: np.array(fits[name]) for name in kept},
    }
