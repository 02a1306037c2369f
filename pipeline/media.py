"""Pictures out: PNG files with equal bytes for equal pixels, and what sheets draw on a photo.

Points are in the pixels of `models3d`: the centre of the top-left one is (0.5, 0.5).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw, ImageFont

from models3d.whole_file import whole_file

Colour = tuple[int, int, int]
WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)


def write_png(path: Path, image: UInt8[np.ndarray, "h w 3"]) -> None:
    """Write a picture whole. Nothing but the pixels goes into the file: no time, no text."""
    with whole_file(path) as temporary:
        Image.fromarray(image).save(temporary, format="PNG")


def draw_points(
    image: UInt8[np.ndarray, "h w 3"], points_px: Float[np.ndarray, "n 2"], colour: Colour, radius_px: float
) -> UInt8[np.ndarray, "h w 3"]:
    """A copy of the picture with a smooth-edged disc at every point; points outside it, or not finite, are left out."""
    drawn = image.copy()
    height, width = image.shape[:2]
    for x, y in points_px[np.isfinite(points_px).all(axis=1)]:
        reach = radius_px + 1
        left, right = np.clip([np.floor(x - reach), np.ceil(x + reach)], 0, width).astype(int)
        top, bottom = np.clip([np.floor(y - reach), np.ceil(y + reach)], 0, height).astype(int)
        columns, rows = np.arange(left, right) + 0.5, np.arange(top, bottom) + 0.5
        distance = np.hypot(columns[None, :] - x, rows[:, None] - y)
        cover = np.clip(radius_px + 0.5 - distance, 0, 1)
        drawn[top:bottom, left:right] = blend(drawn[top:bottom, left:right], colour, cover)
    return drawn


def draw_line(
    image: UInt8[np.ndarray, "h w 3"], points_px: Float[np.ndarray, "n 2"], colour: Colour, width_px: int
) -> UInt8[np.ndarray, "h w 3"]:
    """A copy of the picture with the points joined in their order."""
    canvas = Image.fromarray(image)
    corners = [(float(x) - 0.5, float(y) - 0.5) for x, y in points_px]  # Pillow counts from a pixel's centre
    ImageDraw.Draw(canvas).line(corners, fill=colour, width=width_px, joint="curve")
    return np.array(canvas)


def blend(
    image: UInt8[np.ndarray, "h w 3"], layer: UInt8[np.ndarray, "h w 3"] | Colour, cover: Float[np.ndarray, "h w"]
) -> UInt8[np.ndarray, "h w 3"]:
    """cover * layer + (1 - cover) * image, rounded; `layer` is a picture or one colour."""
    base = image.astype(np.float32)
    mixed = base + cover[..., None].astype(np.float32) * (np.asarray(layer, np.float32) - base)
    return np.rint(mixed).astype(np.uint8)


def tile(
    images: Sequence[UInt8[np.ndarray, "h w 3"]], columns: int, gap_px: int = 4, background: Colour = WHITE
) -> UInt8[np.ndarray, "H W 3"]:
    """Pictures of one size in rows of `columns`, left to right, with a gap between them and around."""
    height, width = images[0].shape[:2]
    rows = -(-len(images) // columns)
    step_y, step_x = height + gap_px, width + gap_px
    sheet = np.full((rows * step_y + gap_px, columns * step_x + gap_px, 3), background, np.uint8)
    for index, image in enumerate(images):
        top, left = gap_px + index // columns * step_y, gap_px + index % columns * step_x
        sheet[top : top + height, left : left + width] = image
    return sheet


def caption(
    image: UInt8[np.ndarray, "h w 3"],
    text: str,
    height_px: int = 16,
    colour: Colour = BLACK,
    background: Colour = WHITE,
) -> UInt8[np.ndarray, "H w 3"]:
    """The picture with a line of text in a band below it; what is longer than the picture is wide is cut."""
    band = Image.new("RGB", (image.shape[1], height_px), background)
    font = ImageFont.load_default(size=height_px * 0.75)
    ImageDraw.Draw(band).text((2, height_px / 2), text, fill=colour, font=font, anchor="lm")
    return np.concatenate([image, np.asarray(band)])
