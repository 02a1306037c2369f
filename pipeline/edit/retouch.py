"""What an edit looks like: the whole photo, or a square around the face at any size."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, UInt8

from pipeline.crops import cut
from pipeline.edit.alignment import Aligned
from pipeline.edit.pasting import paste
from pipeline.gan.editing import Editor, Edits, edit

MARGIN_SHARE = 0.15
"""Of an aligned picture's side, what a view shows around it."""


class View(NamedTuple):
    """A square of a photo around its face, upright."""

    image: UInt8[np.ndarray, "v v 3"]
    to_picture: Float32[np.ndarray, "2 3"]
    """Pixels of the view to those of the aligned picture."""


def edited_photo(editor: Editor, aligned: Aligned, params: Float32[np.ndarray, " p"]) -> UInt8[np.ndarray, "h w 3"]:
    """The whole photo with the face as the parameters say."""
    return _pasted(editor, aligned.photo, aligned.crop, edit(editor, aligned.picture, params[None]), 0)


def view_of(aligned: Aligned, size_px: int) -> View:
    """The face and a little around it."""
    picture_px = len(aligned.picture)
    scale = size_px / (picture_px * (1 + 2 * MARGIN_SHARE))
    shift = MARGIN_SHARE * picture_px * scale
    to_view = scale * aligned.crop.astype(np.float64) + np.array([[0, 0, shift], [0, 0, shift]])
    back = np.array([[1 / scale, 0, -shift / scale], [0, 1 / scale, -shift / scale]], np.float32)
    return View(cut(aligned.photo, to_view.astype(np.float32), size_px), back)


def edited_views(
    editor: Editor, aligned: Aligned, view: View, params: Float[np.ndarray, "n p"]
) -> list[UInt8[np.ndarray, "v v 3"]]:
    """A view with the face as each of the parameters says."""
    made = edit(editor, aligned.picture, params)
    return [_pasted(editor, view.image, view.to_picture, made, number) for number in range(len(params))]


def _pasted(
    editor: Editor, photo: UInt8[np.ndarray, "h w 3"], crop: Float32[np.ndarray, "2 3"], made: Edits, number: int
) -> UInt8[np.ndarray, "h w 3"]:
    stated = editor.description
    return paste(
        photo,
        crop,
        stated.condition.picture_px,
        made.original,
        made.images[number],
        made.masks[number],
        residual=stated.dimensions.residual_image,
    )
