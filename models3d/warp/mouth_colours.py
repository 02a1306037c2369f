"""Teeth, gums and tongue in a photo's light: white as the eyes show it, flesh as the lips do."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, UInt8
from skimage.draw import polygon2mask

from models3d.landmarks import INNER_LIPS, LEFT_EYE, OUTER_LIPS, RIGHT_EYE
from models3d.mouth_interior import LINING
from models3d.render import to_linear, to_srgb

EYE_WHITE = (0.7, 0.95)
"""Of the pixels of an open eye from dark to bright, those of its white."""
SKIN_SHARE = 0.25
"""Of the skin's hue in that of teeth: the white of small eyes is never pure."""
WHITE_TO_SKIN = (1.5, 3.0)
"""Least and most light from what is white against that from the skin; between them the eyes decide."""
AROUND = 1.3
"""Skin within this many mouth widths of the mouth's middle says how bright the light there is."""
DARKEST = 1e-4
"""Linear light added to black, which has no hue."""
LIP_PAIRS = np.array([(50, 61), (51, 62), (52, 63), (56, 65), (57, 66), (58, 67)])
"""Landmarks on the outer and the inner edge of the lips."""


class MouthLight(NamedTuple):
    """Linear RGB that a photo would show of what is white, and of what is flesh, at the mouth of a face."""

    white: Float64[np.ndarray, "3"]
    flesh: Float64[np.ndarray, "3"]


def mouth_light(
    crop: UInt8[np.ndarray, "h w 3"], skin: Bool[np.ndarray, "h w"], landmarks_px: Float[np.ndarray, "68 2"]
) -> MouthLight:
    """Read both off a photo whose skin pixels and landmarks are known. Without any bare skin, all of it counts."""
    linear = to_linear(crop).astype(np.float64)
    bare = skin & ~_within(landmarks_px, (RIGHT_EYE, LEFT_EYE, OUTER_LIPS), skin.shape)
    bare = bare if bare.any() else np.ones_like(skin)
    face = np.median(linear[bare], axis=0) + DARKEST
    white = _white(linear[_within(landmarks_px, (RIGHT_EYE, LEFT_EYE), skin.shape)], face)
    corners = landmarks_px[INNER_LIPS][[0, 4]]
    middle, reach = corners.mean(0), AROUND * np.linalg.norm(corners[1] - corners[0])
    rows, columns = np.indices(skin.shape) + 0.5
    near = bare & (np.hypot(columns - middle[0], rows - middle[1]) < reach)
    here = np.median(linear[near].sum(1)) / face.sum() if near.any() else 1.0
    places = np.floor(landmarks_px[LIP_PAIRS].mean(1)).astype(int).clip(0, np.array(skin.shape)[::-1] - 1)
    return MouthLight(white * here, linear[places[:, 1], places[:, 0]].mean(0))


def _white(eyes: Float64[np.ndarray, "e 3"], face: Float64[np.ndarray, "3"]) -> Float64[np.ndarray, "3"]:
    """Linear RGB of what is white, from the pixels of both eyes and the skin's colour."""
    ranked = eyes[np.argsort(eyes.sum(1), kind="stable")]
    first, last = (int(np.ceil(share * len(ranked))) for share in EYE_WHITE)
    bright = ranked[first:last].mean(0) + DARKEST if last > first else face
    hue = (1 - SKIN_SHARE) * bright / bright.sum() + SKIN_SHARE * face / face.sum()
    least, most = (ratio * face.sum() for ratio in WHITE_TO_SKIN)
    return hue * np.clip(bright.sum(), least, most)


def _within(
    landmarks_px: Float[np.ndarray, "68 2"], curves: tuple[slice, ...], shape: tuple[int, int]
) -> Bool[np.ndarray, "h w"]:
    """Pixels inside closed curves of landmarks."""
    inside = np.zeros(shape, bool)
    for curve in curves:
        inside |= polygon2mask(shape, landmarks_px[curve, ::-1] - 0.5)
    return inside


def interior_colours(
    light: MouthLight, white: Float32[np.ndarray, " m"], flesh: Float32[np.ndarray, " m"]
) -> tuple[Float32[np.ndarray, "m 3"], Float32[np.ndarray, "3"]]:
    """Grey levels of vertices with these shares of white and flesh, black for neither, and of what is behind them."""
    coloured = (white > 0) | (flesh > 0)
    colours = np.zeros((len(white), 3), np.float32)
    colours[coloured] = to_srgb(white[coloured, None] * light.white + flesh[coloured, None] * light.flesh)
    return colours, to_srgb(LINING * light.flesh).astype(np.float32)
