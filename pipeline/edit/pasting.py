"""A generated face back into its photo: eq. 4 at the photo's own resolution, faded out towards the picture's border."""

import cv2
import numpy as np
from jaxtyping import Float32, Float64, UInt8

FADE_SHARE = 0.12
"""Of a picture's side, over which what was generated fades into the photo."""


def paste(
    photo: UInt8[np.ndarray, "h w 3"],
    crop: Float32[np.ndarray, "2 3"],
    picture_px: int,
    original: Float32[np.ndarray, "s s 3"],
    image: Float32[np.ndarray, "s s 3"],
    mask: Float32[np.ndarray, "s s"],
    residual: bool,
) -> UInt8[np.ndarray, "h w 3"]:
    """The photo with I_gen in place of I_org, by the inverse of its alignment.

    crop      photo to picture, in pixels of pictures of `picture_px` a side
    original, image, mask   I_org, I_gen and G_m as the generator has them, s a side, in grey levels
    residual  whether G_i is the input and a change of it (`Dimensions.residual_image`)

    The change I_gen - I_org is enlarged and added. Where the mask says that a pixel is generated, the photo's detail
    beyond the picture's resolution goes, as eq. 4 would have it; a residual generator keeps it, since its G_i has it.
    A pixel whose change rounds to nothing stays what it was.
    """
    side = len(image)
    to_made = crop.astype(np.float64) * (side / picture_px)
    box = _box(to_made, side, photo.shape[:2])
    part = photo[box].astype(np.float32)
    layers = [image - original] if residual else [image - original, original, mask[..., None]]
    enlarged = _enlarged(np.concatenate(layers, axis=2), to_made, box)
    change = enlarged[..., :3]
    if not residual:
        detail = part - enlarged[..., 3:6]
        change = change - np.clip(enlarged[..., 6:], 0, 1) * detail
    weight = np.clip(_enlarged(_fade(side)[..., None], to_made, box, outside=cv2.BORDER_CONSTANT), 0, 1)
    pasted = photo.copy()
    pasted[box] = np.clip(np.rint(part + weight * change), 0, 255).astype(np.uint8)
    return pasted


def _box(to_made: Float64[np.ndarray, "2 3"], side: int, size: tuple[int, ...]) -> tuple[slice, slice]:
    """Rows and columns of the photo that the picture covers; empty if that lies beside it."""
    corners = np.array([[0, 0], [side, 0], [0, side], [side, side]], np.float64)
    covered = np.linalg.solve(to_made[:, :2], (corners - to_made[:, 2]).T).T
    (left, top), (right, bottom) = np.floor(covered.min(0)).astype(int), np.ceil(covered.max(0)).astype(int)
    rows, columns = np.clip((top, bottom), 0, size[0]), np.clip((left, right), 0, size[1])
    return slice(*rows.tolist()), slice(*columns.tolist())


def _enlarged(
    layers: Float32[np.ndarray, "s s c"],
    to_made: Float64[np.ndarray, "2 3"],
    box: tuple[slice, slice],
    outside: int = cv2.BORDER_REPLICATE,
) -> Float32[np.ndarray, "y x c"]:
    """Pictures at the pixels of a part of the photo; where those are coarser, means over whole blocks first."""
    rows, columns = box
    height, width = rows.stop - rows.start, columns.stop - columns.start
    if not (height and width):
        return np.zeros((height, width, layers.shape[2]), np.float32)
    block = max(1, int(np.sqrt(abs(np.linalg.det(to_made[:, :2])))))
    small = max(1, layers.shape[0] // block)
    reduced = cv2.resize(layers, (small, small), interpolation=cv2.INTER_AREA).reshape(small, small, -1)
    linear = to_made[:, :2] * (small / layers.shape[0])
    # OpenCV counts pixels from the centre of the top-left one, this project from its corner
    shift = (to_made @ (columns.start + 0.5, rows.start + 0.5, 1)) * (small / layers.shape[0]) - 0.5
    where = np.column_stack([linear, shift])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    parts = [  # OpenCV warps at most four channels at once
        cv2.warpAffine(
            np.ascontiguousarray(reduced[..., c : c + 4]), where, (width, height), flags=flags, borderMode=outside
        )
        for c in range(0, reduced.shape[2], 4)
    ]
    return np.concatenate([part.reshape(height, width, -1) for part in parts], axis=2)


def _fade(side: int) -> Float32[np.ndarray, "s s"]:
    """1 in the middle, falling smoothly to 0 at the border."""
    place = np.arange(side) + 0.5
    share = np.clip(np.minimum(place, side - place) / (FADE_SHARE * side), 0, 1)
    smooth = (share**2 * (3 - 2 * share)).astype(np.float32)
    return np.minimum(smooth[:, None], smooth[None, :])
