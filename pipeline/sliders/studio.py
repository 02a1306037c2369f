"""Pictures for the page, made from a checkpoint and what the results offer. Knows of no page."""

from pathlib import Path
from threading import Lock
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, UInt8

from models3d.errors import InputError, UnusableDatum
from models3d.face_model import synthesize
from pipeline.clay import CLAY, clay_picture, portrait
from pipeline.edit.alignment import Aligned, align, align_file, find_face
from pipeline.edit.retouch import View, edited_photo, edited_views, view_of
from pipeline.edit.slider_values import Slider, sliders_of
from pipeline.gan.editing import Editor, edit, read_expression
from pipeline.images import decode_photo
from pipeline.sliders.library import Library, read_library

VIEW_PX = 384
CLAY_PX = 320
HEAD_SHARE = 0.6
"""Of the 3D face's picture, the face without forehead: the whole head is seen."""
THUMB_BATCH = 8
MAX_UPLOAD_PIXELS = 25_000_000
"""Of an uploaded photo; 75 MB decoded."""
INTERPOLATION_STEPS = 12


class Sitter(NamedTuple):
    """A photo on the page."""

    name: str
    aligned: Aligned
    view: View
    identity: Float32[np.ndarray, " k"] | None
    """Of the fit of a photo of the results; the mean head stands in for others."""


class Studio:
    """Makes what the page shows. Methods may be called from several threads."""

    def __init__(self, editor: Editor, library: Library) -> None:
        self.editor, self.library = editor, library
        self.sliders: tuple[Slider, ...] = sliders_of(editor.description)
        self._detecting = Lock()  # neither the detector nor the decoder's settings are made for several threads
        self._clay: np.ndarray | None = None
        if library.model is not None:
            self._clay = np.broadcast_to(CLAY, library.model.mean_mm.shape).copy()
        self._shaped = self._model_sliders()

    @property
    def neutral(self) -> Float32[np.ndarray, " p"]:
        return np.zeros(len(self.sliders), np.float32)

    @property
    def has_head(self) -> bool:
        """Whether there is a face model that some of the sliders move."""
        return bool(self._shaped[0])

    @property
    def reading_note(self) -> str:
        """How well the critic reads expressions, if it was evaluated."""
        error = self.library.regression_error
        told = "how well was not measured" if error is None else f"its relative error on held-out faces is {error:.2f}"
        return f"The critic reads the expression off the photo; {told} (always saying neutral has an error of 1)."

    @property
    def clip_note(self) -> str:
        """What the clips are, and whether speech is behind them."""
        spoken = [clip for clip in self.library.clips if clip.kind == "speech"]
        if not spoken:
            return (
                "There are no speech parameters in these results: the clips are sequences of meshes, whose expressions "
                "move the face. Nothing is said."
            )
        unknown = spoken[0].unknown
        if not unknown:
            return "Clips of the kind speech move the face by all their parameters, those of speech among them."
        return (
            f"This checkpoint has not {len(unknown)} of the parameters of the clips that speak ({unknown[0]}, ...): "
            "only the others move the face. slidergan_speech among the train_variants is trained with all."
        )

    def open(self, photo_id: str) -> Sitter:
        """A photo of the results; raises InputError if it cannot be used."""
        photo = self.library.photos[photo_id]
        landmarks = self.library.root / photo.landmarks if photo.landmarks else None
        with self._detecting:
            aligned = align_file(self.library.root / photo.path, self.editor.description.condition, landmarks)
        return Sitter(photo_id, aligned, view_of(aligned, VIEW_PX), self.library.identities.get(photo_id))

    def receive(self, name: str, content: bytes) -> Sitter:
        """An uploaded photo, from memory; raises InputError if it cannot be used."""
        try:
            with self._detecting:
                photo = decode_photo(content, MAX_UPLOAD_PIXELS)
                landmarks_px = find_face(photo)
        except UnusableDatum as error:
            raise InputError(name, str(error), "try a JPEG, PNG or WebP with a face seen from the front") from error
        aligned = align(photo, landmarks_px, self.editor.description.condition)
        return Sitter(name, aligned, view_of(aligned, VIEW_PX), None)

    def view(self, sitter: Sitter, params: Float32[np.ndarray, " p"]) -> UInt8[np.ndarray, "v v 3"]:
        """The face with an expression."""
        return edited_views(self.editor, sitter.aligned, sitter.view, params[None])[0]

    def views(self, sitter: Sitter, params: Float[np.ndarray, "n p"]) -> list[UInt8[np.ndarray, "v v 3"]]:
        """The face with several, a few at a time."""
        parts = np.split(params, range(THUMB_BATCH, len(params), THUMB_BATCH))
        return [view for part in parts for view in edited_views(self.editor, sitter.aligned, sitter.view, part)]

    def whole_photo(self, sitter: Sitter, params: Float32[np.ndarray, " p"]) -> UInt8[np.ndarray, "h w 3"]:
        """The photo with the expression, at its own resolution."""
        return edited_photo(self.editor, sitter.aligned, params)

    def read(self, sitter: Sitter) -> Float32[np.ndarray, " p"]:
        """The expression that the critic reads off a photo, within the sliders."""
        found = read_expression(self.editor, sitter.aligned.picture)
        return np.clip(found, [s.low for s in self.sliders], [s.high for s in self.sliders]).astype(np.float32)

    def thumbnails(self, sitter: Sitter, first: int, last: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """The aligned picture with each of some sliders at its lowest and its highest, the others at rest."""
        chosen = self.sliders[first:last]
        params = np.zeros((2 * len(chosen), len(self.sliders)), np.float32)
        for row, slider in enumerate(chosen):
            params[2 * row, first + row], params[2 * row + 1, first + row] = slider.low, slider.high
        images = np.rint(edit(self.editor, sitter.aligned.picture, params).images).astype(np.uint8)
        return list(zip(images[::2], images[1::2], strict=True))

    def random(self, generator: np.random.Generator) -> Float32[np.ndarray, " p"]:
        """A standard normal coefficient a slider, clipped to it, as `render_pairs` draws them."""
        drawn = generator.standard_normal(len(self.sliders)) / self.editor.description.condition.range
        return np.clip(drawn, [s.low for s in self.sliders], [s.high for s in self.sliders]).astype(np.float32)

    def head(
        self, sitter: Sitter | None, params: Float32[np.ndarray, " p"], yaw_rad: float
    ) -> UInt8[np.ndarray, "c c 3"]:
        """The face model with the same expression, on the sitter's identity if it is known, turned by an angle."""
        model = self.library.model
        assert model is not None and self._clay is not None
        ours, theirs = self._shaped
        motion = np.zeros(len(model.motion), np.float32)
        motion[theirs] = params[ours] * np.float32(self.editor.description.condition.range)
        identity = None if sitter is None else sitter.identity
        shape = synthesize(model, np.zeros(0, np.float32) if identity is None else identity, motion)
        return clay_picture(shape, model, portrait(model, CLAY_PX, yaw_rad, HEAD_SHARE), self._clay, CLAY_PX)

    def _model_sliders(self) -> tuple[list[int], list[int]]:
        """Places among the sliders, and among what moves the model, of the components that both have."""
        names = () if self.library.model is None else self.library.model.motion.names
        both = [slider.name for slider in self.sliders if slider.name in names]
        ours = [slider.name for slider in self.sliders]
        return [ours.index(name) for name in both], [names.index(name) for name in both]


def interpolation(
    first: Float32[np.ndarray, " p"], last: Float32[np.ndarray, " p"], steps: int = INTERPOLATION_STEPS
) -> Float32[np.ndarray, "n p"]:
    """From one expression to another in equal steps, both ends included."""
    share = np.linspace(0, 1, steps, dtype=np.float32)[:, None]
    return (1 - share) * first + share * last


def there_and_back(params: Float32[np.ndarray, "n p"]) -> Float32[np.ndarray, "m p"]:
    """An animation that repeats without a jump."""
    return np.concatenate([params, params[-2:0:-1]])


def opened(results: Path, editor: Editor) -> Studio:
    """A studio on a folder of results."""
    return Studio(editor, read_library(results, editor.description))
