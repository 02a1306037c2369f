"""The 68 landmarks of a photo from the file beside it."""

from pathlib import Path

import numpy as np
from jaxtyping import Float32

from models3d.errors import InputError
from models3d.landmarks import LANDMARK_COUNT

SUFFIXES = (".pts", ".ljson")
LARGEST_FILE = 1_000_000
"""Bytes; 68 points take a hundredth of that."""

PIXEL_CENTRE = 0.5
"""menpo counts from the centre of the top-left pixel, `models3d` from its corner."""

REMEDY = (
    f"give it the {LANDMARK_COUNT} points of the iBUG order, take it away, or set detect_landmarks.use_files to false"
)


def beside(photo: Path) -> Path | None:
    """The landmark file of a photo in a folder: `name.pts`, or else `name.ljson`."""
    return next((photo.with_suffix(suffix) for suffix in SUFFIXES if photo.with_suffix(suffix).is_file()), None)


def read_landmarks(path: Path) -> Float32[np.ndarray, "68 2"]:
    """The points of a `.pts` (1-based pixels) or `.ljson` (0-based, y before x), in the pixels of `models3d`.

    An `.ljson` may hold other groups of points beside its 68.
    Raises InputError if the file does not hold 68 finite points, or holds two groups of them.
    """
    from menpo.io.input.landmark import ljson_importer, pts_importer  # a second; many datasets have no such files

    if not path.is_file():
        raise InputError(path, "there is no such landmark file", REMEDY)
    if path.stat().st_size > LARGEST_FILE:
        raise InputError(path, f"larger than {LARGEST_FILE} bytes, so no landmark file", REMEDY)
    importer = pts_importer if path.suffix == ".pts" else ljson_importer
    try:
        groups = list(importer(path).values())
        points = [np.asarray(group.points, np.float32) for group in groups]
    except Exception as error:  # menpo does not check what it reads: IndexError, KeyError, TypeError, ValueError
        raise InputError(path, f"cannot be read as landmarks ({type(error).__name__}: {error})", REMEDY) from error
    whole = [group for group in points if group.shape == (LANDMARK_COUNT, 2)]
    if len(whole) != 1:
        found = " and ".join(_described(group) for group in points) or "no points"
        raise InputError(path, f"{found} where {LANDMARK_COUNT} are expected", REMEDY)
    if not np.isfinite(whole[0]).all():
        raise InputError(path, "points that are missing or not finite", REMEDY)
    return whole[0][:, ::-1] + np.float32(PIXEL_CENTRE)


def _described(points: np.ndarray) -> str:
    return f"{len(points)} points" + ("" if points.shape[1:] == (2,) else f" of shape {points.shape[1:]}")
