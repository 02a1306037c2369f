"""What each slider does to a face: a row of pictures from one end of its range to the other."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32, UInt8

from models3d.errors import InputError, UnusableDatum
from models3d.face_model import FaceModel
from models3d.readers.native import read_native
from models3d.warp.portrait import Portrait, render
from models3d.warp.warp_model import warp_model
from pipeline.crops import canonical_landmarks_px, crop_matrix
from pipeline.files import Paths
from pipeline.fit_checks import check_model
from pipeline.images import read_indexed
from pipeline.media import caption, tile, write_png
from pipeline.photo_tables import read_index
from pipeline.portraits import fit_portrait
from pipeline.settings.paired import DrawSliders
from pipeline.shards import Shard, read_shard

STAGE = "draw_sliders"


def run(inputs: Paths, outputs: Paths, settings: DrawSliders) -> None:
    """Draw `outputs["sheet"]` from the best fits of `inputs["fits"]`, a shard, all other sliders being at zero.

    Raises InputError if the fits are of another model, or there is not a single one.
    """
    model, fits = read_native(inputs["model"]), read_shard(inputs["fits"], "fits")
    check_model(fits, model, inputs["fits"])
    faces = best_portraits(inputs, model, fits, settings)
    if not faces:
        raise InputError(
            outputs["sheet"].stem, "has no faces to draw", "see why in the rejects.csv files of its stages"
        )
    tiles: list[np.ndarray] = []
    for face in faces:
        for slider in range(min(settings.sliders, len(model.expression))):
            tiles += draw_slider(face, model, slider, settings.steps)
    write_png(outputs["sheet"], tile(tiles, settings.steps))


def best_portraits(inputs: Paths, model: FaceModel, fits: Shard, settings: DrawSliders) -> list[Portrait]:
    """The fits with the least residuals that can be drawn, as many as are asked for."""
    drawn = warp_model(model)
    photos = {photo.id: photo for photo in read_index(inputs["index"])}
    canonical_px = canonical_landmarks_px(model, settings.size_px, settings.face_scale)
    ids = fits.text("id")
    faces: list[Portrait] = []
    for row in np.argsort(fits["residual"], kind="stable").tolist():
        if len(faces) == settings.faces:
            break
        crop = crop_matrix(fits["landmarks_px"][row], canonical_px)
        try:
            faces.append(fit_portrait(drawn, fits, row, crop, read_indexed(photos[ids[row]]), settings.size_px))
        except UnusableDatum:  # `render_pairs` says so in its rejects
            continue
    return faces


def draw_slider(face: Portrait, model: FaceModel, slider: int, steps: int) -> Sequence[UInt8[np.ndarray, "h w 3"]]:
    """Captioned pictures at even steps from the slider's lower bound to its upper one."""
    expressions = sweep(model, slider, steps)
    return [
        caption(image, f"{model.expression.names[slider]} {value:+.1f}")
        for image, value in zip(render(face, expressions).images, expressions[:, slider], strict=True)
    ]


def sweep(model: FaceModel, slider: int, steps: int) -> Float32[np.ndarray, "s k"]:
    """Coefficients in standard deviations, all zero but the slider's."""
    lower, upper = model.expression.bounds[slider]
    expressions = np.zeros((steps, len(model.expression)), np.float32)
    expressions[:, slider] = np.linspace(lower, upper, steps)
    return expressions
