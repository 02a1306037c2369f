"""From a photo to the picture that a generator takes: its largest face, cut by the very code that cuts for training."""

from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, UInt8

from models3d.errors import InputError, UnusableDatum
from models3d.landmarks import face_size_px
from pipeline.crops import crop_matrix, cut
from pipeline.face_detector import FaceDetector
from pipeline.gan.pictures import Condition
from pipeline.images import read_photo
from pipeline.landmark_files import beside, read_landmarks

MAX_PIXELS = 50_000_000
MIN_CONFIDENCE = 0.5
MIN_FACE_PX = 40
"""As `index_images` and `detect_landmarks` have them for the photos of training."""


class Aligned(NamedTuple):
    """A photo and its face as training saw faces."""

    photo: UInt8[np.ndarray, "h w 3"]
    crop: Float32[np.ndarray, "2 3"]
    """Photo to picture."""
    picture: UInt8[np.ndarray, "s s 3"]


def align_file(
    path: Path, condition: Condition, landmarks: Path | None = None, max_pixels: int = MAX_PIXELS
) -> Aligned:
    """The face of a photo that its landmark file marks, or else the largest that is detected, as in training.

    landmarks  a `.pts` or `.ljson`; if none is named, the one beside the photo, if there is one

    Raises InputError, naming the photo, if it cannot be used and why, or if the landmark file cannot be read.
    """
    landmarks = landmarks or beside(path)
    marked = read_landmarks(landmarks) if landmarks else None
    try:
        photo = read_photo(path, max_pixels)
    except UnusableDatum as error:
        raise InputError(path, str(error), "give it another photo, or a smaller copy of this one") from error
    try:
        return align(photo, find_face(photo) if marked is None else marked, condition)
    except UnusableDatum as error:
        raise InputError(path, str(error), "give it a photo with a face that is seen from the front") from error


def find_face(photo: UInt8[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "68 2"]:
    """The landmarks of the largest face; raises UnusableDatum if there is none, or it is too small."""
    landmarks_px = detector().largest_face(photo).landmarks_px
    across = face_size_px(landmarks_px)
    if across < MIN_FACE_PX:
        raise UnusableDatum(f"the face is {across:.0f} px across, less than {MIN_FACE_PX}")
    return landmarks_px


@cache
def detector() -> FaceDetector:
    """Made once, when the first photo needs it: that takes a second."""
    return FaceDetector(MIN_CONFIDENCE)


def align(photo: UInt8[np.ndarray, "h w 3"], landmarks_px: Float[np.ndarray, "68 2"], condition: Condition) -> Aligned:
    """The face cut to where the checkpoint's pictures have theirs."""
    crop = crop_matrix(landmarks_px, np.array(condition.canonical_landmarks_px, np.float64))
    return Aligned(photo, crop, cut(photo, crop, condition.picture_px))
