"""The Basel Face Model: 2009 (.mat) and 2017 / 2019 (.h5).

2009 (Paysan et al.): `shapeMU` (3n), `shapePC` (3n, k) unit eigenvectors, `shapeEV` (k) STANDARD DEVIATIONS whatever
the name says, `tl` (t, 3) counted from 1 and wound clockwise, lengths in MICROMETRES; identity only.
2017 and 2019 (Gerig et al.): `{shape,expression}/model/{mean,pcaBasis,pcaVariance}` with VARIANCES,
`shape/representer/cells` (3, t) counted from 0, millimetres. Expressions vary around a mean of their own, so
the mean face is the sum of both means. Models cropped to the face have eigenvectors shorter than 1.
Texture is not read: the fitter learns its own.
"""

from pathlib import Path

import numpy as np

from models3d.errors import InputError
from models3d.face_model import Basis, FaceModel, empty_basis
from models3d.readers.conventions import MM_PER, check_unit, face_model, pca_basis
from models3d.readers.fields import Fields
from models3d.readers.hdf5 import hdf5_fields
from models3d.readers.landmark_file import read_landmarks
from models3d.readers.mat5 import mat_fields

BFM_2009 = "Basel Face Model 2009 (.mat with shapeMU, shapePC, shapeEV, tl)"
BFM_2017 = "Basel Face Model 2017 or 2019 (.h5 with shape/model, expression/model, shape/representer)"
LICENCE = "Basel Face Model licence: non-commercial research, not to be passed on"


def read_bfm(path: Path, landmarks: Path | None = None) -> FaceModel:
    """The model of a .mat (2009) or .h5 (2017, 2019) file; `landmarks` is needed, as neither brings the 68.

    Raises InputError for a file in neither layout, naming the field.
    """
    readers = {".mat": _read_2009, ".h5": _read_2017}
    if path.suffix not in readers:
        raise InputError(path, f"has the ending '{path.suffix}'", f"give a file of {BFM_2009} or {BFM_2017}")
    return readers[path.suffix](path, landmarks)


def _read_2009(path: Path, landmarks: Path | None) -> FaceModel:
    fields = mat_fields(path, BFM_2009)
    mean = fields.interleaved("shapeMU")
    unit = check_unit(path, "micrometres", mean)
    return face_model(
        path,
        BFM_2009,
        LICENCE,
        unit,
        mean,
        triangles=fields.indices("tl", (None, 3), 1, len(mean)),
        landmarks=read_landmarks(landmarks, path, mean, MM_PER[unit]),
        identity=pca_basis(fields, "shapePC", fields.positive("shapeEV"), len(mean), unit, "identity"),
        expression=empty_basis(len(mean)),
    )


def _read_2017(path: Path, landmarks: Path | None) -> FaceModel:
    fields = hdf5_fields(path, BFM_2017)
    neutral = fields.interleaved("shape/model/mean")
    mean = neutral + fields.numbers("expression/model/mean", (neutral.size,)).reshape(neutral.shape)
    unit = check_unit(path, "millimetres", mean)
    cells = fields.indices("shape/representer/cells", (3, None), 0, len(mean))
    return face_model(
        path,
        BFM_2017,
        LICENCE,
        unit,
        mean,
        triangles=np.ascontiguousarray(cells.T),
        landmarks=read_landmarks(landmarks, path, mean, MM_PER[unit]),
        identity=_statismo_basis(fields, "shape", len(mean), unit, "identity"),
        expression=_statismo_basis(fields, "expression", len(mean), unit, "expression"),
    )


def _statismo_basis(fields: Fields, group: str, vertex_count: int, unit: str, part: str) -> Basis:
    sigmas = np.sqrt(fields.positive(f"{group}/model/pcaVariance"))
    return pca_basis(fields, f"{group}/model/pcaBasis", sigmas, vertex_count, unit, part, cropped=True)
