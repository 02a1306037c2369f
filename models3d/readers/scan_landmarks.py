"""The 68 landmarks of a raw scan, in a file of its name beside it: menpo's `.ljson`, or a `.pts` with three columns."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from models3d.errors import UnusableDatum
from models3d.face_model import LANDMARK_COUNT
from models3d.readers.fields import BROKEN_FILE

MAX_BYTES = 2**20


def read_scan_landmarks(scan: Path) -> Float64[np.ndarray, "68 3"]:
    """Landmarks in iBUG's order, in the scan's frame and unit. An `.ljson` goes before a `.pts`.

    Raises UnusableDatum if there is no such file, or it does not hold 68 finite points of three coordinates.
    """
    path = next((path for path in map(scan.with_suffix, PARSERS) if path.is_file()), None)
    if path is None:
        raise UnusableDatum(f"no landmarks beside it ({' or '.join(PARSERS)})")
    if path.stat().st_size > MAX_BYTES:
        raise UnusableDatum(f"{path.name} is too large to hold {LANDMARK_COUNT} landmarks")
    try:
        points = PARSERS[path.suffix](path.read_text(encoding="utf-8"))
    except BROKEN_FILE as error:
        raise UnusableDatum(f"{path.name} cannot be read as landmarks ({error or type(error).__name__})") from error
    if points.shape != (LANDMARK_COUNT, 3):
        raise UnusableDatum(f"{path.name} holds points of shape {points.shape}, not ({LANDMARK_COUNT}, 3)")
    if not np.isfinite(points).all():
        raise UnusableDatum(f"{path.name} leaves landmarks out")
    return points


def _ljson(text: str) -> Float64[np.ndarray, "..."]:
    """Version 2 has the points at the top, version 3 in one group; null, a point not marked, becomes NaN."""
    content = json.loads(text)
    [group] = content["groups"].values() if "groups" in content else [content]
    return np.asarray(group["landmarks"]["points"], np.float64)


def _pts(text: str) -> Float64[np.ndarray, "..."]:
    lines = re.split(r"[{}]", text)[1].strip().splitlines()
    return np.array([line.split() for line in lines], np.float64)


PARSERS: Mapping[str, Callable[[str], Float64[np.ndarray, "..."]]] = {".ljson": _ljson, ".pts": _pts}
