"""The 68 landmarks of a topology whose model file brings none, from a file of their own."""

import json
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int32
from scipy.spatial import KDTree

from models3d.errors import InputError
from models3d.face_model import LANDMARK_COUNT
from models3d.readers.fields import Fields, check_file, readable
from models3d.readers.npz import npy_fields

MAX_BYTES = 2**20
SNAP_LIMIT_MM = 5.0
"""A point further than this from every vertex was not marked on this mesh."""
LAYOUT = (
    "68 vertex ids, counted from 0, of the topology that all parts of the model share, as .json, .txt or .npy; or "
    "68 points on its mean mesh, as menpo's .ljson"
)


def read_landmarks(
    path: Path | None, model_path: Path, vertices: Float[np.ndarray, "n 3"], mm_per_unit: float
) -> Int32[np.ndarray, "68"]:
    """Vertex ids of the 68 landmarks in iBUG's order.

    vertices  the mean mesh in its file's own frame and unit, which is also that of the points in an .ljson

    Raises InputError if there is no file, it holds other than 68, an id has no vertex, or a point no vertex near it.
    """
    if path is None:
        raise InputError(
            model_path, "brings no landmarks", f"set the model's 'landmarks' to a file of this layout: {LAYOUT}"
        )
    check_file(path, LAYOUT)
    if path.stat().st_size > MAX_BYTES:
        raise InputError(path, "is too large to hold 68 landmarks", f"give a file of this layout: {LAYOUT}")
    if path.suffix == ".ljson":
        return _snapped(path, _points(path), vertices, mm_per_unit)
    mesh = f"the mesh of {model_path.name}"
    return _ids(path).indices("landmarks", (LANDMARK_COUNT,), 0, len(vertices), mesh)


def _ids(path: Path) -> Fields:
    if path.suffix == ".npy":
        return npy_fields(path, LAYOUT, "landmarks")
    if path.suffix not in (".json", ".txt"):
        raise InputError(path, f"has the ending '{path.suffix}'", f"give a file of this layout: {LAYOUT}")
    text = readable(path, LAYOUT, lambda: path.read_text(encoding="utf-8"))
    parse = json.loads if path.suffix == ".json" else lambda words: [float(word) for word in words.split()]
    array = readable(path, LAYOUT, lambda: np.asarray(parse(text)))
    shape = array.shape if array.dtype.kind in "fiu" else None
    return Fields(path, LAYOUT, {"landmarks": shape}, lambda _: array)


def _points(path: Path) -> Float[np.ndarray, "68 3"]:
    """The points of an .ljson of version 2 ('landmarks' at the top) or 3 (in one group)."""

    def parse() -> np.ndarray:
        content = json.loads(path.read_text(encoding="utf-8"))
        (group,) = content["groups"].values() if "groups" in content else (content,)
        return np.asarray(group["landmarks"]["points"], np.float64)  # null, a point not marked, becomes NaN

    points = readable(path, LAYOUT, parse)
    fields = Fields(path, LAYOUT, {"points": points.shape}, lambda _: points)
    return fields.numbers("points", (LANDMARK_COUNT, 3))


def _snapped(
    path: Path, points: Float[np.ndarray, "68 3"], vertices: Float[np.ndarray, "n 3"], mm_per_unit: float
) -> Int32[np.ndarray, "68"]:
    distances, ids = KDTree(vertices).query(points)
    farthest = int(np.argmax(distances))
    distance_mm = distances[farthest] * mm_per_unit
    if distance_mm > SNAP_LIMIT_MM:
        raise InputError(
            path,
            f"its landmark {farthest} lies {distance_mm:.1f} mm from the nearest vertex, more than {SNAP_LIMIT_MM} mm",
            "give points that were marked on the model's mean mesh, in its frame and unit",
        )
    return ids.astype(np.int32)
