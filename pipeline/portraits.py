"""A fitted photo made ready to be drawn with other expressions, in the frame that `annotate_faces` cuts."""

import numpy as np
from jaxtyping import Float32, UInt8

from models3d.camera import unpack
from models3d.warp.portrait import Fit, Photo, Portrait, portrait
from models3d.warp.warp_model import WarpModel
from pipeline.crops import cut
from pipeline.shards import Shard

MARGIN_SHARE = 0.25
"""Of a picture's side: what is kept of the photo around it, from which the surroundings may move in."""


def fit_portrait(
    drawn: WarpModel,
    fits: Shard,
    row: int,
    crop: Float32[np.ndarray, "2 3"],
    photo: UInt8[np.ndarray, "h w 3"],
    size_px: int,
) -> Portrait:
    """A fitted photo, cut to its crop and a margin around it. Without the margin it is what `annotate_faces` cuts.

    Raises UnusableDatum as `models3d.warp.portrait.portrait` does.
    """
    margin = round(MARGIN_SHARE * size_px)
    moved = crop + np.array([[0, 0, margin], [0, 0, margin]], np.float32)
    canvas = cut(photo, moved, size_px + 2 * margin)
    canvas[margin : margin + size_px, margin : margin + size_px] = cut(photo, crop, size_px)
    fit = Fit(unpack(fits["camera"][row].astype(np.float64)), fits["identity"][row], fits["expression"][row])
    landmarks_px = fits["landmarks_px"][row].astype(np.float64)
    return portrait(drawn, fit, Photo(canvas, size_px, crop.astype(np.float64), landmarks_px))
