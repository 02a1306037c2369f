"""FLAME (Li et al. 2017): .npz, or the released .pkl, which is read as inert arrays.

`v_template` (n, 3), `f` (t, 3) counted from 0, `shapedirs` (n, 3, 400): displacements of one standard deviation,
identity in 0:300 and expression in 300:400; lengths in METRES.

FLAME turns jaw, neck and eyeballs by skinning (`posedirs`, `weights`, `J_regressor`). A linear model cannot,
so they stay as in the template: its mouth opens only as far as the expression components open it.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from models3d.errors import InputError
from models3d.face_model import Basis, FaceModel, basis_from_displacements
from models3d.readers.conventions import MM_PER, check_unit, face_model, numbered
from models3d.readers.landmark_file import read_landmarks
from models3d.readers.npz import npz_fields
from models3d.readers.pickled import pickle_fields

LAYOUT = "FLAME (.npz or .pkl with v_template, f, shapedirs), its skinned jaw, neck and eyeballs held still"
LICENCE = "FLAME model licence (Max Planck Society): see the terms of the release the file is from"
IDENTITY, EXPRESSION = slice(0, 300), slice(300, 400)


def read_flame(path: Path, landmarks: Path | None = None) -> FaceModel:
    """The linear part of a FLAME file; `landmarks` is needed, as FLAME keeps its own in another file.

    Raises InputError for another layout, and for a pickle that names anything but arrays.
    """
    openers = {".npz": npz_fields, ".pkl": pickle_fields}
    if path.suffix not in openers:
        raise InputError(path, f"has the ending '{path.suffix}'", f"give a file of {LAYOUT}")
    fields = openers[path.suffix](path, LAYOUT)
    mean = fields.numbers("v_template", (None, 3))
    unit = check_unit(path, "metres", mean)
    directions = fields.numbers("shapedirs", (len(mean), 3, EXPRESSION.stop))
    return face_model(
        path,
        LAYOUT,
        LICENCE,
        unit,
        mean,
        triangles=fields.indices("f", (None, 3), 0, len(mean)),
        landmarks=read_landmarks(landmarks, path, mean, MM_PER[unit]),
        identity=_basis(directions[:, :, IDENTITY], unit, "identity"),
        expression=_basis(directions[:, :, EXPRESSION], unit, "expression"),
    )


def _basis(directions: Float[np.ndarray, "n 3 k"], unit: str, part: str) -> Basis:
    displacements_mm = np.ascontiguousarray(np.moveaxis(directions, -1, 0)) * MM_PER[unit]
    return basis_from_displacements(displacements_mm, numbered(part, len(displacements_mm)))
