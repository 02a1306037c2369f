"""LSFM, the Large Scale Facial Model (Booth et al. 2016, 2018), in two layouts.

As released: `mean` (3n) interleaved, `components` (3n, k) unit eigenvectors, `eigenvalues` (k)
VARIANCES, `trilist` counted from 0. The maps between full and cropped head, which a cropped model adds, are
not needed here.

A second layout has expression too: a struct `fmod` of `mean`, `faces`, `id_basis`, `exp_basis`, `IDlands`.
Its columns hold their standard deviations, its vertices are counted from 1.

Neither states its unit of length; the height of the mean tells it, and the model's `source` says it.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from models3d.face_model import LANDMARK_COUNT, Basis, FaceModel, basis_from_displacements, empty_basis
from models3d.readers.conventions import MM_PER, UNIT_NORM_TOLERANCE, face_model, numbered, pca_basis, unit_of
from models3d.readers.fields import Fields
from models3d.readers.landmark_file import read_landmarks
from models3d.readers.mat5 import mat_fields

RELEASED = "LSFM as released (.mat with mean, components, eigenvalues, trilist)"
STRUCT = "LSFM with expression (.mat with a struct fmod of mean, faces, id_basis, exp_basis, IDlands)"
LICENCE = "LSFM licence: non-commercial research, not to be passed on"


def read_lsfm(path: Path, landmarks: Path | None = None) -> FaceModel:
    """The model of a file in either layout.

    landmarks  needed for the released layout; for the other it takes the place of `IDlands`

    Raises InputError for a file in neither layout, naming the field.
    """
    fields = mat_fields(path, RELEASED)
    if "fmod" in fields.shapes:
        return _read_struct(mat_fields(path, STRUCT, struct="fmod"), landmarks)
    mean = fields.interleaved("mean")
    unit = unit_of(path, mean)
    return face_model(
        path,
        RELEASED,
        LICENCE,
        unit,
        mean,
        triangles=fields.indices("trilist", (None, 3), 0, len(mean)),
        landmarks=read_landmarks(landmarks, path, mean, MM_PER[unit]),
        identity=pca_basis(fields, "components", np.sqrt(fields.positive("eigenvalues")), len(mean), unit, "identity"),
        expression=empty_basis(len(mean)),
    )


def _read_struct(fields: Fields, landmarks: Path | None) -> FaceModel:
    mean = fields.interleaved("fmod.mean")
    unit = unit_of(fields.path, mean)
    if landmarks is None:
        ids = fields.indices("fmod.IDlands", (LANDMARK_COUNT,), 1, len(mean))
    else:
        ids = read_landmarks(landmarks, fields.path, mean, MM_PER[unit])
    return face_model(
        fields.path,
        STRUCT,
        LICENCE,
        unit,
        mean,
        triangles=fields.indices("fmod.faces", (None, 3), 1, len(mean)),
        landmarks=ids,
        identity=_scaled_basis(fields, "fmod.id_basis", mean, unit, "identity"),
        expression=_scaled_basis(fields, "fmod.exp_basis", mean, unit, "expression"),
    )


def _scaled_basis(fields: Fields, name: str, mean: Float[np.ndarray, "n 3"], unit: str, part: str) -> Basis:
    """Columns (3n, k) that are displacements of one standard deviation; unit vectors have lost theirs: InputError."""
    columns = fields.numbers(name, (mean.size, None))
    norms = np.sqrt(np.einsum("ij,ij->j", columns, columns, dtype=np.float64))
    if len(norms) and (np.abs(norms - 1) < UNIT_NORM_TOLERANCE).all():
        raise fields.problem(f"the columns of its '{name}' are unit vectors, which tell no standard deviation")
    displacements = np.ascontiguousarray(columns.T).reshape(-1, len(mean), 3) * MM_PER[unit]
    return basis_from_displacements(displacements, numbered(part, len(displacements)))
