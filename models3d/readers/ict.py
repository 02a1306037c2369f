"""ICT-FaceKit (Li et al. 2020): the folder FaceXModel of .obj files, in CENTIMETRES.

`generic_neutral_mesh.obj`; `identity000.obj`, ..., each the neutral face moved by one standard deviation;
a file for each expression unit at its full shape; and `vertex_indices.json` with the names of the
units and the 68 landmarks.

Polygons become triangles. Eyes, teeth, gums, tongue and the mouth's socket are kept, as they fill
the open mouth; the sheets that are transparent on a real face (tear film, lashes, the shadow over the eye)
are not, as they would hide the eyes. Their vertices stay, so that vertex numbers are ICT's own.
"""

import json
import re
from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int32

from models3d.errors import InputError
from models3d.face_model import LANDMARK_COUNT, FaceModel, basis_from_displacements
from models3d.readers.conventions import MM_PER, check_unit, face_model, one_sided_basis
from models3d.readers.fields import MAX_NUMBERS, Fields, check_file, readable
from models3d.readers.landmark_file import read_landmarks
from models3d.readers.obj import obj_triangles, obj_vertices

LAYOUT = "ICT-FaceKit (the folder FaceXModel)"
LICENCE = "MIT, USC Institute for Creative Technologies"
TRANSPARENT = ("M_LacrimalFluid", "M_EyeBlend", "M_EyeOcclusion", "M_EyeLashes")
MAX_INDEX_BYTES = 2**22
PLAIN_NAME = re.compile(r"[A-Za-z0-9_]{1,100}")


def read_ict(path: Path, landmarks: Path | None = None) -> FaceModel:
    """The model of a folder; `landmarks` takes the place of ICT's own.

    Any number of identity shapes is taken; every expression unit that `vertex_indices.json` lists must be there.
    Raises InputError for a missing file, and for a shape with another number of vertices, naming it.
    """
    if not path.is_dir():
        raise InputError(path, "is not a folder", f"give the path of {LAYOUT}")
    neutral = obj_vertices(path / "generic_neutral_mesh.obj")
    unit = check_unit(path, "centimetres", neutral)
    own_landmarks, units = _vertex_indices(path / "vertex_indices.json")
    if landmarks is None:
        ids = own_landmarks.indices("idx_to_landmark_verts", (LANDMARK_COUNT,), 0, len(neutral))
    else:
        ids = read_landmarks(landmarks, path, neutral, MM_PER[unit])
    identities = tuple(sorted(file.stem for file in path.glob("identity[0-9][0-9][0-9].obj")))
    return face_model(
        path,
        LAYOUT,
        LICENCE,
        unit,
        neutral,
        triangles=_opaque_triangles(path / "generic_neutral_mesh.obj", len(neutral)),
        landmarks=ids,
        identity=basis_from_displacements(_shapes_mm(path, identities, neutral, unit), identities),
        expression=one_sided_basis(_shapes_mm(path, units, neutral, unit), units),
    )


def _vertex_indices(path: Path) -> tuple[Fields, tuple[str, ...]]:
    """The landmarks' field, and the names of the expression units; a name is never more than a file's stem."""
    check_file(path, LAYOUT)
    if path.stat().st_size > MAX_INDEX_BYTES:
        raise InputError(path, f"is larger than {MAX_INDEX_BYTES >> 20} MiB", f"give a file of {LAYOUT}")
    content = readable(path, LAYOUT, lambda: dict(json.loads(path.read_text(encoding="utf-8"))))
    names = content.get("expressions")
    if not isinstance(names, list) or not all(isinstance(n, str) and PLAIN_NAME.fullmatch(n) for n in names):
        raise InputError(path, "has no list 'expressions' of plain names", f"give a file of {LAYOUT}")
    ids = readable(path, LAYOUT, lambda: np.asarray(content.get("idx_to_landmark_verts", ())))
    shape = ids.shape if ids.dtype.kind in "fiu" else None
    return Fields(path, LAYOUT, {"idx_to_landmark_verts": shape}, lambda _: ids), tuple(names)


def _shapes_mm(
    folder: Path, names: tuple[str, ...], neutral: Float64[np.ndarray, "n 3"], unit: str
) -> Float64[np.ndarray, "k n 3"]:
    """Each shape minus the neutral face."""
    if len(names) * neutral.size > MAX_NUMBERS:
        raise InputError(folder, f"has {len(names)} shapes, more than fit in memory", f"give the path of {LAYOUT}")
    shapes = np.empty((len(names), *neutral.shape))
    for shape, name in zip(shapes, names, strict=True):
        vertices = obj_vertices(folder / f"{name}.obj")
        if vertices.shape != neutral.shape:
            raise InputError(
                folder / f"{name}.obj",
                f"has {len(vertices)} vertices, the neutral face has {len(neutral)}",
                "give all shapes of one release",
            )
        shape[:] = (vertices - neutral) * MM_PER[unit]
    return shapes


def _opaque_triangles(path: Path, vertex_count: int) -> Int32[np.ndarray, "t 3"]:
    opaque = [part for name, part in obj_triangles(path).items() if name not in TRANSPARENT and len(part)]
    if not opaque:
        raise InputError(path, "has no faces but transparent ones", f"give a file of {LAYOUT}")
    triangles = np.concatenate(opaque)
    if triangles.min() < 0 or triangles.max() >= vertex_count:
        raise InputError(path, f"has faces with vertices outside 1 to {vertex_count}", f"give a file of {LAYOUT}")
    return triangles
